//! Readers of files and folders: from what lies on a disk to data sets. One file a format.

mod archive;
mod array;
mod arrays;
mod budget;
mod cifar;
mod folder;
mod idx_folder;
mod jpeg;
mod kinds;
mod layout;
mod named;
mod native;
mod numpy;
#[cfg(feature = "parquet")]
mod parquet;
mod part;
mod picture;
mod place;
mod pulse;
mod safetensors;
mod select;
mod sorting;
mod table;
mod tree;
mod webdataset;

pub use kinds::{SOURCE_KINDS, SourceKind};
pub use native::{Half, Reading, Unreadable, read_source, read_test, read_train, source_name};
pub use pulse::Pulse;
pub use select::Selection;
pub(super) use tree::{Folder, is_of_a_system};
