//! The real images that distilled sets are judged on and compared with.

use std::path::Path;

use attar::{
    Dataset, Distilled, Error, Result, Source,
    data::{Pulse, Reading},
};

use crate::{args::ReadArgs, source::SourceName};

/// A distilled set and the file that it was read from.
pub type Named<'a> = (&'a Path, &'a Distilled);

/// Real images with the classes of the distilled sets that they are for.
pub struct RealImages {
    /// What networks are tested on.
    pub test: Dataset,
    /// The training images that were asked for; else those that came with the test images, if they are known to be others.
    pub train: Option<Dataset>,
    /// What a person may not expect of them, in sentences.
    pub notes: Vec<String>,
}

impl RealImages {
    /// Reads what judging these sets needs, which are of the same classes and size; there is at least one.
    ///
    /// Where a folder has no test half of its own, the images held out are those that a distilled set has never seen: if
    /// it was made from this source, its seed and size tell which.
    ///
    /// # Errors
    /// [`Error::Data`] if no image of the source is new to all sets, or if its classes are others; errors of reading.
    pub fn read(
        test: &SourceName,
        train: Option<&SourceName>,
        reading: &ReadArgs,
        pulse: &Pulse,
        sets: &[Named<'_>],
    ) -> Result<RealImages> {
        let (_, first) = sets[0];
        let sources = Sources { reading, pulse, sets };
        let read_test = || test.read_test(&sources.reading(first), (first.channels, first.height, first.width));
        let mut notes = Vec::new();
        let (test_images, train_images) = match train {
            Some(train) if train.absolute() == test.absolute() => {
                let source = sources.held_out(test)?.map_or_else(|| sources.halves(test, first), Ok)?;
                notes = [&source.notes[..], &source.repeats()].concat();
                (source.test, Some(source.train))
            }
            Some(train) => {
                let half = read_test()?;
                notes.extend(half.notes);
                (half.set, Some(sources.training(train)?))
            }
            None => match sources.held_out(test)? {
                Some(source) => (source.test, Some(source.train)),
                None => {
                    let half = read_test()?;
                    let train = sources.other_half(test, &half.set);
                    notes.extend(half.notes);
                    if train.is_none() {
                        let count = half.set.len();
                        notes.push(format!(
                            "all {count} images of {test} are tested on: none should be one that a set was distilled from"
                        ));
                    }
                    (half.set, train)
                }
            },
        };
        let asked = train.is_some();
        let train = train_images.map(|images| images.with_classes(&first.classes)).transpose();
        Ok(RealImages {
            test: test_images.with_classes(&first.classes)?,
            // Nobody asked for those that came with the test images, so that they may have other classes.
            train: if asked { train? } else { train.unwrap_or_default() },
            notes,
        })
    }
}

/// How sources are read for these sets.
struct Sources<'a> {
    reading: &'a ReadArgs,
    pulse: &'a Pulse,
    sets: &'a [Named<'a>],
}

impl Sources<'_> {
    /// As a run of this set's seed and size reads.
    fn reading(&self, set: &Distilled) -> Reading {
        let read_as = self.reading.read_as((set.height == set.width).then_some(set.height));
        Reading { pulse: self.pulse.clone(), ..read_as.reading(set.seed) }
    }

    fn halves(&self, source: &SourceName, set: &Distilled) -> Result<Source> {
        source.read(None, &self.reading(set))
    }

    /// The training images that the first set was distilled from, if a part was held out of this source then; else all
    /// that it has.
    fn training(&self, source: &SourceName) -> Result<Dataset> {
        let (_, first) = self.sets[0];
        match self.halves(source, first) {
            Ok(halves) if halves.train.fingerprint() == first.fingerprint => Ok(halves.train),
            _ => Ok(source.read_train(&self.reading(first))?.set),
        }
    }

    /// The halves of the source that the sets were distilled from; `None` if they are of other images.
    fn held_out(&self, source: &SourceName) -> Result<Option<Source>> {
        let mut found: Option<(&Path, Source)> = None;
        let mut seeds = Vec::new();
        for (path, set) in self.sets {
            let known = found.as_ref().is_some_and(|(_, found)| found.train.fingerprint() == set.fingerprint);
            if known || seeds.contains(&set.seed) {
                continue;
            }
            seeds.push(set.seed);
            // A source that cannot be read in both halves may still hold a set of test images.
            let Ok(halves) = self.halves(source, set) else { return Ok(None) };
            match found {
                _ if halves.train.fingerprint() != set.fingerprint => {}
                None => found = Some((path, halves)),
                Some((other, _)) => {
                    let (path, other) = (path.display(), other.display());
                    return Err(Error::Data(format!(
                        "{path} and {other} were distilled from different parts of {source}, so that none of its images \
                         are new to both: give other test images"
                    )));
                }
            }
        }
        Ok(found.map(|(_, source)| source))
    }

    /// The training images beside these test images, if the source brings its own test half: otherwise all are test images.
    fn other_half(&self, source: &SourceName, test: &Dataset) -> Option<Dataset> {
        let (_, first) = self.sets[0];
        let halves = self.halves(source, first).ok().filter(|halves| halves.test.images() == test.images());
        halves.map(|halves| halves.train)
    }
}
