//! IDX, the format of MNIST and its family: a big-endian header (a magic number, the size of each axis), then one byte a
//! label or pixel; often gzipped. <http://yann.lecun.com/exdb/mnist/>

use std::io::{ErrorKind, Read};

use flate2::read::MultiGzDecoder;

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
    let train = Pair { images: part(TRAIN_IMAGES, files.train_images), labels: part(TRAIN_LABELS, files.train_labels) };
    let test = Pair { images: part(TEST_IMAGES, files.test_images), labels: part(TEST_LABELS, files.test_labels) };
    let (train, test) = (train.dataset(files.classes)?, test.dataset(files.classes)?);
    let all = [files.train_images, files.train_labels, files.test_images, files.test_labels];
    Source::new(train, test, name.into(), all.iter().map(|bytes| bytes.len() as u64).sum())
}

/// Images and labels of a half.
pub(super) struct Pair<'a> {
    pub images: Part<'a>,
    pub labels: Part<'a>,
}

/// Compares what the headers promise before anything is unpacked: as many labels as images in each half and, if they must
/// be alike, one size of images.
///
/// # Errors
/// [`Error::Data`] or [`Error::Format`] that names the files.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn check_headers(halves: &[Pair<'_>], alike: bool) -> Result<()> {
    let mut first: Option<([usize; 2], &str)> = None;
    for half in halves {
        let size = half.check()?;
        match first {
            Some((other, name)) if alike && other != size => {
                return Err(Error::Data(format!(
                    "{} has images of {} x {}, but {name} of {} x {}: take both from one data set",
                    half.images.name, size[0], size[1], other[0], other[1]
                )));
            }
            _ => first = first.or(Some((size, &half.images.name))),
        }
    }
    Ok(())
}

impl Pair<'_> {
    /// The size of the images, of which there are as many as labels.
    fn check(&self) -> Result<[usize; 2]> {
        let [n, height, width] = self.images.header()?;
        let [labels] = self.labels.header()?;
        if n == labels {
            return Ok([height, width]);
        }
        let (images, other) = (&self.images.name, &self.labels.name);
        Err(Error::Data(format!(
            "{images} has {n} images, but {other} has {labels} labels: take both from one data set"
        )))
    }

    pub(super) fn dataset(&self, classes: Option<&str>) -> Result<Dataset> {
        let [height, width] = self.check()?;
        let (pixels, values) = (self.images.read::<3>()?, self.labels.read::<1>()?);
        let set = Images::new(1, height, width, pixels).and_then(|images| match classes {
            Some(text) => Dataset::new(class_names(text), images, widen(&values)),
            None => Dataset::numbered(images, &widen(&values)),
        });
        set.map_err(|error| Error::Data(format!("{} and {}: {error}", self.images.name, self.labels.name)))
    }
}

/// The names in a text of a name a line. A byte order mark is no part of one.
pub(super) fn class_names(text: &str) -> Vec<String> {
    text.trim_start_matches('\u{feff}').trim_end().lines().map(|line| line.trim().to_string()).collect()
}

fn widen(labels: &[u8]) -> Vec<u32> {
    labels.iter().map(|&label| u32::from(label)).collect()
}

/// One file and what to call it in an error.
pub(super) struct Part<'a> {
    pub name: String,
    pub bytes: &'a [u8],
}

impl Part<'_> {
    /// The sizes of an IDX file of this many axes. They are no more than its bytes can hold.
    fn header<const RANK: usize>(&self) -> Result<[usize; RANK]> {
        self.open::<RANK>().map(|(dims, ..)| dims)
    }

    /// The values of an IDX file of this many axes.
    fn read<const RANK: usize>(&self) -> Result<Vec<u8>> {
        let (_, promised, reader) = self.open::<RANK>()?;
        let mut data = Vec::new();
        reader.take(promised + 1).read_to_end(&mut data).map_err(|error| self.unreadable(&error))?;
        match data.len() as u64 {
            length if length < promised => Err(self.cut_short()),
            length if length > promised => {
                Err(Error::Format(format!("{} holds more than its header says: get the file again", self.name)))
            }
            _ => Ok(data),
        }
    }

    /// The sizes, how many values they promise, and the values to be read.
    fn open<const RANK: usize>(&self) -> Result<([usize; RANK], u64, Box<dyn Read + '_>)> {
        let size = self.bytes.len() as u64;
        let (mut reader, most): (Box<dyn Read>, u64) = if self.bytes.starts_with(&[0x1f, 0x8b]) {
            (Box::new(MultiGzDecoder::new(self.bytes)), size.saturating_mul(RATIO))
        } else {
            (Box::new(self.bytes), size)
        };
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
        Ok((dims, promised, reader))
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
