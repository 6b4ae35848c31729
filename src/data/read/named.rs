//! Arrays that say by their names what they hold: images or labels, of which half.

use std::path::Path;

use super::{
    Half, Reading,
    array::{self, Array},
    arrays::Arrays,
    layout::few,
    numpy,
    part::Part,
    safetensors::{self, Tensors},
    tree::{File, Folder},
};
use crate::data::dataset::Dataset;
use crate::data::files;
use crate::data::idx::class_names;
use crate::{Error, Result};

const CLASSES: &str = "classes.txt";

/// What arrays of images are called, in lower case and without the name of a half.
const IMAGES: [&str; 9] = ["x", "images", "image", "imgs", "img", "data", "pixels", "pixel_values", "arr_0"];
const LABELS: [&str; 6] = ["y", "labels", "label", "targets", "target", "arr_1"];
const NAMES: [&str; 6] = ["classes", "class_names", "classnames", "label_names", "target_names", "names"];

/// An array that was not read yet.
#[derive(Clone)]
pub(super) struct Stored {
    pub file: File,
    pub form: Form,
}

/// What the bytes of a stored array are.
#[derive(Clone)]
pub(super) enum Form {
    Npy,
    /// Values alone, of a type as safetensors calls it.
    Raw {
        kind: String,
        shape: Vec<usize>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Images,
    Labels,
    ClassNames,
}

/// What the name of an array says; the part is [`Part::Class`] where it names none.
fn role(name: &str) -> Option<(Part, Holds)> {
    let name = name.to_lowercase().replace(['-', ' ', '.', '/'], "_");
    // `xtrain`, `trainX`
    let name = ["train", "test", "val"].iter().fold(name, |name, part| match name.strip_suffix(part) {
        Some(letter @ ("x" | "y")) => format!("{letter}_{part}"),
        _ => match name.strip_prefix(part) {
            Some(letter @ ("x" | "y")) => format!("{letter}_{part}"),
            _ => name,
        },
    });
    let mut words: Vec<&str> = name.split('_').filter(|word| !word.is_empty()).collect();
    let part = words.iter().position(|word| Part::of(word) != Part::Class);
    let part = part.map_or(Part::Class, |at| Part::of(words.remove(at)));
    let rest = words.join("_");
    let holds = [(&IMAGES[..], Holds::Images), (&LABELS[..], Holds::Labels), (&NAMES[..], Holds::ClassNames)];
    holds.iter().find(|(names, _)| names.contains(&rest.as_str())).map(|&(_, holds)| (part, holds))
}

/// Images and labels of a part.
struct Pair {
    part: Part,
    images: Stored,
    labels: Stored,
}

/// A set in named arrays.
pub(super) struct Named {
    name: String,
    pairs: Vec<Pair>,
    /// An array of texts.
    names: Option<Stored>,
    /// A text file of a name a line.
    classes: Option<File>,
    /// Names that stand beside the arrays in their file.
    listed: Option<Vec<String>>,
    notes: Vec<String>,
}

/// The arrays that a folder holds as `.npy` files, itself or one inside; `None` if there are none.
///
/// # Errors
/// [`Error::Data`] if several folders hold arrays, or as [`Named::of`].
pub(super) fn find(folder: &Folder) -> Result<Option<Named>> {
    let found = folder.holders(&|file| file.extension() == "npy");
    let path = folder.path.display();
    let [one] = found[..] else {
        if found.is_empty() {
            return Ok(None);
        }
        let names: Vec<String> = found.iter().map(|folder| folder.path.display().to_string()).collect();
        return Err(Error::Data(format!("{path} holds NumPy arrays in several folders: give one of {}", few(&names))));
    };
    let arrays = one.files.iter().filter(|file| file.extension() == "npy");
    let name = |file: &File| files::shown(file.path.file_stem().unwrap_or_default());
    let arrays = arrays.map(|file| (name(file), Stored { file: file.clone(), form: Form::Npy })).collect();
    let inside = one.files.iter().find(|file| file.lower_name() == CLASSES).cloned();
    // The directory that a single file lies in, if the arrays are those of an archive.
    let classes = inside.or_else(|| File::beside(&one.path, CLASSES));
    Named::of(&one.path, folder.name.clone(), arrays, classes).map(Some)
}

/// The arrays in a safetensors file.
///
/// # Errors
/// As [`safetensors::tensors`] and [`Named::of`].
pub(super) fn in_safetensors(path: &Path, name: String) -> Result<Named> {
    let Tensors { tensors, classes } = safetensors::tensors(path)?;
    Ok(Named { listed: classes, ..Named::of(path, name, tensors, File::beside(path, CLASSES))? })
}

impl Named {
    /// # Errors
    /// [`Error::Data`] if the names do not say which are images and labels, or two say the same.
    fn of(path: &Path, name: String, arrays: Vec<(String, Stored)>, classes: Option<File>) -> Result<Named> {
        let shown = path.display();
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for (name, stored) in arrays {
            match role(&name) {
                Some(role) => known.push((role, name, stored)),
                None => unknown.push(name),
            }
        }
        let all = |part, holds| known.iter().filter(move |(role, ..)| *role == (part, holds));
        let one = |part, holds| -> Result<Option<&(_, String, Stored)>> {
            let mut found = all(part, holds);
            match (found.next(), found.next()) {
                (Some((_, one, _)), Some((_, other, _))) => Err(Error::Data(format!(
                    "{shown} has {one} and {other}, which look like the same: remove one of them"
                ))),
                (found, _) => Ok(found),
            }
        };
        let mut pairs: Vec<Pair> = Vec::new();
        for part in [Part::Train, Part::Class, Part::Test, Part::Validation] {
            match (one(part, Holds::Images)?, one(part, Holds::Labels)?) {
                (Some((_, _, images)), Some((_, _, labels))) => {
                    if let (Part::Class, Some(train)) = (part, pairs.first()) {
                        let (one, other) = (train.images.file.path.display(), images.file.path.display());
                        return Err(Error::Data(format!(
                            "{one} and {other} both look like training images: remove one"
                        )));
                    }
                    pairs.push(Pair { part, images: images.clone(), labels: labels.clone() });
                }
                (Some((_, name, _)), None) => {
                    return Err(Error::Data(format!("{shown} has the images {name} and no labels for them: add them")));
                }
                (None, Some((_, name, _))) => {
                    return Err(Error::Data(format!("{shown} has the labels {name} and no images for them: add them")));
                }
                (None, None) => {}
            }
        }
        let names = one(Part::Class, Holds::ClassNames)?.map(|(_, _, names)| names.clone());
        if !pairs.iter().any(|pair| matches!(pair.part, Part::Train | Part::Class)) {
            let found: Vec<String> = known.iter().map(|(_, name, _)| name.clone()).chain(unknown).collect();
            return Err(Error::Data(format!(
                "{shown} has the arrays {}, none of which is called like training images: call them x_train, y_train, \
                 x_test and y_test, or images and labels",
                few(&found)
            )));
        }
        let mut notes = Vec::new();
        if !unknown.is_empty() {
            notes.push(format!(
                "not read in {shown}, as they are called neither like images nor like labels: {}",
                few(&unknown)
            ));
        }
        Ok(Named { name, pairs, names, classes, listed: None, notes })
    }

    /// The names of the classes, which an array or a file may bring.
    fn classes(&self, reading: &Reading) -> Result<Option<Vec<String>>> {
        if let Some(names) = &self.names
            && let Some(names) = names.read(reading, array::texts)?
        {
            return Ok(Some(names));
        }
        let Some(file) = &self.classes else { return Ok(self.listed.clone()) };
        let text = file.text(reading.memory)?;
        Ok(Some(class_names(&text)))
    }

    fn half(&self, pair: &Pair, reading: &Reading) -> Result<Half> {
        let (images, labels) = (pair.images.read(reading, array::images)?, pair.labels.read(reading, array::labels)?);
        let set = match self.classes(reading)? {
            Some(names) => Dataset::new(names, images, labels),
            None => Dataset::numbered(images, &labels),
        };
        let (images, labels) = (pair.images.file.path.display(), pair.labels.file.path.display());
        let set = set.map_err(|error| Error::Data(format!("{images} and {labels}: {error}")))?;
        let bytes = pair.images.file.bytes + pair.labels.file.bytes;
        Ok(Half { set, name: self.name.clone(), bytes, notes: Vec::new(), skipped: Vec::new() })
    }
}

impl Stored {
    fn read<T>(&self, reading: &Reading, make: impl Fn(&Array<'_>) -> Result<T, String>) -> Result<T> {
        let content = self.file.content(reading.memory)?;
        let array = match &self.form {
            Form::Npy => numpy::array(&content),
            Form::Raw { kind, shape } => {
                safetensors::element(kind).and_then(|element| Array::new(element, shape.clone(), &content))
            }
        };
        let named = |why| Error::Format(format!("{} {why}", self.file.path.display()));
        array.and_then(|array| make(&array)).map_err(named)
    }
}

impl Arrays for Named {
    fn part(&self, part: Part, reading: &Reading) -> Result<Option<Half>> {
        let find = |wanted| self.pairs.iter().find(move |pair| pair.part == wanted);
        let pair = match part {
            Part::Train => find(Part::Train).or_else(|| find(Part::Class)),
            part => find(part),
        };
        let Some(half) = pair.map(|pair| self.half(pair, reading)).transpose()? else { return Ok(None) };
        Ok(Some(if part == Part::Train { half.after(self.notes.clone()) } else { half }))
    }
}
