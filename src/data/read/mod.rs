//! Readers: from files to data sets. One file a format; what needs a file system is native only.

#[cfg(not(target_arch = "wasm32"))]
mod folder;
mod idx;
#[cfg(not(target_arch = "wasm32"))]
mod native;

#[cfg(not(target_arch = "wasm32"))]
pub use idx::read_idx_dir;
pub use idx::{IdxFiles, from_idx_bytes};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{read_source, read_test};
