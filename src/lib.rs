//! Attar distils a labelled image data set into a few synthetic images per class.
pub mod data;
pub mod error;
pub mod rng;
pub mod shape;
pub use error::{Error, Result};
