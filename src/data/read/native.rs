//! Which reader a folder wants.

use std::path::Path;

use super::{folder, idx};
use crate::{
    Error, Result,
    data::{dataset::Dataset, source::Source},
};

/// The largest side that images can be resized to.
const LARGEST_SIDE: usize = 4096;

/// Reads a folder: IDX files (`train-images-idx3-ubyte` and its three fellows, plain or `.gz`, with an optional
/// `classes.txt`) or images sorted into one folder a class.
///
/// An image folder may hold `train/` and `test/` (or `val/`) with the class folders inside; otherwise 10 % of each class,
/// chosen by `seed`, become the test set. PNG, JPEG and WebP are told apart by content. Images are resized until they
/// cover `size` x `size` and cropped about the centre. Without a `size`, that is the images' own if they are all equal,
/// square and at most 64; else 32 if the median of the short sides is below 64, and 64 otherwise. They keep one channel
/// only if every file is grey. IDX images stay as they are unless a `size` is given.
///
/// # Errors
/// [`Error::Data`], [`Error::Format`] or [`Error::Io`], each naming the file and saying what to do.
pub fn read_source(path: &Path, size: Option<usize>, seed: u64) -> Result<Source> {
    check_folder(path)?;
    if let Some(size) = size.filter(|size| !(1..=LARGEST_SIDE).contains(size)) {
        return Err(Error::Data(format!("images cannot be resized to {size} pixels: give 1 to {LARGEST_SIDE}")));
    }
    if !idx::is_idx_dir(path) {
        return folder::read(path, size, seed);
    }
    let source = idx::read_idx_dir(path)?;
    let Some(size) = size else { return Ok(source) };
    Ok(Source { train: source.train.resized(size, size)?, test: source.test.resized(size, size)?, ..source })
}

/// Reads only the images to test on: the test half of a source if it has one, else all its images, with this many
/// channels and this size, as those of the training set. Labels count the classes found: see [`Dataset::with_classes`].
///
/// # Errors
/// As [`read_source`]; [`Error::Data`] if IDX images have another number of channels.
pub fn read_test(path: &Path, channels: usize, height: usize, width: usize) -> Result<Dataset> {
    check_folder(path)?;
    if !idx::is_idx_dir(path) {
        return folder::read_test(path, channels, (height, width));
    }
    let test = idx::read_idx_test(path)?.resized(height, width)?;
    if test.images().channels() == channels {
        return Ok(test);
    }
    let path = path.display();
    Err(Error::Data(format!(
        "the test images in {path} are grey, but {channels} channels are needed: give an image folder"
    )))
}

fn check_folder(path: &Path) -> Result<()> {
    let shown = path.display();
    let advice = "give a folder with one sub-folder of images a class, or with IDX files";
    if path.is_dir() {
        return Ok(());
    }
    Err(Error::Data(if !path.exists() {
        format!("there is no folder {shown}: {advice}")
    } else if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("zip")) {
        format!("{shown} is a zip archive, which is not read yet: unpack it and give the folder")
    } else {
        format!("{shown} is a file: {advice}")
    }))
}
