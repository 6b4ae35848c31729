//! Which reader a source wants.

use std::path::Path;

#[cfg(feature = "parquet")]
use super::parquet;
use super::{
    archive,
    arrays::{self, Arrays},
    cifar,
    folder::{self, Pictures},
    idx_folder, kinds, layout, named,
    pulse::Pulse,
    safetensors,
    select::Selection,
    table,
    tree::{Folder, stem},
    webdataset::{self, Shards},
};
use crate::{
    Error, Result,
    data::{
        dataset::Dataset,
        files,
        resize::Fit,
        source::{Source, split_per_class},
    },
};

/// The share of each class that becomes the test set where a source brings none.
const TEST_FRACTION: f64 = 0.1;
/// The largest side that images can be resized to.
const LARGEST_SIDE: usize = 4096;

/// How a source is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The side that images are resized to; chosen by the images themselves if it is `None`.
    pub size: Option<usize>,
    /// What becomes of pictures that are not square.
    pub fit: Fit,
    /// Decides what is held out of a source without a test half.
    pub seed: u64,
    pub unreadable: Unreadable,
    /// Bytes that decoding may need at once, over all threads, beside the images that are kept.
    pub memory: u64,
    /// What of the source is read.
    pub selection: Selection,
    /// How far it is.
    pub pulse: Pulse,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading {
            size: None,
            fit: Fit::Crop,
            seed: 0,
            unreadable: Unreadable::Refuse,
            memory: 2 << 30,
            selection: Selection::default(),
            pulse: Pulse::default(),
        }
    }
}

/// The same for a source that is in memory, such as that of [`from_idx_bytes`](crate::data::from_idx_bytes).
impl Reading {
    /// Both halves of it, as [`read_source`] would give them.
    ///
    /// # Errors
    /// As [`read_source`].
    pub fn both_of(&self, source: &Source) -> Result<Source> {
        arrays::read(source, self)
    }

    /// The images to train on, as [`read_train`] would give them.
    ///
    /// # Errors
    /// As [`read_train`].
    pub fn train_of(&self, source: &Source) -> Result<Half> {
        arrays::read_train(source, self)
    }

    /// The images to test on, as [`read_test`] would give them.
    ///
    /// # Errors
    /// As [`read_test`].
    pub fn test_of(&self, source: &Source, channels: usize, height: usize, width: usize) -> Result<Half> {
        arrays::read_test(source, self, channels, (height, width))
    }
}

/// What becomes of a source with files that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It is refused, in a sentence that counts and names them.
    Refuse,
    /// They are left out, and named.
    Skip,
}

/// Half of a source: images to train or to test on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Half {
    pub set: Dataset,
    /// The name of the source, for people.
    pub name: String,
    /// Size of the files, in bytes.
    pub bytes: u64,
    /// What a person may not expect, in sentences.
    pub notes: Vec<String>,
    /// Files that were left out, and why.
    pub skipped: Vec<String>,
}

impl Half {
    /// A source of this half to train on and of another to test on.
    ///
    /// # Errors
    /// As [`Source::new`].
    pub fn with_test(self, test: Half) -> Result<Source> {
        let mut source = Source::new(self.set, test.set, self.name, self.bytes + test.bytes)?;
        source.notes = [self.notes, test.notes, source.notes].concat();
        source.skipped = [self.skipped, test.skipped].concat();
        Ok(source)
    }

    /// A source of this half, a tenth of each class of which is held out to test on.
    ///
    /// # Errors
    /// As [`split_per_class`] and [`Source::new`].
    pub(super) fn divided(self, seed: u64) -> Result<Source> {
        let (train, test) = split_per_class(&self.set, TEST_FRACTION, seed)?;
        let test = Half { set: test, name: String::new(), bytes: 0, notes: Vec::new(), skipped: Vec::new() };
        Half { set: train, ..self }.with_test(test)
    }

    /// With these notes before its own.
    pub(super) fn after(mut self, notes: Vec<String>) -> Half {
        self.notes.splice(0..0, notes);
        self
    }
}

/// Reads a source of one of the [`SOURCE_KINDS`](super::SOURCE_KINDS): a folder, an archive as if it were unpacked, or a
/// file of arrays.
///
/// An image folder may hold `train/` and `test/` (or `val/`, where there is no `test/`; other usual names and any case) with
/// the class folders inside; otherwise 10 % of each class, chosen by the seed, become the test set. PNG, JPEG,
/// WebP, GIF (of which the first picture), BMP, TIFF and PNM are told apart by content. Images take the size asked for as
/// [`Fit`] says; transparent parts become white. Without a size, that is the images' own if they are all equal, square and
/// at most 64; else 32 if the median of the short sides is below 64, and 64 otherwise. They keep one channel only if every
/// file is grey. Images in arrays stay as they are unless a size is given; their classes are numbers unless names are
/// beside them. What is left out of a folder, and what becomes of
/// pictures that a person may not expect, stands in [`Source::notes`].
///
/// Zip archives and plain tar archives are read in place. Packed tar archives are unpacked into memory, at most half of what
/// [`Reading::memory`] allows; so are the images of Parquet tables, of which a [`Selection`] leaves less to hold.
///
/// # Errors
/// [`Error::Data`], [`Error::Format`] or [`Error::Io`], each naming the file and saying what to do.
pub fn read_source(path: &Path, reading: &Reading) -> Result<Source> {
    let (found, reading) = &find(path, reading)?;
    match found {
        Found::Arrays(found) => arrays::read(&**found, reading),
        Found::Pictures(found) => folder::read(found, reading),
    }
}

/// Reads the images to train on where those to test on come from elsewhere: the training half of a divided source, else
/// all images.
///
/// # Errors
/// As [`read_source`].
pub fn read_train(path: &Path, reading: &Reading) -> Result<Half> {
    let (found, reading) = &find(path, reading)?;
    match found {
        Found::Arrays(found) => arrays::read_train(&**found, reading),
        Found::Pictures(found) => folder::read_train(found, reading),
    }
}

/// Reads only the images to test on: the test half of a source if it has one, else all its images, with this many
/// channels and this size, as those of the training set. Labels count the classes found: see [`Dataset::with_classes`].
///
/// # Errors
/// As [`read_source`]; [`Error::Data`] if images in arrays have another number of channels.
pub fn read_test(path: &Path, reading: &Reading, channels: usize, height: usize, width: usize) -> Result<Half> {
    let (found, reading) = &find(path, reading)?;
    match found {
        Found::Arrays(found) => arrays::read_test(&**found, reading, channels, (height, width)),
        Found::Pictures(found) => folder::read_test(found, reading, channels, (height, width)),
    }
}

/// What a source is called, without looking into it: as its folder, or as its file without the ending.
pub fn source_name(path: &Path) -> String {
    let name = files::name(path);
    if path.is_dir() { name } else { stem(&name) }
}

/// A source of a kind that is read.
enum Found {
    Arrays(Box<dyn Arrays>),
    Pictures(Pictures),
}

/// What a path holds, and how to read it with the memory that is left.
fn find(path: &Path, reading: &Reading) -> Result<(Found, Reading)> {
    if let Some(size) = reading.size.filter(|size| !(1..=LARGEST_SIDE).contains(size)) {
        return Err(Error::Data(format!("images cannot be resized to {size} pixels: give 1 to {LARGEST_SIDE}")));
    }
    let (folder, used) = if path.is_dir() {
        (Folder::read(path)?, 0)
    } else if !path.is_file() {
        return Err(kinds::no_source(path));
    } else if let Some(archive) = archive::open(path, reading)? {
        (archive.folder, archive.memory)
    } else {
        return Ok(in_file(path, reading)?.beside(reading));
    };
    let reading = Reading { memory: reading.memory - used, ..reading.clone() };
    Ok(in_folder(folder, &reading)?.beside(&reading))
}

impl Found {
    /// With the memory that is left beside it.
    fn beside(self, reading: &Reading) -> (Found, Reading) {
        let used = match &self {
            Found::Arrays(_) => 0,
            Found::Pictures(pictures) => pictures.memory,
        };
        (self, Reading { memory: reading.memory - used, ..reading.clone() })
    }
}

/// What a file holds that is no archive.
fn in_file(path: &Path, reading: &Reading) -> Result<Found> {
    let name = stem(&files::name(path));
    if safetensors::is_one(path)? {
        return Ok(Found::Arrays(Box::new(named::in_safetensors(path, name)?)));
    }
    #[cfg(feature = "parquet")]
    if let Some(table) = parquet::given(path)? {
        let pictures = parquet::gather(&[table], reading)?.pictures(name, path.to_path_buf(), reading)?;
        return Ok(Found::Pictures(pictures));
    }
    let table = table::given(path)?.ok_or_else(|| kinds::no_source(path))?;
    let layout = reading.selection.of_layout(table::layout(&[table], reading)?, &name)?;
    Ok(Found::Pictures(Pictures::new(name, path.to_path_buf(), layout)))
}

/// What a folder or an archive holds.
fn in_folder(folder: Folder, reading: &Reading) -> Result<Found> {
    if let Some(found) = idx_folder::find(&folder)? {
        return Ok(Found::Arrays(Box::new(found)));
    }
    let has_pictures = folder.has_pictures();
    if !has_pictures && let Some(found) = cifar::find(&folder)? {
        return Ok(Found::Arrays(Box::new(found)));
    }
    if !has_pictures && let Some(found) = named::find(&folder)? {
        return Ok(Found::Arrays(Box::new(found)));
    }
    #[cfg(feature = "parquet")]
    if !has_pictures && let tables @ [_, ..] = &parquet::find(&folder)[..] {
        let pictures = parquet::gather(tables, reading)?.pictures(folder.name, folder.path, reading)?;
        return Ok(Found::Pictures(pictures));
    }
    let shards = webdataset::unpacked(&folder, reading)?;
    let layout = match layout::of(&folder, reading.selection.split.as_deref()) {
        // Class folders say more than a table beside them, which may be of anything.
        Ok(layout) if has_pictures && layout.train.len() > 1 => layout,
        _ if !shards.is_empty() => Shards::of(&shards).layout(reading)?,
        sorted => match (webdataset::find(&folder), &table::find(&folder, reading)[..]) {
            (Some(samples), _) => samples.layout(reading)?,
            (None, []) => {
                kinds::refuse_unread(&folder)?;
                let path = folder.path.display();
                let sorted = sorted.and_then(|layout| match &layout.train[..] {
                    [class] if layout.test.is_none() => {
                        let class = &class.name;
                        Err(Error::Data(format!(
                            "{path} has only one class, `{class}`: give at least two, a folder each"
                        )))
                    }
                    _ => Ok(layout),
                });
                sorted.map_err(|error| table::hinted(&folder, error))?
            }
            (None, tables) => table::layout(tables, reading)?,
        },
    };
    let layout = reading.selection.of_layout(layout, &folder.name)?;
    Ok(Found::Pictures(Pictures::new(folder.name, folder.path, layout)))
}
