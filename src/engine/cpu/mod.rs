//! The CPU engine: runs plans with kernels of its own, natively and in WebAssembly.

#[cfg_attr(not(test), expect(dead_code, reason = "the plans that call it come next"))]
mod contract;
mod isa;
mod parallel;

pub use isa::Isa;
