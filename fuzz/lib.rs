//! What the targets share: files whose checksum is right, so that a fuzzer gets past it, and a run to read states into.

use std::{path::Path, sync::Arc};

use attar::{
    Dataset, Recipe,
    data::{Images, Reading},
    engine::{Engine, reference::Reference},
};

/// The magic of every kind of file, and its versions.
pub const CONTAINER: (&[u8; 6], &[u16]) = (b"ATTAR\0", &[2, 3]);
pub const CHECKPOINT: (&[u8; 6], &[u16]) = (b"ATTARC", &[1]);
pub const POOL: (&[u8; 6], &[u16]) = (b"ATTARP", &[1]);
pub const POOL_CHECKPOINT: (&[u8; 6], &[u16]) = (b"ATTARQ", &[1]);

/// The kinds of files that a source can be, by what their names end in; the first byte of an input chooses.
pub const ENDINGS: [&str; 10] =
    ["zip", "tar", "tar.gz", "npz", "npy", "safetensors", "csv", "jsonl", "bin", "parquet"];

/// A file of this kind around a body.
pub fn sealed(magic: &[u8; 6], version: u16, body: &[u8]) -> Vec<u8> {
    let mut bytes = [magic, &version.to_le_bytes()[..], body].concat();
    let checksum = crc32fast::hash(&bytes);
    bytes.extend(checksum.to_le_bytes());
    bytes
}

/// The body of a file of ours.
pub fn body(file: &[u8]) -> &[u8] {
    &file[8..file.len() - 4]
}

/// Two classes of four images, 8 x 8.
pub fn images() -> Dataset {
    let pixels = (0..8 * 64).map(|at| (at * 37 % 251) as u8).collect();
    let images = Images::new(1, 8, 8, pixels).expect("64 values each");
    Dataset::new(vec!["a".into(), "b".into()], images, (0..8).map(|row| row % 2).collect()).expect("labels fit")
}

/// A run that takes milliseconds.
pub fn recipe() -> Recipe {
    let settings = [
        "images_per_class=1",
        "iterations=2",
        "network.depth=1",
        "network.width=2",
        "pool.networks=1",
        "pool.epochs=1",
        "real.batch=4",
        "method.frequencies=4",
        "canvas.factor=1",
    ];
    settings.iter().fold(Recipe::default().seed(3), |recipe, setting| recipe.with(setting).expect("a known key"))
}

pub fn engine() -> Arc<dyn Engine> {
    Arc::new(Reference::f32())
}

/// Reads whatever is there, with little memory.
pub fn read(path: &Path) {
    let reading = Reading { memory: 32 << 20, ..Reading::default() };
    let _ = attar::data::read_source(path, &reading);
}
