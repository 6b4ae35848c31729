//! Kinds of data sets that are recognised and not read: what each is called, and how it becomes an image folder.

use std::path::Path;

use super::tree::{File, Folder};
use crate::Error;

/// How a file name ends, what such a file is, and the way to a folder of images.
const KINDS: [(&[&str], &str, &str); 15] = [
    (&["zip"], "a zip archive", "unpack it and give the folder"),
    (&["tar", "tgz", "tar.gz", "tar.xz", "tar.zst", "tar.bz2"], "a tar archive", "unpack it and give the folder"),
    (&["7z", "rar"], "an archive", "unpack it and give the folder"),
    (
        &["parquet", "arrow"],
        "a table of the Hugging Face hub",
        "save its images with `datasets` into one folder a class",
    ),
    (&["npz", "npy"], "a NumPy file", "save its images as PNG files in one folder a class"),
    (&["safetensors"], "a safetensors file", "save its images as PNG files in one folder a class"),
    (&["pt", "pth", "pkl", "pickle"], "a Python pickle", "save its images as PNG files in one folder a class"),
    (&["h5", "hdf5"], "an HDF5 file", "save its images as PNG files in one folder a class"),
    (&["mat"], "a MATLAB file", "save its images as PNG files in one folder a class"),
    (&["tfrecord", "tfrecords"], "a TFRecord file", "save its images as PNG files in one folder a class"),
    (&["lmdb", "mdb"], "an LMDB database", "save its images as PNG files in one folder a class"),
    (&["bin"], "a binary file, as those of CIFAR", "save its images as PNG files in one folder a class"),
    (&["csv", "tsv"], "a table", "sort the images that it lists into one folder a class"),
    (&["jsonl", "json"], "a list", "sort the images that it lists into one folder a class"),
    (&["attar"], "a distilled set", "give the images that are to be distilled (or `attar export FILE --to folder`)"),
];

/// What a file is by its name, and the way to a folder of images.
fn kind(name: &str) -> Option<(&'static str, &'static str)> {
    // Hugging Face datasets count their files in the middle of the name: `train-00000-of-00002.tfrecord-00001`.
    let ends = |ending: &&str| name.ends_with(&format!(".{ending}")) || name.contains(&format!(".{ending}-"));
    KINDS.iter().find(|(endings, ..)| endings.iter().any(ends)).map(|&(_, what, way)| (what, way))
}

/// Why a path that is no folder cannot be read.
pub(super) fn no_folder(path: &Path) -> Error {
    let shown = path.display();
    let advice = "give a folder with one sub-folder of images a class, or with IDX files";
    Error::Data(if path.is_symlink() && !path.exists() {
        format!("{shown} is a link that leads nowhere: {advice}")
    } else if !path.exists() {
        format!("there is no folder {shown}: {advice}")
    } else if let Some((what, way)) = kind(&path.to_string_lossy().to_lowercase()) {
        format!("{shown} is {what}, which is not read: {way}")
    } else if path.is_file() {
        format!("{shown} is a file: {advice}")
    } else {
        format!("{shown} is neither a file nor a folder: {advice}")
    })
}

/// Refuses a folder whose data lie in files of a kind that is not read, as it has no picture anywhere.
pub(super) fn refuse(folder: &Folder) -> Result<(), Error> {
    fn first_of_kind(folder: &Folder) -> Option<(&File, (&'static str, &'static str))> {
        let own = folder.files.iter().find_map(|file| Some((file, kind(&file.lower_name())?)));
        own.or_else(|| folder.folders.iter().find_map(first_of_kind))
    }
    fn has_pictures(folder: &Folder) -> bool {
        folder.pictures().next().is_some() || folder.folders.iter().any(has_pictures)
    }
    if has_pictures(folder) {
        return Ok(());
    }
    let Some((file, (what, way))) = first_of_kind(folder) else { return Ok(()) };
    let (path, file) = (folder.path.display(), file.path.display());
    Err(Error::Data(format!("{path} holds no pictures, but {file} is {what}, which is not read: {way}")))
}
