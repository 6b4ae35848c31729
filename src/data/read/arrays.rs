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
    match arrays.both(reading)? {
        (train, Some(test)) => resized(train, reading)?.with_test(resized(test, reading)?),
        (whole, None) => resized(whole, reading)?.divided(reading.seed),
    }
}

/// All images to train on; see [`read_train`](super::read_train).
pub(super) fn read_train(arrays: &dyn Arrays, reading: &Reading) -> Result<Half> {
    resized(arrays.train(reading)?, reading)
}

/// The test half, or all images; see [`read_test`](super::read_test).
pub(super) fn read_test(
    arrays: &dyn Arrays,
    reading: &Reading,
    channels: usize,
    (height, width): (usize, usize),
) -> Result<Half> {
    let half = arrays.test(reading)?.map_or_else(|| arrays.train(reading), Ok)?;
    let found = half.set.images().channels();
    if found != channels {
        let name = &half.name;
        return Err(Error::Data(format!(
            "the test images of {name} have {found} channels, but {channels} are needed: give an image folder"
        )));
    }
    Ok(Half { set: half.set.resized(height, width, reading.fit)?, ..half })
}

fn resized(half: Half, reading: &Reading) -> Result<Half> {
    match reading.size {
        Some(size) => Ok(Half { set: half.set.resized(size, size, reading.fit)?, ..half }),
        None => Ok(half),
    }
}
