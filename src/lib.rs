//! Attar distils a labelled image data set into a few synthetic images per class.
pub mod data;
pub mod engine;
pub mod error;
pub mod graph;
pub mod nn;
pub mod program;
pub mod recipe;
pub mod rng;
pub mod shape;

pub use error::{Error, Result};
pub use recipe::Recipe;
