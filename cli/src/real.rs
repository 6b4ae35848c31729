//! The real images that distilled sets are judged on and compared with.

use std::path::Path;

use attar::{Dataset, Distilled, Error, Result, Source};

use crate::source::SourceName;

/// A distilled set and the file that it was read from.
pub type Named<'a> = (&'a Path, &'a Distilled);

/// Real images with the classes of the distilled sets that they are for.
pub struct RealImages {
    /// What networks are tested on.
    pub test: Dataset,
    /// The training images that were asked for; else those that came with the test images, if they are known to be others.
    pub train: Option<Dataset>,
}

impl RealImages {
    /// Reads what judging these sets needs, which are of the same classes and size; there is at least one.
    ///
    /// Where a folder has no test half of its own, the images held out are those that a distilled set has never seen: if
    /// it was made from this source, its seed and size tell which.
    ///
    /// # Errors
    /// [`Error::Data`] if no image of the source is new to all sets, or if its classes are others; errors of reading.
    pub fn read(test: &SourceName, train: Option<&SourceName>, sets: &[Named<'_>]) -> Result<RealImages> {
        let (_, first) = sets[0];
        let read_test = || test.read_test(first.channels, first.height, first.width);
        let images = match train {
            Some(train) if train.absolute() == test.absolute() => {
                let source = held_out(test, sets)?.map_or_else(|| halves(test, first), Ok)?;
                RealImages { test: source.test, train: Some(source.train) }
            }
            Some(train) => RealImages { test: read_test()?, train: Some(halves(train, first)?.train) },
            None => match held_out(test, sets)? {
                Some(source) => RealImages { test: source.test, train: Some(source.train) },
                None => with_other_half(test, first, read_test()?),
            },
        };
        let asked = train.is_some();
        let train = images.train.map(|images| images.with_classes(&first.classes)).transpose();
        Ok(RealImages {
            test: images.test.with_classes(&first.classes)?,
            // Nobody asked for those that came with the test images, so that they may have other classes.
            train: if asked { train? } else { train.unwrap_or_default() },
        })
    }
}

/// Both halves of a source, as a run of this set's seed and size reads them.
fn halves(source: &SourceName, set: &Distilled) -> Result<Source> {
    source.read((set.height == set.width).then_some(set.height), set.seed)
}

/// The halves of the source that the sets were distilled from; `None` if they are of other images.
fn held_out(source: &SourceName, sets: &[Named<'_>]) -> Result<Option<Source>> {
    let mut found: Option<(&Path, Source)> = None;
    let mut seeds = Vec::new();
    for (path, set) in sets {
        let known = found.as_ref().is_some_and(|(_, found)| found.train.fingerprint() == set.fingerprint);
        if known || seeds.contains(&set.seed) {
            continue;
        }
        seeds.push(set.seed);
        // A source that cannot be read in both halves may still hold a set of test images.
        let Ok(halves) = halves(source, set) else { return Ok(None) };
        match found {
            _ if halves.train.fingerprint() != set.fingerprint => {}
            None => found = Some((path, halves)),
            Some((other, _)) => {
                let (path, other) = (path.display(), other.display());
                return Err(Error::Data(format!(
                    "{path} and {other} were distilled from different parts of {source}, so that none of its images are \
                     new to both: give other test images"
                )));
            }
        }
    }
    Ok(found.map(|(_, source)| source))
}

/// Test images, and the training images beside them if the source brings its own test half: otherwise all are test images.
fn with_other_half(source: &SourceName, set: &Distilled, test: Dataset) -> RealImages {
    let train = halves(source, set).ok().filter(|halves| halves.test.images() == test.images());
    RealImages { test, train: train.map(|halves| halves.train) }
}
