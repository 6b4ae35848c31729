//! Networks, losses, optimisers, schedules and augmentation: functions that write graph, and the host's part of them
//! (initial values, draws, rates).

pub mod augment;
pub mod decode;
pub mod frequency;
pub mod loss;
pub mod mix;
mod network;
pub mod optim;
mod params;
pub mod schedule;

pub use network::{Architecture, Forward, ImageSize, Network, Norm, Pooling, normalise};
pub use params::{Param, Table};
