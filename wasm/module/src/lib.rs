//! [`attar_wasm`] as a module. The crate that is linked decides how the whole is optimised: for speed, which the kernels
//! need. Nothing else is in it, so that all code of its own can be compiled for size.
#![cfg(target_arch = "wasm32")]

pub use attar_wasm::*;
