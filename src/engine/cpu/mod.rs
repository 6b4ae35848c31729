//! The CPU engine: runs plans with kernels of its own, natively and in WebAssembly.

mod isa;
mod parallel;
mod vector;

pub use isa::Isa;
