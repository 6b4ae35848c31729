//! Readers: from files to data sets. One file a format; what needs a file system is native only.

#[cfg(not(target_arch = "wasm32"))]
mod archive;
#[cfg(not(target_arch = "wasm32"))]
mod array;
#[cfg(not(target_arch = "wasm32"))]
mod arrays;
#[cfg(not(target_arch = "wasm32"))]
mod budget;
#[cfg(not(target_arch = "wasm32"))]
mod cifar;
#[cfg(not(target_arch = "wasm32"))]
mod folder;
mod idx;
#[cfg(not(target_arch = "wasm32"))]
mod idx_folder;
#[cfg(not(target_arch = "wasm32"))]
mod jpeg;
#[cfg(not(target_arch = "wasm32"))]
mod kinds;
#[cfg(not(target_arch = "wasm32"))]
mod layout;
#[cfg(not(target_arch = "wasm32"))]
mod named;
#[cfg(not(target_arch = "wasm32"))]
mod native;
#[cfg(not(target_arch = "wasm32"))]
mod numpy;
#[cfg(all(feature = "parquet", not(target_arch = "wasm32")))]
mod parquet;
#[cfg(not(target_arch = "wasm32"))]
mod part;
#[cfg(not(target_arch = "wasm32"))]
mod picture;
#[cfg(not(target_arch = "wasm32"))]
mod place;
#[cfg(not(target_arch = "wasm32"))]
mod pulse;
#[cfg(not(target_arch = "wasm32"))]
mod safetensors;
#[cfg(not(target_arch = "wasm32"))]
mod select;
#[cfg(not(target_arch = "wasm32"))]
mod sorting;
#[cfg(not(target_arch = "wasm32"))]
mod table;
#[cfg(not(target_arch = "wasm32"))]
mod tree;
#[cfg(not(target_arch = "wasm32"))]
mod webdataset;

pub use idx::{IdxFiles, from_idx_bytes};
#[cfg(not(target_arch = "wasm32"))]
pub use kinds::{SOURCE_KINDS, SourceKind};
#[cfg(not(target_arch = "wasm32"))]
pub use native::{Half, Reading, Unreadable, read_source, read_test, read_train, source_name};
#[cfg(not(target_arch = "wasm32"))]
pub use pulse::Pulse;
#[cfg(not(target_arch = "wasm32"))]
pub use select::Selection;
#[cfg(not(target_arch = "wasm32"))]
pub(super) use tree::{Folder, is_of_a_system};
