//! The training half of an IDX data set, the format of MNIST.

use std::io::Write as _;

use flate2::{Compression, write::GzEncoder};

use super::place::Entry;
use crate::{Error, Result, data::Distilled};

/// Images and labels, gzipped, and the names of the classes, a line each.
///
/// # Errors
/// [`Error::Data`] if the images have a colour, there are more classes than a byte can tell, or a name is not a line of
/// text; [`Error::Limit`] if a size is too large for the format.
pub(super) fn entries(set: &Distilled) -> Result<Vec<Entry>> {
    if set.channels != 1 {
        let channels = set.channels;
        return Err(Error::Data(format!(
            "IDX files hold grey images only, not those of {channels} channels: choose another form, such as npz"
        )));
    }
    let label = |&label: &u32| {
        u8::try_from(label).map_err(|_| {
            let classes = set.classes.len();
            Error::Data(format!("IDX files tell 256 classes apart, not {classes}: choose another form, such as npz"))
        })
    };
    let labels = set.labels.iter().map(label).collect::<Result<Vec<u8>>>()?;
    let [n, _, height, width] = set.shape();
    Ok(vec![
        entry("train-images-idx3-ubyte.gz", &[n, height, width], &set.images_u8())?,
        entry("train-labels-idx1-ubyte.gz", &[n], &labels)?,
        Entry { path: "classes.txt".into(), bytes: lines(&set.classes)?.into_bytes() },
    ])
}

/// Each name a line, as a reader takes it: without blanks around it.
fn lines(classes: &[String]) -> Result<String> {
    let is_a_line = |name: &str| !name.is_empty() && name.trim() == name && !name.contains(['\n', '\r', '\u{feff}']);
    if let Some(name) = classes.iter().find(|name| !is_a_line(name)) {
        return Err(Error::Data(format!(
            "the class name {name:?} cannot be a line of classes.txt: choose another form, such as npz"
        )));
    }
    Ok(classes.iter().map(|name| format!("{name}\n")).collect())
}

/// A gzipped IDX file of bytes: its magic number says so and counts the axes.
fn entry(name: &str, shape: &[usize], values: &[u8]) -> Result<Entry> {
    let mut header = vec![0, 0, 8, shape.len() as u8];
    for &size in shape {
        let limit = || Error::Limit { what: "an IDX file".into(), needs: size as u64, has: u32::MAX.into() };
        header.extend(u32::try_from(size).map_err(|_| limit())?.to_be_bytes());
    }
    let mut packed = GzEncoder::new(Vec::new(), Compression::best());
    let packing = packed.write_all(&header).and_then(|()| packed.write_all(values)).and_then(|()| packed.finish());
    let bytes = packing.map_err(|error| Error::Data(format!("{name} cannot be packed: {error}")))?;
    Ok(Entry { path: name.into(), bytes })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Form, Reading, example, read_train};

    #[test]
    fn our_own_reader_finds_all() {
        let root = tempfile::tempdir().unwrap();
        let (set, folder) = (example(), root.path().join("out"));
        Form::named("idx").unwrap().write(&set, &folder).unwrap();
        let read = read_train(&folder, &Reading::default()).unwrap().set;
        assert_eq!((read.classes(), read.labels()), (&set.classes[..], &set.labels[..]));
        assert_eq!(read.images().pixels(), &set.images_u8()[..]);
    }

    #[test]
    fn what_the_format_cannot_hold_is_refused() {
        let refused = |set: &Distilled, words: &str| {
            let error = entries(set).err().unwrap().to_string();
            assert!(error.contains(words) && error.contains("npz"), "{error}");
        };
        refused(&Distilled { channels: 2, width: 1, ..example() }, "grey");
        let names = |name: &str| Distilled { classes: vec![name.into(), "b".into()], ..example() };
        ["", " a", "a\nb", "\u{feff}a"].iter().for_each(|name| refused(&names(name), "classes.txt"));
        let classes = (0..300).map(|class| class.to_string()).collect();
        refused(&Distilled { classes, labels: vec![0, 1, 2, 299], ..example() }, "256 classes");
    }
}
