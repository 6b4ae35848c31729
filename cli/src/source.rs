//! Where images come from: a folder or file, or the sample in the binary.

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use attar::{
    Result, Source,
    data::{Fit, Half, Reading, Selection, Unreadable, read_source, read_test, read_train, source_name},
};
use serde::{Deserialize, Serialize};

use crate::{console::Console, sample};

/// A source as it is named on the command line and in a run file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum SourceName {
    /// The embedded sample.
    Sample,
    /// A folder or file that the library reads.
    Folder(PathBuf),
}

/// How images are read, as a person asks for it and a run remembers it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadAs {
    /// The side that images are resized to.
    pub size: Option<usize>,
    pub fit: Fit,
    pub skip_unreadable: bool,
    /// Bytes that decoding may need.
    pub memory: u64,
    /// The half that alone is read.
    pub split: Option<String>,
    /// The classes that alone are read, if any are named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub classes: Vec<String>,
    /// Images of each class that are read.
    pub limit_per_class: Option<usize>,
}

impl ReadAs {
    /// `seed` chooses what is held out of a folder that has no test half of its own.
    pub fn reading(&self, seed: u64) -> Reading {
        let unreadable = if self.skip_unreadable { Unreadable::Skip } else { Unreadable::Refuse };
        let selection = Selection {
            split: self.split.clone(),
            classes: self.classes.clone(),
            limit_per_class: self.limit_per_class,
        };
        Reading {
            size: self.size,
            fit: self.fit,
            seed,
            unreadable,
            memory: self.memory,
            selection,
            ..Reading::default()
        }
    }
}

impl SourceName {
    /// Reads both halves, the second one from another source if there is one.
    pub fn read(&self, test: Option<&SourceName>, reading: &Reading) -> Result<Source> {
        let Some(test) = test else {
            return match self {
                SourceName::Folder(path) => read_source(path, reading),
                SourceName::Sample => reading.both_of(&sample::read()?),
            };
        };
        let train = self.read_train(reading)?;
        let images = train.set.images();
        // The half that is wanted is one of the source.
        let selection = Selection { split: None, ..reading.selection.clone() };
        let reading = Reading { selection, ..reading.clone() };
        let test = test.read_test(&reading, (images.channels(), images.height(), images.width()))?;
        // What is distilled, and so compared in size, is this source alone.
        train.with_test(Half { bytes: 0, ..test })
    }

    /// Reads the images to train on where those to test on come from elsewhere.
    pub fn read_train(&self, reading: &Reading) -> Result<Half> {
        match self {
            SourceName::Folder(path) => read_train(path, reading),
            SourceName::Sample => reading.train_of(&sample::read()?),
        }
    }

    /// Reads only the images to test on, in the form `[c, h, w]` of those trained on.
    pub fn read_test(&self, reading: &Reading, (channels, height, width): (usize, usize, usize)) -> Result<Half> {
        match self {
            SourceName::Folder(path) => read_test(path, reading, channels, height, width),
            SourceName::Sample => reading.test_of(&sample::read()?, channels, height, width),
        }
    }

    /// A short name for people and for what is made of it.
    pub fn short(&self) -> String {
        match self {
            SourceName::Folder(path) => source_name(path),
            SourceName::Sample => sample::NAME.into(),
        }
    }

    /// The same source, named so that another working directory finds it too.
    pub fn absolute(&self) -> SourceName {
        match self {
            SourceName::Folder(path) => SourceName::Folder(absolute(path)),
            SourceName::Sample => SourceName::Sample,
        }
    }
}

/// Says what was read: a line, the classes, and what a person may not expect.
pub fn tell(source: &Source, console: &Console) {
    console.note(describe(source));
    console.note(classes(source));
    console.notes(&source.notes);
    console.notes(&source.repeats());
}

/// The classes and how many training images each has; of many, the first.
fn classes(source: &Source) -> String {
    const SHOWN: usize = 12;
    let classes = source.train.classes();
    let count = |class: usize| source.train.of_class(class as u32).len();
    let shown: Vec<String> =
        classes.iter().enumerate().take(SHOWN).map(|(class, name)| format!("{name} {}", count(class))).collect();
    let more = classes.len().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("classes: {}{more}", shown.join(", "))
}

/// A source in a line, for people.
fn describe(source: &Source) -> String {
    let images = source.train.images();
    let colour = if images.channels() == 1 { "grey" } else { "RGB" };
    format!(
        "{}: {} training and {} test images, {} classes, {} x {}, {colour}",
        source.name,
        source.train.len(),
        source.test.len(),
        source.train.classes().len(),
        images.height(),
        images.width(),
    )
}

/// The path from the root. One that cannot be resolved stays as it is; whoever opens it will say what is wrong.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

impl FromStr for SourceName {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<SourceName, Infallible> {
        Ok(SourceName::from(text.to_string()))
    }
}

impl From<String> for SourceName {
    fn from(text: String) -> SourceName {
        if text == sample::NAME { SourceName::Sample } else { SourceName::Folder(text.into()) }
    }
}

impl From<SourceName> for String {
    fn from(source: SourceName) -> String {
        source.to_string()
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceName::Sample => f.write_str(sample::NAME),
            SourceName::Folder(path) => path.display().fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_text() {
        for text in ["fashion-mini", "./fashion-mini", "/data/cats and dogs"] {
            assert_eq!(SourceName::from(text.to_string()).to_string(), text);
        }
        assert_eq!(SourceName::from("fashion-mini".to_string()), SourceName::Sample);
        assert_ne!(SourceName::from("./fashion-mini".to_string()), SourceName::Sample);
    }

    #[test]
    fn the_sample_is_whole() {
        let source = sample::read().unwrap();
        assert_eq!((source.train.len(), source.test.len(), source.train.classes().len()), (10_000, 2_000, 10));
        let small = SourceName::Sample.read(None, &Reading { size: Some(8), ..Reading::default() }).unwrap();
        assert_eq!((small.train.images().height(), small.test.images().width()), (8, 8));
    }
}
