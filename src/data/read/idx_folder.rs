//! IDX files in a folder: which are images and labels, of which half.

use std::borrow::Cow;

use super::{
    Half, Reading,
    arrays::Arrays,
    layout::few,
    part::Part,
    tree::{File, Folder},
};
use crate::data::idx::{self, Pair, check_headers};
use crate::{Error, Result};

const CLASSES: &str = "classes.txt";

/// Where the files of a data set lie, and its class names. A half with a file missing is missed only by who wants it.
pub(super) struct IdxFolder {
    /// Of the source, which may be a folder above.
    name: String,
    train: Result<Paths>,
    /// `None` if neither of its files is there.
    test: Option<Result<Paths>>,
    classes: Option<File>,
}

/// Images and labels of a half.
struct Paths {
    images: File,
    labels: File,
}

/// What the name of an IDX file says.
#[derive(PartialEq, Eq)]
struct Name {
    /// What stands before the half: `emnist-letters`.
    family: String,
    half: IsHalf,
    holds: Holds,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum IsHalf {
    Train,
    Test,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Images,
    Labels,
}

impl Name {
    /// Of a file name in lower case; some mirrors have a dot before `idx`.
    fn parse(name: &str) -> Option<Name> {
        let ends = |text: &str, end: &str| Some(text.strip_suffix(end)?.trim_end_matches(['-', '.', '_']).to_string());
        let stem = ends(name.strip_suffix(".gz").unwrap_or(name), "ubyte")?;
        let stem = ends(&stem, "idx3").or_else(|| ends(&stem, "idx1"))?;
        let images = ends(&stem, "images").map(|stem| (stem, Holds::Images));
        let (stem, holds) = images.or_else(|| Some((ends(&stem, "labels")?, Holds::Labels)))?;
        let train = ends(&stem, "train").map(|family| (family, IsHalf::Train));
        let (family, half) =
            train.or_else(|| Some((ends(&stem, "t10k").or_else(|| ends(&stem, "test"))?, IsHalf::Test)))?;
        Some(Name { family, half, holds })
    }
}

/// The IDX files that a folder holds, itself or one inside; `None` if there are none.
///
/// # Errors
/// [`Error::Data`] if there are several data sets.
pub(super) fn find(folder: &Folder) -> Result<Option<IdxFolder>> {
    let found = folder.holders(&|file| Name::parse(&file.lower_name()).is_some());
    match found[..] {
        [] => Ok(None),
        [one] => IdxFolder::of(one, &folder.name).map(Some),
        [..] => {
            let names: Vec<String> = found.iter().map(|folder| folder.path.display().to_string()).collect();
            let path = folder.path.display();
            Err(Error::Data(format!("{path} holds IDX files in several folders: give one of {}", few(&names))))
        }
    }
}

impl IdxFolder {
    fn of(folder: &Folder, source: &str) -> Result<IdxFolder> {
        let path = folder.path.display();
        let names: Vec<(Name, &File)> =
            folder.files.iter().filter_map(|file| Some((Name::parse(&file.lower_name())?, file))).collect();
        let mut families: Vec<String> = names.iter().map(|(name, _)| name.family.clone()).collect();
        families.sort_unstable();
        families.dedup();
        let [family] = &families[..] else {
            let families = few(&families);
            return Err(Error::Data(format!(
                "{path} holds several IDX data sets ({families}): put the four files of one into a folder of their own"
            )));
        };
        let find = |half, holds| {
            let wanted = |(name, _): &&(Name, &File)| name.half == half && name.holds == holds;
            names.iter().find(wanted).map(|&(_, file)| file.clone()).ok_or_else(|| {
                let half = if half == IsHalf::Train { "train" } else { "t10k" };
                let holds = if holds == Holds::Images { "images-idx3" } else { "labels-idx1" };
                let gap = if family.is_empty() { "" } else { "-" };
                let file = format!("{family}{gap}{half}-{holds}-ubyte");
                Error::Data(format!("{path} has no file {file} or {file}.gz: put the four IDX files into one folder"))
            })
        };
        let half = |half| -> Result<Paths> {
            Ok(Paths { images: find(half, Holds::Images)?, labels: find(half, Holds::Labels)? })
        };
        let classes = folder.files.iter().find(|file| file.lower_name() == CLASSES).cloned();
        let test = names.iter().any(|(name, _)| name.half == IsHalf::Test).then(|| half(IsHalf::Test));
        Ok(IdxFolder { name: source.into(), train: half(IsHalf::Train), test, classes })
    }

    /// The names of the classes, a line each.
    fn classes(&self, reading: &Reading) -> Result<Option<String>> {
        self.classes.as_ref().map(|file| file.text(reading.memory)).transpose()
    }
}

/// The content of both files of a half.
struct Content<'a> {
    images: (String, Cow<'a, [u8]>),
    labels: (String, Cow<'a, [u8]>),
}

impl Paths {
    fn read(&self, reading: &Reading) -> Result<Content<'_>> {
        let images = (self.images.path.display().to_string(), self.images.content(reading.memory)?);
        Ok(Content { images, labels: (self.labels.path.display().to_string(), self.labels.content(reading.memory)?) })
    }
}

impl Content<'_> {
    fn pair(&self) -> Pair<'_> {
        fn file<'a>((name, bytes): &'a (String, Cow<'_, [u8]>)) -> idx::Part<'a> {
            idx::Part { name: name.clone(), bytes }
        }
        Pair { images: file(&self.images), labels: file(&self.labels) }
    }
}

impl IdxFolder {
    fn half(&self, content: &Content<'_>, reading: &Reading) -> Result<Half> {
        let set = content.pair().dataset(self.classes(reading)?.as_deref())?;
        let bytes = (content.images.1.len() + content.labels.1.len()) as u64;
        Ok(Half { set, name: self.name.clone(), bytes, notes: Vec::new(), skipped: Vec::new() })
    }
}

impl Arrays for IdxFolder {
    fn part(&self, part: Part, reading: &Reading) -> Result<Option<Half>> {
        match part {
            Part::Train => self.half(&there(&self.train)?.read(reading)?, reading).map(Some),
            Part::Test => {
                let test = self.test.as_ref().map(|test| self.half(&there(test)?.read(reading)?, reading));
                test.transpose()
            }
            Part::Validation | Part::Class => Ok(None),
        }
    }

    fn both(&self, reading: &Reading) -> Result<(Half, Option<Half>)> {
        let train = there(&self.train)?;
        let Some(test) = &self.test else {
            let note = format!("{} has no test half: a tenth of each class is held out", train.images.path.display());
            return Ok((self.half(&train.read(reading)?, reading)?.after(vec![note]), None));
        };
        let (train, test) = (train.read(reading)?, there(test)?.read(reading)?);
        check_headers(&[train.pair(), test.pair()], reading.size.is_none())?;
        Ok((self.half(&train, reading)?, Some(self.half(&test, reading)?)))
    }
}

/// A half that is wanted.
fn there(half: &Result<Paths>) -> Result<&Paths> {
    half.as_ref().map_err(Clone::clone)
}
