//! How a folder of pictures is laid out: which folders are classes, and which half each belongs to. Either it is plain, or
//! one sentence says what the folder is and what to do; nothing is guessed, and what is left out is named. Class folders
//! beside a [`Manifest`] of ours are what it says, whatever they are called.

use std::path::Path;

use super::{
    part::Part,
    tree::{File, Folder},
};
use crate::{
    Error, Result,
    data::{
        class_folders::{MANIFEST, Manifest},
        files::{escaped, shown},
    },
};

/// Pictures by class, of a source that is divided or not.
pub(super) struct Layout {
    /// All pictures, if there is no other half.
    pub train: Vec<Class>,
    pub test: Option<Vec<Class>>,
    /// Whether there are folders for halves, one of which may be missing.
    pub divided: bool,
    /// What a person may not expect, in sentences.
    pub notes: Vec<String>,
}

/// A class and its files, which are pictures if all is well.
pub(super) struct Class {
    pub name: String,
    pub files: Vec<File>,
}

/// Folders that lie beside each other in sets for other tasks than classification, in lower case.
const OTHER_TASKS: [(&[&str], &[&str], &str); 2] = [
    (
        &["images", "imgs", "jpegimages", "image"],
        &["masks", "mask", "segmentationclass", "segmentations"],
        "for segmentation",
    ),
    (
        &["images", "imgs", "jpegimages", "image"],
        &["labels", "annotations", "label", "annotation", "xmls"],
        "for object detection",
    ),
];

/// The layout of a folder, or of the half in it that alone is wanted.
///
/// # Errors
/// [`Error::Data`] that says what the folder is and what to do.
pub(super) fn of(root: &Folder, split: Option<&str>) -> Result<Layout> {
    let mut notes = Vec::new();
    let root = unwrapped(root, &mut notes);
    if let Some(manifest) = Manifest::beside(root) {
        let train = named_classes(root, Some(&manifest), true, &mut notes)?;
        return Ok(Layout { train, test: None, divided: false, notes });
    }
    refuse_other_tasks(root)?;
    if let Some(split) = split {
        let half = half_called(root, split)?;
        return Ok(Layout { train: classes(half, true, &mut notes)?, test: None, divided: false, notes });
    }
    refuse_unclear_halves(root)?;
    let part = |part| root.folders.iter().filter(move |folder| Part::of(&folder.name) == part);
    let Some(train) = part(Part::Train).next().filter(|train| !train.folders.is_empty()) else {
        return undivided(root, notes);
    };
    let is_class = |folder: &Folder| train.folders.iter().any(|class| class.name == folder.name);
    let is_sorted = |half: &&Folder| match &half.folders[..] {
        // All pictures of a half that is not sorted may lie in a folder of their own.
        [inner] => is_class(inner) || !inner.folders.is_empty() || train.folders.len() < 2,
        folders => !folders.is_empty(),
    };
    let test = part(Part::Test).chain(part(Part::Validation)).find(is_sorted);
    let read = [Some(train), test];
    let is_read = |folder: &Folder| read.iter().flatten().any(|half| std::ptr::eq(*half, folder));
    notes.extend(root.folders.iter().filter(|folder| !is_read(folder)).map(|folder| unread_half(folder, test)));
    note_strays(root, None, &mut notes);
    Ok(Layout {
        train: classes(train, true, &mut notes)?,
        test: test.map(|test| classes(test, false, &mut notes)).transpose()?,
        divided: true,
        notes,
    })
}

/// The folder of this name; else the one for the same half.
fn half_called<'a>(root: &'a Folder, split: &str) -> Result<&'a Folder> {
    let is_called = |folder: &&Folder| folder.name.to_lowercase() == split.to_lowercase();
    let is_same = |folder: &&Folder| Part::of(split) != Part::Class && Part::of(&folder.name) == Part::of(split);
    let found = root.folders.iter().find(is_called).or_else(|| root.folders.iter().find(is_same));
    found.ok_or_else(|| {
        let (path, names) = (root.path.display(), root.folders.iter().map(|folder| folder.name.clone()));
        let names = few(&names.collect::<Vec<String>>());
        Error::Data(format!("{path} has no half `{split}`: give one of its folders ({names}), or read it whole"))
    })
}

/// The folder inside folders that hold nothing else.
fn unwrapped<'a>(root: &'a Folder, notes: &mut Vec<String>) -> &'a Folder {
    let mut folder = root;
    while let [inner] = &folder.folders[..]
        && wraps(folder)
    {
        folder = inner;
    }
    if !std::ptr::eq(folder, root) {
        notes.push(format!("the classes are taken from {}", folder.path.display()));
    }
    folder
}

/// Whether a folder holds a single one that is no class, as it has class folders or halves inside.
fn wraps(folder: &Folder) -> bool {
    let [inner] = &folder.folders[..] else { return false };
    let is_half = Part::of(&inner.name) != Part::Class && !inner.folders.is_empty();
    folder.pictures().next().is_none() && (is_half || inner.folders.len() > 1 || wraps(inner))
}

fn refuse_other_tasks(root: &Folder) -> Result<()> {
    let find = |names: &[&str]| root.folders.iter().find(|folder| names.contains(&folder.name.to_lowercase().as_str()));
    // Classes may lie in `images/`, with lists of them in `labels/`.
    let is_sorted = |folder: &Folder| {
        folder.folders.len() > 1 && folder.folders.iter().all(|inner| Part::of(&inner.name) == Part::Class)
    };
    for (pictures, others, task) in OTHER_TASKS {
        if let (Some(pictures), Some(other)) = (find(pictures).filter(|found| !is_sorted(found)), find(others)) {
            let (root, pictures, other) = (root.path.display(), &pictures.name, &other.name);
            return Err(Error::Data(format!(
                "{root} holds {pictures}/ and {other}/, a set {task}: sort the pictures into one folder a class"
            )));
        }
    }
    Ok(())
}

/// Refuses two folders for one half, and a half that is no folder.
fn refuse_unclear_halves(root: &Folder) -> Result<()> {
    for half in [Part::Train, Part::Test, Part::Validation] {
        let folders: Vec<&Folder> = root.folders.iter().filter(|folder| Part::of(&folder.name) == half).collect();
        if let [one, other, ..] = folders[..] {
            let (one, other) = (one.path.display(), other.path.display());
            return Err(Error::Data(format!("{one} and {other} both look like the same half: remove one of them")));
        }
    }
    let is_half = |path: &Path| path.file_name().is_some_and(|name| Part::of(&shown(name)) != Part::Class);
    match root.others.iter().find(|(path, _)| is_half(path)) {
        Some((path, why)) => Err(Error::Data(format!("{} is {why}: mend or remove it", path.display()))),
        None => Ok(()),
    }
}

/// Why a folder beside the halves is not read.
fn unread_half(folder: &Folder, test: Option<&Folder>) -> String {
    let path = folder.path.display();
    let inner = folder.folders.first().filter(|_| folder.folders.len() == 1);
    match (Part::of(&folder.name), folder.pictures().count(), inner, test) {
        (Part::Test | Part::Validation, pictures, None, _) if folder.folders.is_empty() && pictures > 0 => {
            format!("{path} is not read: its {pictures} pictures are in no class folders")
        }
        (Part::Test | Part::Validation, _, Some(inner), None) => {
            format!("{path} is not read: its only folder, {}, is called like no class", inner.name)
        }
        (Part::Test | Part::Validation, _, _, Some(test)) => {
            format!("{path} is not read: the test images are those in {}", test.path.display())
        }
        _ => format!("{path} is not read: it lies beside the halves"),
    }
}

/// Class folders of a folder that is not divided.
fn undivided(root: &Folder, mut notes: Vec<String>) -> Result<Layout> {
    let halves: Vec<&Folder> = root.folders.iter().filter(|folder| Part::of(&folder.name) != Part::Class).collect();
    let others = root.folders.len() - halves.len();
    let path = root.path.display();
    let names = || halves.iter().map(|half| format!("{}/", half.name)).collect::<Vec<_>>().join(" and ");
    if !halves.is_empty() && halves.iter().all(|half| half.folders.is_empty()) && (others == 0 || halves.len() > 1) {
        return Err(Error::Data(format!(
            "{path} has {} with pictures that are in no class folders: sort those of each half into one folder a class",
            names()
        )));
    }
    if let Some(half) = halves.iter().find(|half| !half.folders.is_empty()) {
        let half = &half.name;
        return Err(Error::Data(format!(
            "{path} has {half}/ but no train/ with class folders: add it, or give {path}/{half}"
        )));
    }
    // A class may be called `train`, but hardly `test`.
    if let Some(half) = halves.iter().find(|half| Part::of(&half.name) != Part::Train) {
        let half = &half.name;
        return Err(Error::Data(format!(
            "{path} has {half}/ beside class folders, with pictures of no class: move it away, or rename it if it is a class"
        )));
    }
    let train = classes(root, true, &mut notes)?;
    Ok(Layout { train, test: None, divided: false, notes })
}

/// What lies beside folders and is not read, their manifest left out.
fn note_strays(folder: &Folder, manifest: Option<&Manifest>, notes: &mut Vec<String>) {
    let name = |path: &Path| path.file_name().map(shown).unwrap_or_default();
    let manifest = manifest.map(|_| MANIFEST);
    let files = folder.files.iter().map(|file| name(&file.path)).filter(|name| Some(name.as_str()) != manifest);
    let others = folder.others.iter().map(|(path, why)| format!("{} ({why})", name(path)));
    let names: Vec<String> = files.chain(others).collect();
    if !names.is_empty() {
        let path = folder.path.display();
        notes.push(format!("not read in {path}, as it is in no class folder: {}", few(&names)));
    }
}

/// The first few, and how many more.
pub(super) fn few(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let shown = names[..names.len().min(SHOWN)].join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The class folders in a folder, called as its manifest says if it has one. In a half that must have all of them, none may
/// be empty.
fn classes(folder: &Folder, complete: bool, notes: &mut Vec<String>) -> Result<Vec<Class>> {
    named_classes(folder, Manifest::beside(folder).as_ref(), complete, notes)
}

fn named_classes(
    folder: &Folder,
    manifest: Option<&Manifest>,
    complete: bool,
    notes: &mut Vec<String>,
) -> Result<Vec<Class>> {
    let path = folder.path.display();
    if folder.folders.is_empty() {
        return Err(Error::Data(match folder.pictures().count() {
            0 => format!("{path} has no sub-folders: sort the images into one folder a class"),
            count => format!("the {count} pictures in {path} are in no sub-folders: sort them into one folder a class"),
        }));
    }
    note_strays(folder, manifest, notes);
    let named = match manifest {
        Some(manifest) => manifest.name(&folder.folders),
        None => folder.folders.iter().map(|class| (class.name.clone(), class)).collect(),
    };
    let mut classes: Vec<Class> = Vec::new();
    for (class_name, class) in &named {
        let files = files_of(class, notes)?;
        if classes.iter().any(|other| other.name == *class_name) {
            let same = named.iter().find(|(name, _)| name == class_name).map(|(_, same)| escaped(&same.path));
            let (same, this) = (same.unwrap_or_default(), escaped(&class.path));
            return Err(Error::Data(format!("{same} and {this} have the same name to the eye: rename one")));
        }
        match files.is_empty() {
            true if complete => {
                let class = class.path.display();
                return Err(Error::Data(format!("the class folder {class} is empty: add images or remove it")));
            }
            true => notes.push(format!("{} is empty", class.path.display())),
            false => classes.push(Class { name: class_name.clone(), files }),
        }
    }
    Ok(classes)
}

/// The files of a class folder, which may keep its pictures in a single folder inside.
fn files_of(class: &Folder, notes: &mut Vec<String>) -> Result<Vec<File>> {
    let path = class.path.display();
    if let Some((other, why)) = class.others.first() {
        return Err(Error::Data(format!("{} is {why}: remove it", other.display())));
    }
    match &class.folders[..] {
        [] => Ok(class.files.clone()),
        [inner] if class.pictures().next().is_none() && inner.folders.is_empty() && !inner.files.is_empty() => {
            note_strays(class, None, notes);
            Ok(inner.files.clone())
        }
        folders => {
            let names: Vec<String> = folders.iter().map(|folder| format!("{}/", folder.name)).collect();
            let advice = if class.pictures().next().is_some() {
                "move its pictures up one level"
            } else {
                "move the pictures of one class into one folder, or give the folder whose sub-folders are the classes"
            };
            Err(Error::Data(format!("the class folder {path} holds folders ({}): {advice}", few(&names))))
        }
    }
}
