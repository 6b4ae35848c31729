//! IDX, the format of MNIST and its family: a big-endian header (a magic number, the size of each axis), then one byte a
//! label or pixel; often gzipped. <http://yann.lecun.com/exdb/mnist/>

use std::io::{ErrorKind, Read};
#[cfg(not(target_arch = "wasm32"))]
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;

#[cfg(not(target_arch = "wasm32"))]
use crate::data::files;
use crate::data::{
    dataset::{Dataset, Images},
    deflate::RATIO,
    source::Source,
};
use crate::{Error, Result};

const TRAIN_IMAGES: &str = "train-images-idx3-ubyte";
const TRAIN_LABELS: &str = "train-labels-idx1-ubyte";
const TEST_IMAGES: &str = "t10k-images-idx3-ubyte";
const TEST_LABELS: &str = "t10k-labels-idx1-ubyte";
#[cfg(not(target_arch = "wasm32"))]
const CLASSES: &str = "classes.txt";

/// The four files of an IDX data set, each plain or gzipped, and its class names.
#[derive(Debug, Clone, Copy)]
pub struct IdxFiles<'a> {
    pub train_images: &'a [u8],
    pub train_labels: &'a [u8],
    pub test_images: &'a [u8],
    pub test_labels: &'a [u8],
    /// One name a line, line k for label k. Without it the classes are the labels that occur, named by their number.
    pub classes: Option<&'a str>,
}

/// Reads an IDX data set from memory; `name` is what people will see.
///
/// ```no_run
/// # macro_rules! include_bytes { ($path:literal) => { &[] } }
/// use attar::data::{IdxFiles, from_idx_bytes};
/// let files = IdxFiles {
///     train_images: include_bytes!("train-images-idx3-ubyte.gz"),
///     train_labels: include_bytes!("train-labels-idx1-ubyte.gz"),
///     test_images: include_bytes!("t10k-images-idx3-ubyte.gz"),
///     test_labels: include_bytes!("t10k-labels-idx1-ubyte.gz"),
///     classes: None,
/// };
/// let source = from_idx_bytes(&files, "fashion-mini")?;
/// # Ok::<(), attar::Error>(())
/// ```
///
/// # Errors
/// [`Error::Format`] if a file is not IDX, damaged or cut short; [`Error::Data`] if they do not fit together.
pub fn from_idx_bytes(files: &IdxFiles<'_>, name: &str) -> Result<Source> {
    let part = |stem: &str, bytes| Part { name: format!("{stem} of {name}"), bytes };
    let train =
        dataset(&part(TRAIN_IMAGES, files.train_images), &part(TRAIN_LABELS, files.train_labels), files.classes)?;
    let test = dataset(&part(TEST_IMAGES, files.test_images), &part(TEST_LABELS, files.test_labels), files.classes)?;
    let all = [files.train_images, files.train_labels, files.test_images, files.test_labels];
    Source::new(train, test, name.into(), all.iter().map(|bytes| bytes.len() as u64).sum())
}

/// Reads the IDX data set in a folder: `train-images-idx3-ubyte`, `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`
/// and `t10k-labels-idx1-ubyte`, each plain or `.gz`, and `classes.txt` (one name a line) if there.
///
/// # Errors
/// As [`from_idx_bytes`]; [`Error::Data`] if a file is missing, [`Error::Io`] if one cannot be read.
#[cfg(not(target_arch = "wasm32"))]
pub fn read_idx_dir(path: &Path) -> Result<Source> {
    let (train, train_bytes) = read_pair(path, TRAIN_IMAGES, TRAIN_LABELS)?;
    let (test, test_bytes) = read_pair(path, TEST_IMAGES, TEST_LABELS)?;
    Source::new(train, test, files::name(path), train_bytes + test_bytes)
}

/// Reads only the test half of an IDX folder.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn read_idx_test(path: &Path) -> Result<Dataset> {
    Ok(read_pair(path, TEST_IMAGES, TEST_LABELS)?.0)
}

/// Whether a folder holds IDX images.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn is_idx_dir(path: &Path) -> bool {
    [TRAIN_IMAGES, TEST_IMAGES].iter().any(|stem| find(path, stem).is_ok())
}

/// The data set of two files in a folder, and their size in bytes.
#[cfg(not(target_arch = "wasm32"))]
fn read_pair(path: &Path, images: &str, labels: &str) -> Result<(Dataset, u64)> {
    let (images, labels) = (find(path, images)?, find(path, labels)?);
    let classes = path.join(CLASSES);
    let classes = if classes.exists() { Some(read_names(&classes)?) } else { None };
    let (image_bytes, label_bytes) = (files::read(&images)?, files::read(&labels)?);
    let images = Part { name: images.display().to_string(), bytes: &image_bytes };
    let labels = Part { name: labels.display().to_string(), bytes: &label_bytes };
    let bytes = image_bytes.len() + label_bytes.len();
    Ok((dataset(&images, &labels, classes.as_deref())?, bytes as u64))
}

#[cfg(not(target_arch = "wasm32"))]
fn read_names(path: &Path) -> Result<String> {
    let not_text = |_| Error::Format(format!("{} is not UTF-8 text: write one class name a line", path.display()));
    String::from_utf8(files::read(path)?).map_err(not_text)
}

/// The file of this name (or with `.idx` for `-idx`, as some mirrors have it), plain or gzipped.
#[cfg(not(target_arch = "wasm32"))]
fn find(folder: &Path, stem: &str) -> Result<PathBuf> {
    let dotted = stem.replace("-idx", ".idx");
    let names = [stem.to_string(), format!("{stem}.gz"), dotted.clone(), format!("{dotted}.gz")];
    names.iter().map(|name| folder.join(name)).find(|path| path.is_file()).ok_or_else(|| {
        let folder = folder.display();
        Error::Data(format!("{folder} has no file {stem} or {stem}.gz: put the four IDX files into one folder"))
    })
}

fn dataset(images: &Part<'_>, labels: &Part<'_>, classes: Option<&str>) -> Result<Dataset> {
    let ([n, height, width], pixels) = images.read()?;
    let ([label_count], values) = labels.read()?;
    if n != label_count {
        return Err(Error::Data(format!(
            "{} has {n} images, but {} has {label_count} labels: take both from one data set",
            images.name, labels.name
        )));
    }
    let (classes, values) = match classes {
        Some(text) => (text.trim_end().lines().map(|line| line.trim().to_string()).collect(), widen(&values)),
        None => count_classes(&values),
    };
    let set = Images::new(1, height, width, pixels).and_then(|images| Dataset::new(classes, images, values));
    set.map_err(|error| Error::Data(format!("{} and {}: {error}", images.name, labels.name)))
}

fn widen(labels: &[u8]) -> Vec<u32> {
    labels.iter().map(|&label| u32::from(label)).collect()
}

/// The labels that occur, in order, as class names; and the labels counted by them.
fn count_classes(labels: &[u8]) -> (Vec<String>, Vec<u32>) {
    let mut occurring = labels.to_vec();
    occurring.sort_unstable();
    occurring.dedup();
    let class = |label: &u8| occurring.partition_point(|other| other < label) as u32;
    (occurring.iter().map(u8::to_string).collect(), labels.iter().map(class).collect())
}

/// One file and what to call it in an error.
struct Part<'a> {
    name: String,
    bytes: &'a [u8],
}

impl Part<'_> {
    /// The sizes and bytes of an IDX file of this many axes.
    fn read<const RANK: usize>(&self) -> Result<([usize; RANK], Vec<u8>)> {
        let size = self.bytes.len() as u64;
        if self.bytes.starts_with(&[0x1f, 0x8b]) {
            self.parse(MultiGzDecoder::new(self.bytes), size.saturating_mul(RATIO))
        } else {
            self.parse(self.bytes, size)
        }
    }

    /// Parses what `reader` yields, of which there are at most `most` bytes.
    fn parse<const RANK: usize>(&self, mut reader: impl Read, most: u64) -> Result<([usize; RANK], Vec<u8>)> {
        let mut word = || -> Result<[u8; 4]> {
            let mut word = [0; 4];
            reader.read_exact(&mut word).map_err(|error| self.unreadable(&error))?;
            Ok(word)
        };
        if word()? != [0, 0, 8, RANK as u8] {
            let what = if RANK == 1 { "labels (magic number 0x801)" } else { "images (magic number 0x803)" };
            return Err(Error::Format(format!("{} is not an IDX file of {what}: give the original file", self.name)));
        }
        let mut dims = [0; RANK];
        for dim in &mut dims {
            *dim = u32::from_be_bytes(word()?) as usize;
        }
        let promised = dims.iter().try_fold(1u64, |size, &dim| size.checked_mul(dim as u64));
        let promised = promised.filter(|&size| size <= most).ok_or_else(|| self.cut_short())?;
        let mut data = Vec::new();
        reader.take(promised + 1).read_to_end(&mut data).map_err(|error| self.unreadable(&error))?;
        match data.len() as u64 {
            length if length < promised => Err(self.cut_short()),
            length if length > promised => {
                Err(Error::Format(format!("{} holds more than its header says: get the file again", self.name)))
            }
            _ => Ok((dims, data)),
        }
    }

    fn unreadable(&self, error: &std::io::Error) -> Error {
        match error.kind() {
            ErrorKind::UnexpectedEof => self.cut_short(),
            _ => Error::Format(format!("{} is damaged ({error}): get the file again", self.name)),
        }
    }

    fn cut_short(&self) -> Error {
        Error::Format(format!("{} is cut short: get the file again", self.name))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn idx(dims: &[u32], data: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0, 0, 8, dims.len() as u8];
        dims.iter().for_each(|dim| bytes.extend(dim.to_be_bytes()));
        bytes.extend(data);
        bytes
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(images: &[u8], labels: &[u8], classes: Option<&str>) -> Result<Source> {
        let files =
            IdxFiles { train_images: images, train_labels: labels, test_images: images, test_labels: labels, classes };
        from_idx_bytes(&files, "test")
    }

    #[test]
    fn plain_and_gzipped_agree() {
        let (images, labels) = (idx(&[3, 1, 2], &[1, 2, 3, 4, 5, 6]), idx(&[3], &[9, 4, 9]));
        let plain = read(&images, &labels, None).unwrap();
        assert_eq!(plain.train.images().pixels(), [1, 2, 3, 4, 5, 6]);
        assert_eq!((plain.train.classes(), plain.train.labels()), (&["4".into(), "9".into()][..], &[1, 0, 1][..]));
        let zipped = read(&gzip(&images), &gzip(&labels), None).unwrap();
        assert_eq!((zipped.train, zipped.test), (plain.train, plain.test));
    }

    #[test]
    fn names_are_lines() {
        let (images, labels) = (idx(&[2, 1, 1], &[1, 2]), idx(&[2], &[1, 0]));
        let source = read(&images, &labels, Some("no \r\nyes\n\n")).unwrap();
        assert_eq!((source.train.classes(), source.train.labels()), (&["no".into(), "yes".into()][..], &[1, 0][..]));
        assert!(read(&images, &labels, Some("no")).is_err());
        assert!(read(&images, &labels, Some("no\n\nyes")).is_err());
    }

    #[test]
    fn lengths_are_not_trusted() {
        let labels = idx(&[2], &[0, 1]);
        let error = |images: &[u8]| read(images, &labels, None).unwrap_err().to_string();
        let short = "train-images-idx3-ubyte of test is cut short: get the file again";
        for bytes in [&[][..], &[0, 0, 8], &idx(&[2, 2, 2], &[0; 7]), &idx(&[u32::MAX; 3], &[0; 7])] {
            assert_eq!(error(bytes), short);
        }
        for bytes in [idx(&[2, 2, 2], &[0; 7]), idx(&[u32::MAX, 2, 2], &[0; 7])] {
            assert_eq!(error(&gzip(&bytes)), short);
        }
        let whole = gzip(&idx(&[2, 2, 2], &[0; 8]));
        assert_eq!(error(&whole[..whole.len() - 1]), short);
        assert!(error(&gzip(&idx(&[2, 2, 2], &[0; 9]))).contains("more than its header says"));
        assert!(error(&idx(&[2, 0, 2], &[])).contains("sizes of at least 1"));
        assert!(error(&labels).contains("not an IDX file of images"));
        assert!(error(&idx(&[3, 1, 1], &[0; 3])).contains("2 labels"));
    }
}
