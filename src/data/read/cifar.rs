//! The binary files of CIFAR-10 and CIFAR-100: images of 32 x 32 pixels one after the other, each a label (of CIFAR-100 two,
//! the coarse one first) and a plane a channel. <https://www.cs.toronto.edu/~kriz/cifar.html>

use super::{
    Half, Reading,
    arrays::Arrays,
    layout::few,
    part::Part,
    tree::{File, Folder},
};
use crate::data::dataset::{Dataset, Images};
use crate::data::idx::class_names;
use crate::{Error, Result};

const CHANNELS: usize = 3;
const SIDE: usize = 32;
const PIXELS: usize = CHANNELS * SIDE * SIDE;

/// What tells the two apart.
struct Kind {
    classes: usize,
    /// Bytes before the pixels, of which the last is the label.
    labels: usize,
    names: &'static str,
    test: &'static str,
    /// Files of training images.
    batches: usize,
}

const TEN: Kind = Kind { classes: 10, labels: 1, names: "batches.meta.txt", test: "test_batch.bin", batches: 5 };
const HUNDRED: Kind = Kind { classes: 100, labels: 2, names: "fine_label_names.txt", test: "test.bin", batches: 1 };

impl Kind {
    fn is_batch(&self, name: &str) -> bool {
        match self.batches {
            1 => name == "train.bin",
            _ => name.strip_prefix("data_batch_").is_some_and(|rest| rest.ends_with(".bin")),
        }
    }

    /// The folders that hold files of this kind.
    fn holders<'a>(&'static self, folder: &'a Folder) -> impl Iterator<Item = (&'a Folder, &'static Kind)> {
        let ours = |file: &File| self.is_batch(&file.lower_name()) || file.lower_name() == self.test;
        folder.holders(&ours).into_iter().map(move |folder| (folder, self))
    }
}

/// Where the files of a CIFAR set lie.
pub(super) struct Cifar {
    /// Of the source, which may be a folder above.
    name: String,
    kind: &'static Kind,
    train: Vec<File>,
    test: Option<File>,
    names: Option<File>,
    notes: Vec<String>,
}

/// The CIFAR files that a folder holds, itself or one inside; `None` if there are none.
///
/// # Errors
/// [`Error::Data`] if there are several sets, or only test images.
pub(super) fn find(folder: &Folder) -> Result<Option<Cifar>> {
    let found: Vec<(&Folder, &'static Kind)> =
        [&TEN, &HUNDRED].into_iter().flat_map(|kind| kind.holders(folder)).collect();
    match found[..] {
        [] => Ok(None),
        [(one, kind)] => Cifar::of(one, kind, &folder.name).map(Some),
        [..] => {
            let names: Vec<String> = found.iter().map(|(folder, _)| folder.path.display().to_string()).collect();
            let path = folder.path.display();
            Err(Error::Data(format!("{path} holds several CIFAR sets: give one of {}", few(&names))))
        }
    }
}

impl Cifar {
    fn of(folder: &Folder, kind: &'static Kind, source: &str) -> Result<Cifar> {
        let path = folder.path.display();
        let named = |name: &str| folder.files.iter().find(|file| file.lower_name() == name).cloned();
        let train: Vec<File> = folder.files.iter().filter(|file| kind.is_batch(&file.lower_name())).cloned().collect();
        let (test, mut notes) = (named(kind.test), Vec::new());
        if train.is_empty() {
            let wanted = if kind.batches == 1 { "train.bin" } else { "data_batch_1.bin" };
            return Err(Error::Data(format!("{path} has {}, but no {wanted}: get the set again", kind.test)));
        }
        if train.len() < kind.batches {
            notes.push(format!("{path} has {} of the {} batches of training images", train.len(), kind.batches));
        }
        if test.is_none() {
            notes.push(format!("{path} has no {}: a tenth of each class is held out", kind.test));
        }
        Ok(Cifar { name: source.into(), kind, train, test, names: named(kind.names), notes })
    }

    /// The names of the classes, a line each.
    fn classes(&self, reading: &Reading) -> Result<Option<Vec<String>>> {
        let Some(file) = &self.names else { return Ok(None) };
        let text = file.text(reading.memory)?;
        let mut names = class_names(&text);
        names.retain(|name| !name.is_empty());
        let (found, wanted, path) = (names.len(), self.kind.classes, file.path.display());
        if found != wanted {
            return Err(Error::Format(format!(
                "{path} names {found} classes, not {wanted}: get the file again, or remove it"
            )));
        }
        Ok(Some(names))
    }

    /// Appends the images and labels of a file.
    fn append(&self, file: &File, reading: &Reading, pixels: &mut Vec<u8>, labels: &mut Vec<u32>) -> Result<()> {
        let (content, path, classes) = (file.content(reading.memory)?, file.path.display(), self.kind.classes);
        let images = content.chunks_exact(self.kind.labels + PIXELS);
        if content.is_empty() || !images.remainder().is_empty() {
            return Err(Error::Format(format!(
                "{path} is cut short, or no file of CIFAR-{classes}: get the binary version again"
            )));
        }
        pixels.reserve(images.len() * PIXELS);
        for image in images {
            let (head, planes) = image.split_at(self.kind.labels);
            let label = u32::from(head[self.kind.labels - 1]);
            if label as usize >= classes {
                return Err(Error::Format(format!(
                    "{path} has the label {label}, which CIFAR-{classes} has not: get the binary version again"
                )));
            }
            labels.push(label);
            pixels.extend_from_slice(planes);
        }
        Ok(())
    }

    fn half(&self, files: &[File], notes: &[String], reading: &Reading) -> Result<Half> {
        let (mut pixels, mut labels) = (Vec::new(), Vec::new());
        for file in files {
            self.append(file, reading, &mut pixels, &mut labels)?;
        }
        let images = Images::new(CHANNELS, SIDE, SIDE, pixels)?;
        let set = match self.classes(reading)? {
            Some(names) => Dataset::new(names, images, labels)?,
            None => Dataset::numbered(images, &labels)?,
        };
        let bytes = files.iter().map(|file| file.bytes).sum();
        Ok(Half { set, name: self.name.clone(), bytes, notes: notes.to_vec(), skipped: Vec::new() })
    }
}

impl Arrays for Cifar {
    fn part(&self, part: Part, reading: &Reading) -> Result<Option<Half>> {
        match (part, &self.test) {
            (Part::Train, _) => self.half(&self.train, &self.notes, reading).map(Some),
            (Part::Test, Some(test)) => self.half(std::slice::from_ref(test), &[], reading).map(Some),
            _ => Ok(None),
        }
    }
}
