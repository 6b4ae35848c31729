//! What a processor computes for [Attar](https://docs.rs/attar): the names of its functions, its random numbers, and
//! kernels for them on slices of f32, vectorised by hand for AVX-512, AVX2, NEON and WebAssembly's simd128.
//!
//! Slices go in and slices come out: nothing here knows of graphs, programs or memory plans. It is a crate so that it can
//! be compiled for speed where everything around it is compiled for size, in a browser.

mod function;
pub mod rng;

#[cfg(feature = "cpu")]
mod contract;
#[cfg(feature = "cpu")]
mod isa;
#[cfg(feature = "cpu")]
mod lanes;
#[cfg(feature = "cpu")]
pub mod parallel;
#[cfg(feature = "cpu")]
pub mod vector;

pub use function::{Binary, Border, Compare, Conv, Law, Reduce, Unary};

#[cfg(feature = "cpu")]
pub use {
    contract::{Contraction, Variant, cached},
    isa::Isa,
};

/// The most axes of a value.
pub const MAX_RANK: usize = 8;
