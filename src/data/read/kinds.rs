//! Kinds of data sets: those that are read, and those that are recognised and not read, with what each is called and the way
//! to one that is read. Help and advice are made from here.

use std::path::Path;

use super::{
    part::Part,
    tree::{File, Folder, stem},
};
use crate::Error;

/// A kind of source that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceKind {
    /// What it is called, in the plural.
    pub name: &'static str,
    /// How it is recognised, as the rest of a sentence that begins with its name.
    pub shown_by: &'static str,
    /// The name of a file in one.
    pub example: &'static str,
}

/// All kinds of sources that are read.
pub const SOURCE_KINDS: &[SourceKind] = &[
    SourceKind {
        name: "image folders",
        shown_by: "one sub-folder of images a class, alone (a tenth of each is held out) or inside train/ and test/ (or val/)",
        example: "cat/1.jpg",
    },
    SourceKind {
        name: "archives",
        shown_by: "a zip, tar, tar.gz or tar.zst file of what is read as a folder",
        example: "pets.zip",
    },
    SourceKind {
        name: "IDX files",
        shown_by: "four files called like those of MNIST, plain or .gz, with an optional classes.txt",
        example: "train-images-idx3-ubyte.gz",
    },
    SourceKind {
        name: "CIFAR-10 and CIFAR-100",
        shown_by: "the files of the binary version, in a folder or in the archive that is handed out",
        example: "data_batch_1.bin",
    },
    SourceKind {
        name: "NumPy arrays",
        shown_by: "an npz file or a folder of npy files, called x_train, y_train, x_test, y_test, or images and labels",
        example: "set.npz",
    },
    SourceKind { name: "safetensors files", shown_by: "tensors called like NumPy arrays", example: "set.safetensors" },
    SourceKind {
        name: "tables",
        shown_by: "csv, tsv or jsonl with columns path and label, and split if they like, beside the images",
        example: "labels.csv",
    },
    SourceKind {
        name: "WebDataset shards",
        shown_by: "a tar archive, or a folder of them, with a file .cls or .json beside each image",
        example: "train-0000.tar",
    },
    #[cfg(feature = "parquet")]
    SourceKind {
        name: "Parquet tables",
        shown_by: "those of the Hugging Face hub, one or a folder of them, with columns image and label",
        example: "train-00000-of-00001.parquet",
    },
];

/// What becomes of a file that holds a data set.
enum Fate {
    /// It is read where it is given itself.
    Given,
    /// It is not read: the way to a folder of images.
    Unread(&'static str),
}

/// The way out of most formats.
const AS_PNG: Fate = Fate::Unread("save its images as PNG files in one folder a class");

/// How a file name ends, what such a file is, and what becomes of it.
const ENDINGS: &[(&[&str], &str, Fate)] = &[
    (&["zip"], "a zip archive", Fate::Given),
    (&["tar", "tgz", "tar.gz", "tar.zst"], "a tar archive", Fate::Given),
    (
        &["tar.xz", "tar.bz2", "txz", "tbz2"],
        "a tar archive packed with xz or bzip2",
        Fate::Unread("unpack it and give the folder"),
    ),
    (&["7z", "rar"], "an archive", Fate::Unread("unpack it and give the folder")),
    #[cfg(feature = "parquet")]
    (&["parquet"], "a Parquet table", Fate::Given),
    (
        &["parquet", "arrow"],
        "a table of the Hugging Face hub",
        Fate::Unread("save its images with `datasets` into one folder a class"),
    ),
    (&["npz"], "an archive of NumPy arrays", Fate::Given),
    (&["npy"], "a single NumPy array", Fate::Unread("give the folder that holds images and labels")),
    (&["safetensors"], "a safetensors file", Fate::Given),
    (&["pt", "pth", "pkl", "pickle"], "a Python pickle", AS_PNG),
    (&["h5", "hdf5"], "an HDF5 file", AS_PNG),
    (&["mat"], "a MATLAB file", AS_PNG),
    (&["tfrecord", "tfrecords"], "a TFRecord file", AS_PNG),
    (&["lmdb", "mdb"], "an LMDB database", AS_PNG),
    (&["bin"], "a binary file, called like none of CIFAR's", AS_PNG),
    (
        &["csv", "tsv", "jsonl", "ndjson"],
        "a table without the columns path and label",
        Fate::Unread("call them so, with paths relative to the table, and put the images beside it"),
    ),
    (&["json"], "a list", Fate::Unread("sort the images that it lists into one folder a class")),
    (
        &["attar"],
        "a distilled set",
        Fate::Unread("give the images that are to be distilled (or `attar export FILE --to folder`)"),
    ),
];

/// The other version of CIFAR, whose files have no ending.
const PICKLED_CIFAR: Fate = Fate::Unread("get the binary version (cifar-10-binary.tar.gz or cifar-100-binary.tar.gz)");

/// What a file is by its name, and what becomes of it.
fn ending(name: &str) -> Option<(&'static str, &'static Fate)> {
    if name.starts_with("data_batch_") && !name.contains('.') {
        return Some(("a Python pickle of CIFAR", &PICKLED_CIFAR));
    }
    // Hugging Face datasets count their files in the middle of the name: `train-00000-of-00002.tfrecord-00001`.
    let ends = |ending: &&str| name.ends_with(&format!(".{ending}")) || name.contains(&format!(".{ending}-"));
    ENDINGS.iter().find(|(endings, ..)| endings.iter().any(ends)).map(|(_, what, fate)| (*what, fate))
}

/// What can be given instead.
fn advice() -> String {
    let others: Vec<&str> = SOURCE_KINDS.iter().map(|kind| kind.name).filter(|name| *name != "image folders").collect();
    format!("give a folder with one sub-folder of images a class, or {}", others.join(", "))
}

/// Why a path that is neither a folder nor a file of a kind that is read cannot be read.
pub(super) fn no_source(path: &Path) -> Error {
    let (shown, advice) = (path.display(), advice());
    Error::Data(if path.is_symlink() && !path.exists() {
        format!("{shown} is a link that leads nowhere: {advice}")
    } else if !path.exists() {
        format!("there is no folder or file {shown}: {advice}")
    } else {
        match ending(&path.to_string_lossy().to_lowercase()) {
            Some((what, Fate::Unread(way))) => format!("{shown} is {what}, which is not read: {way}"),
            Some((what, Fate::Given)) => {
                format!("{shown} is called like {what} and does not begin like one: get it again")
            }
            None if path.is_file() => format!("{shown} is a file: {advice}"),
            None => format!("{shown} is neither a file nor a folder: {advice}"),
        }
    })
}

/// Refuses a folder whose data lie in files of a kind that is not read, as it has no picture anywhere.
pub(super) fn refuse_unread(folder: &Folder) -> Result<(), Error> {
    if folder.has_pictures() {
        return Ok(());
    }
    fn all<'a>(folder: &'a Folder, found: &mut Vec<(&'a File, &'static str, &'static Fate)>) {
        found.extend(folder.files.iter().filter_map(|file| {
            let (what, fate) = ending(&file.lower_name())?;
            Some((file, what, fate))
        }));
        folder.folders.iter().for_each(|inner| all(inner, found));
    }
    let mut found = Vec::new();
    all(folder, &mut found);
    let given: Vec<&File> =
        found.iter().filter(|(.., fate)| matches!(fate, Fate::Given)).map(|(file, ..)| *file).collect();
    // What can be given says more than a table of anything beside it.
    let first = found.iter().find(|(.., fate)| given.is_empty() || matches!(fate, Fate::Given));
    let Some((file, what, fate)) = first else { return Ok(()) };
    let (path, file) = (folder.path.display(), file.path.display());
    let half = |part: Part| given.iter().find(|file| Part::of(&stem(&file.lower_name())) == part);
    let test = half(Part::Test).or_else(|| half(Part::Validation));
    Err(Error::Data(match fate {
        Fate::Unread(way) => format!("{path} holds no pictures, but {file} is {what}, which is not read: {way}"),
        Fate::Given if half(Part::Train).is_some() && test.is_some() => {
            let names = [half(Part::Train), test].into_iter().flatten().map(|file| file.path.display().to_string());
            let names = names.collect::<Vec<String>>().join(" and ");
            format!(
                "{path} holds no pictures, but {names}: give the first instead of the folder, and the other to test on"
            )
        }
        Fate::Given if given.len() > 1 => {
            format!(
                "{path} holds no pictures, but {file} is {what}: give one such file instead of the folder, or unpack them all \
                 if each holds a class"
            )
        }
        Fate::Given => format!("{path} holds no pictures, but {file} is {what}: give the file instead of the folder"),
    }))
}
