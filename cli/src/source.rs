//! Where images come from: a folder, or the sample in the binary.

use std::{
    convert::Infallible,
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use attar::{
    Dataset, Error, Result, Source,
    data::{read_source, read_test},
};
use serde::{Deserialize, Serialize};

use crate::sample;

/// A source as it is named on the command line and in a run file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub enum SourceName {
    /// The embedded sample.
    Sample,
    /// A folder that the library reads.
    Folder(PathBuf),
}

impl SourceName {
    /// Reads both halves. `size` is the side that images are resized to, `seed` chooses what is held out of a folder that
    /// has no test half of its own.
    pub fn read(&self, size: Option<usize>, seed: u64) -> Result<Source> {
        let source = match self {
            SourceName::Sample => sample::read()?,
            SourceName::Folder(path) => return read_source(path, size, seed),
        };
        let Some(size) = size else { return Ok(source) };
        Ok(Source { train: source.train.resized(size, size)?, test: source.test.resized(size, size)?, ..source })
    }

    /// Reads both halves, the second one from another source if there is one.
    pub fn read_with_test(&self, test: Option<&SourceName>, size: Option<usize>, seed: u64) -> Result<Source> {
        let source = self.read(size, seed)?;
        let Some(test) = test else { return Ok(source) };
        let images = source.train.images();
        let held_out = test.read_test(images.channels(), images.height(), images.width())?;
        source.with_test(held_out)
    }

    /// Reads only the images to test on, in the form of those trained on.
    pub fn read_test(&self, channels: usize, height: usize, width: usize) -> Result<Dataset> {
        match self {
            SourceName::Folder(path) => read_test(path, channels, height, width),
            SourceName::Sample if channels == 1 => sample::read()?.test.resized(height, width),
            SourceName::Sample => {
                Err(Error::Data(format!("the images of {} are grey, not of {channels} channels", sample::NAME)))
            }
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

/// A source in a line, for people.
pub fn describe(source: &Source) -> String {
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
        let small = SourceName::Sample.read(Some(8), 0).unwrap();
        assert_eq!((small.train.images().height(), small.test.images().width()), (8, 8));
    }
}
