//! The images that the binary carries, so that it does something real before anyone has prepared a folder.

use attar::{
    Result, Source,
    data::{IdxFiles, from_idx_bytes},
};

/// The name by which a source argument asks for the sample.
pub const NAME: &str = "fashion-mini";

/// The first 10,000 training and 2,000 test images of Fashion-MNIST; see `data/fashion-mini/README.md`.
pub fn read() -> Result<Source> {
    let files = IdxFiles {
        train_images: include_bytes!("../../data/fashion-mini/train-images-idx3-ubyte.gz"),
        train_labels: include_bytes!("../../data/fashion-mini/train-labels-idx1-ubyte.gz"),
        test_images: include_bytes!("../../data/fashion-mini/t10k-images-idx3-ubyte.gz"),
        test_labels: include_bytes!("../../data/fashion-mini/t10k-labels-idx1-ubyte.gz"),
        classes: Some(include_str!("../../data/fashion-mini/classes.txt")),
    };
    from_idx_bytes(&files, NAME)
}
