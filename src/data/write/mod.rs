//! Ways out of the container: one file a format, and one list of them, [`FORMS`]. What needs a file system is native only.

mod grid;
mod lettering;
mod npz;

#[cfg(not(target_arch = "wasm32"))]
mod folder;
#[cfg(not(target_arch = "wasm32"))]
mod form;
#[cfg(not(target_arch = "wasm32"))]
mod idx;
#[cfg(not(target_arch = "wasm32"))]
mod loader;
#[cfg(all(feature = "parquet", not(target_arch = "wasm32")))]
mod parquet;
#[cfg(not(target_arch = "wasm32"))]
mod place;
#[cfg(not(target_arch = "wasm32"))]
mod png;
#[cfg(not(target_arch = "wasm32"))]
mod safetensors;
#[cfg(not(target_arch = "wasm32"))]
mod zip;

pub use grid::{Picture, png_grid};
pub use npz::npz;

#[cfg(not(target_arch = "wasm32"))]
pub use form::{FORMS, Form, Labels, Shows};
#[cfg(not(target_arch = "wasm32"))]
pub use png::save_png;
