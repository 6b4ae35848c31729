//! Data in and out: data sets, their readers, and the file of a distilled set.
//!
//! Pixels are u8 in NCHW order everywhere on the way in; programs see them as numbers in [0, 1]. What needs files and
//! folders is native only; what works on bytes ([`from_idx_bytes`], [`fit`], [`container`], [`png_grid`], [`npz`]) is shared
//! with the browser. No reader trusts a length that it reads.

pub mod container;
mod dataset;
mod deflate;
mod distilled;
mod idx;
mod invariance;
mod losses;
mod resize;
mod source;
#[cfg(feature = "candle")]
mod tensors;
mod write;

#[cfg(not(target_arch = "wasm32"))]
mod class_folders;
#[cfg(not(target_arch = "wasm32"))]
mod files;
#[cfg(not(target_arch = "wasm32"))]
mod read;

pub(crate) use dataset::rows_of;
pub use dataset::{Dataset, Images, Normalisation};
#[cfg(test)]
pub(crate) use distilled::tests::example;
pub use distilled::{Distilled, Planes, SoftLabels, Versions};
pub use idx::{IdxFiles, from_idx_bytes};
pub use invariance::Invariances;
pub use losses::{LossPoint, Losses};
pub use resize::{Fit, fit};
pub use source::{Source, split_per_class, split_rows};
pub use write::{Picture, npz, png_grid};

#[cfg(not(target_arch = "wasm32"))]
pub use files::write_atomic;
#[cfg(not(target_arch = "wasm32"))]
pub use read::{
    Half, Pulse, Reading, SOURCE_KINDS, Selection, SourceKind, Unreadable, read_source, read_test, read_train,
    source_name,
};
#[cfg(not(target_arch = "wasm32"))]
pub use write::{FORMS, Form, Labels, Shows, save_png};
