//! The CPU engine: runs plans with kernels of its own, natively and in WebAssembly.

mod isa;
mod parallel;

pub use isa::Isa;
