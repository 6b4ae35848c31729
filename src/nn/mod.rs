//! Networks, losses, optimisers, schedules and augmentation: functions that write graph, and the host's part of them
//! (initial values, draws, rates).

mod architecture;
pub mod augment;
pub mod decode;
pub mod discrepancy;
pub mod frequency;
mod image;
mod layers;
pub mod loss;
pub mod mix;
mod network;
mod networks;
pub mod optim;
mod params;
pub mod schedule;

pub use architecture::{Architecture, NetworkChoice, Norm, Pooling};
pub use image::{ImageSize, normalise};
pub use layers::Mode;
pub use network::{Forward, Network};
pub use params::{Param, Table};
