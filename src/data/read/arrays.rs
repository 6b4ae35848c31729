//! Sources whose images lie as arrays of one size in whatever files: what they have in common.

use super::{Half, Reading, part::Part};
use crate::data::source::Source;
use crate::{Error, Result};

/// Labelled images in arrays, in halves or not.
pub(super) trait Arrays {
    /// The images of a part, at their own size; `None` if there are none. Those of a source that is not divided are all to
    /// train on.
    ///
    /// # Errors
    /// [`Error::Data`], [`Error::Format`] or [`Error::Io`], each naming the file and saying what to do.
    fn part(&self, part: Part, reading: &Reading) -> Result<Option<Half>>;

    /// Images to train on and, if there are any, to test on.
    ///
    /// # Errors
    /// As [`Arrays::part`]; [`Error::Data`] if there are none to train on.
    fn both(&self, reading: &Reading) -> Result<(Half, Option<Half>)> {
        Ok((self.train(reading)?, self.test(reading)?))
    }

    /// # Errors
    /// As [`Arrays::both`].
    fn train(&self, reading: &Reading) -> Result<Half> {
        let none = || Error::Data("there are no images to train on: give a source that has some".into());
        self.part(Part::Train, reading)?.ok_or_else(none)
    }

    /// The test images, or those for validation where there are no others.
    ///
    /// # Errors
    /// As [`Arrays::part`].
    fn test(&self, reading: &Reading) -> Result<Option<Half>> {
        let test = self.part(Part::Test, reading)?;
        test.map_or_else(|| self.part(Part::Validation, reading), |test| Ok(Some(test)))
    }
}

/// Both halves; see [`read_source`](super::read_source).
pub(super) fn read(arrays: &dyn Arrays, reading: &Reading) -> Result<Source> {
    let (train, test) = match only(arrays, reading)? {
        Some(whole) => (whole, None),
        None => arrays.both(reading)?,
    };
    match (taken(train, reading)?, test) {
        (train, Some(test)) => train.with_test(taken(test, reading)?),
        (whole, None) => whole.divided(reading.seed),
    }
}

/// All images to train on; see [`read_train`](super::read_train).
pub(super) fn read_train(arrays: &dyn Arrays, reading: &Reading) -> Result<Half> {
    let train = only(arrays, reading)?.map_or_else(|| arrays.train(reading), Ok)?;
    taken(train, reading)
}

/// The test half, or all images; see [`read_test`](super::read_test).
pub(super) fn read_test(
    arrays: &dyn Arrays,
    reading: &Reading,
    channels: usize,
    (height, width): (usize, usize),
) -> Result<Half> {
    let test = only(arrays, reading)?.map_or_else(|| arrays.test(reading), |test| Ok(Some(test)))?;
    let half = reading.selection.of_half(test.map_or_else(|| arrays.train(reading), Ok)?)?;
    let found = half.set.images().channels();
    if found != channels {
        let name = &half.name;
        return Err(Error::Data(format!(
            "the test images of {name} have {found} channels, but {channels} are needed: give an image folder"
        )));
    }
    Ok(Half { set: half.set.resized(height, width, reading.fit)?, ..half })
}

/// The half that alone is wanted, if one is.
fn only(arrays: &dyn Arrays, reading: &Reading) -> Result<Option<Half>> {
    let Some(part) = reading.selection.part()? else { return Ok(None) };
    let none = || {
        let split = reading.selection.split.as_deref().unwrap_or_default();
        Error::Data(format!("the source has no half `{split}`: give another, or read it whole"))
    };
    arrays.part(part, reading)?.ok_or_else(none).map(Some)
}

/// What is wanted of a half, at the size that is wanted.
fn taken(half: Half, reading: &Reading) -> Result<Half> {
    let half = reading.selection.of_half(half)?;
    match reading.size {
        Some(size) => Ok(Half { set: half.set.resized(size, size, reading.fit)?, ..half }),
        None => Ok(half),
    }
}

/// A source in memory. What was said of it belongs to its training images, and all of its bytes.
impl Arrays for Source {
    fn part(&self, part: Part, _: &Reading) -> Result<Option<Half>> {
        let name = self.name.clone();
        Ok(match part {
            Part::Train => {
                let (notes, skipped) = (self.notes.clone(), self.skipped.clone());
                Some(Half { set: self.train.clone(), name, bytes: self.bytes, notes, skipped })
            }
            Part::Test => Some(Half { set: self.test.clone(), name, bytes: 0, notes: Vec::new(), skipped: Vec::new() }),
            Part::Validation | Part::Class => None,
        })
    }
}
