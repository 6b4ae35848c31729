//! WebDataset: tar archives in which files of one name belong together, `000.jpg` and its class in `000.cls` or `000.json`.
//! <https://github.com/webdataset/webdataset>

use super::{
    Reading, archive,
    layout::{Layout, few},
    part::Part,
    sorting::Sorting,
    tree::{File, Folder},
};
use crate::data::files;
use crate::{Error, Result};

/// No class takes more bytes to tell.
const LONGEST_CLASS: u64 = 1 << 16;
/// What the class is called in JSON, the better one first.
const KEYS: [&str; 5] = ["class_name", "label_name", "label", "cls", "class"];

/// Samples, in as many archives as they were cut into.
pub(super) struct Shards<'a> {
    shards: Vec<(Part, &'a Folder)>,
}

/// A file's name up to its first dot, which all files of a sample share, and the rest.
fn key(file: &File) -> (String, String) {
    let name = files::shown(file.path.file_name().unwrap_or_default());
    let (key, rest) = name.split_once('.').unwrap_or((&name, ""));
    (key.into(), rest.to_lowercase())
}

/// Whether a folder holds samples: files that tell the class of a picture of the same name.
fn holds_samples(folder: &Folder) -> bool {
    let (mut pictures, mut classes) = (Vec::new(), Vec::new());
    for file in &folder.files {
        match key(file) {
            (key, rest) if rest == "cls" || rest == "json" => classes.push(key),
            (key, _) if file.is_picture() => pictures.push(key),
            _ => {}
        }
    }
    pictures.sort_unstable();
    classes.iter().any(|class| pictures.binary_search(class).is_ok())
}

/// The part that the name of an archive tells: `set-train-0001.tar`.
fn part(name: &str) -> Part {
    match Part::within(name) {
        Part::Class => Part::Train,
        part => part,
    }
}

/// The samples of an archive that was given itself, or of a folder like it.
pub(super) fn find(folder: &Folder) -> Option<Shards<'_>> {
    let inner = folder.innermost();
    holds_samples(inner).then(|| Shards { shards: vec![(part(&folder.name), inner)] })
}

/// What is in the archives of a folder that holds nothing else; empty if they hold no samples.
///
/// # Errors
/// As [`archive::list_in_place`].
pub(super) fn unpacked(folder: &Folder, reading: &Reading) -> Result<Vec<Folder>> {
    let all_tar = folder.files.iter().all(|file| file.extension() == "tar");
    if folder.files.is_empty() || !folder.folders.is_empty() || !all_tar || !folder.path.is_dir() {
        return Ok(Vec::new());
    }
    let listed = folder.files.iter().map(|file| archive::list_in_place(&file.path, reading.memory));
    let listed: Vec<Option<Folder>> = listed.collect::<Result<_>>()?;
    let listed: Option<Vec<Folder>> = listed.into_iter().collect();
    Ok(listed.unwrap_or_default().into_iter().filter(|shard| holds_samples(shard.innermost())).collect())
}

impl<'a> Shards<'a> {
    /// Those of several archives.
    pub fn of(shards: &'a [Folder]) -> Shards<'a> {
        Shards { shards: shards.iter().map(|shard| (part(&shard.name), shard.innermost())).collect() }
    }

    /// The pictures by class.
    ///
    /// # Errors
    /// [`Error::Data`] or [`Error::Format`] if a class cannot be read, or none is of a half that is wanted.
    pub fn layout(&self, reading: &Reading) -> Result<Layout> {
        let (mut sorting, mut without) = (Sorting::default(), Vec::new());
        let wanted = reading.selection.part()?;
        for &(part, shard) in &self.shards {
            if wanted.is_some_and(|wanted| wanted != part) {
                continue;
            }
            let part = if wanted.is_some() { Part::Train } else { part };
            for sample in samples(shard) {
                match (sample.picture, sample.class) {
                    (Some(picture), Some(class)) => sorting.add(part, class_of(class)?, picture.clone()),
                    (Some(file), None) => without.push(file.path.display().to_string()),
                    (None, _) => {}
                }
            }
        }
        let mut notes = Vec::new();
        if !without.is_empty() {
            notes.push(format!(
                "{} pictures have no class beside them and are not read: {}",
                without.len(),
                few(&without)
            ));
        }
        sorting.layout(notes).ok_or_else(|| {
            let (_, first) = self.shards[0];
            let path = first.path.display();
            Error::Data(format!("there are no samples to train on in {path} and its like: give others, or all of them"))
        })
    }
}

/// What is read of a sample.
#[derive(Default)]
struct Sample<'a> {
    picture: Option<&'a File>,
    class: Option<&'a File>,
}

/// The samples of a shard, in the order of their names.
fn samples(shard: &Folder) -> Vec<Sample<'_>> {
    let mut samples: std::collections::BTreeMap<String, Sample<'_>> = std::collections::BTreeMap::new();
    for file in &shard.files {
        let (key, rest) = key(file);
        let sample = samples.entry(key).or_default();
        match rest.as_str() {
            "cls" => sample.class = Some(file),
            "json" => sample.class = sample.class.or(Some(file)),
            // `000.mask.png` is something else of the same sample.
            rest if file.is_picture() && !rest.contains('.') => sample.picture = Some(file),
            _ => {}
        }
    }
    samples.into_values().collect()
}

/// The class that a file beside a picture tells.
fn class_of(file: &File) -> Result<String> {
    let path = file.path.display();
    if file.bytes > LONGEST_CLASS {
        return Err(Error::Format(format!("{path} has {} bytes, too many to tell a class: mend it", file.bytes)));
    }
    let text = file.text(LONGEST_CLASS * 2)?;
    let class = if file.extension() == "json" {
        let object: serde_json::Value = serde_json::from_str(&text)
            .map_err(|error| Error::Format(format!("{path} is no JSON ({error}): mend it or remove it")))?;
        KEYS.iter().find_map(|key| match object.get(key)? {
            serde_json::Value::String(text) => Some(text.clone()),
            serde_json::Value::Number(number) => Some(number.to_string()),
            _ => None,
        })
    } else {
        Some(text)
    };
    let class = class.map(|class| files::shown(class.trim().as_ref())).filter(|class| !class.is_empty());
    class.ok_or_else(|| Error::Data(format!("{path} tells no class: write it there, in JSON as `label`")))
}
