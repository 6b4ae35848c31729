//! Attar distils a labelled image data set into a few synthetic images per class.
pub mod bench;
mod checksum;
pub mod data;
pub mod engine;
pub mod error;
pub mod evaluate;
mod fingerprint;
pub mod graph;
pub mod method;
mod micro_batch;
pub mod nn;
pub mod pool;
pub mod program;
pub mod recipe;
pub mod run;
mod sealed;
pub mod settings;
pub mod shape;
mod sorted;
mod streams;
mod train;
mod unpack;

pub use attar_kernels::rng;
pub use data::{Dataset, Distilled, Source};
pub use error::{Error, Result};
pub use evaluate::{Accuracy, Evaluation, Protocol};
pub use pool::Pool;
pub use recipe::Recipe;
pub use run::{Distillation, Phase, Progress};
pub use settings::Settings;

/// Compiles the examples of the README.
#[cfg(all(doctest, not(target_arch = "wasm32")))]
#[doc = include_str!("../README.md")]
struct ReadmeExamples;
