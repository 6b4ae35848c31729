//! Parquet tables as the Hugging Face hub has them: a row an image, with the bytes of its file and its label, in as many files
//! as they were cut into. <https://parquet.apache.org/docs/file-format>
//!
//! The images of all tables are held in memory, packed as they are, in half of what is allowed; the tables are read a page at a
//! time.

mod columns;
mod footer;
mod gathering;
mod pages;
mod stored;
mod table;

use std::path::Path;

use super::{
    Reading,
    layout::few,
    part::Part,
    tree::{File, Folder},
};
use crate::data::files;
use crate::{Error, Result};
use gathering::{Gathered, Gathering};

/// A table, one of those that a half was cut into.
pub(super) struct Shard {
    file: File,
    /// What its half is called.
    split: String,
    part: Part,
}

/// A table that was given itself.
///
/// # Errors
/// [`Error::Io`].
pub(super) fn given(path: &Path) -> Result<Option<Shard>> {
    let file = File::given(path)?;
    Ok(is_one(&file).then(|| Shard::of(file, "")))
}

/// The tables in a folder, in the order of their names.
pub(super) fn find(folder: &Folder) -> Vec<Shard> {
    let here = folder.files.iter().filter(|file| is_one(file));
    let mut shards: Vec<Shard> = here.map(|file| Shard::of(file.clone(), &folder.name)).collect();
    shards.extend(folder.folders.iter().flat_map(find));
    shards
}

fn is_one(file: &File) -> bool {
    file.extension() == "parquet"
}

impl Shard {
    /// By the name before what counts the shards, as in `train-00000-of-00002`, or of the folder where there is only a count.
    fn of(file: File, folder: &str) -> Shard {
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let stem = files::shown(file.path.file_stem().unwrap_or_default());
        let split = match stem.rsplitn(4, '-').collect::<Vec<&str>>()[..] {
            [all, "of", at, split] if digits(all) && digits(at) => split,
            _ if digits(&stem) => folder,
            _ => &stem,
        };
        Shard { split: split.into(), part: Part::within(split), file }
    }
}

/// The images of tables, if all rows can be read or the others may be skipped.
///
/// # Errors
/// [`Error::Data`] or [`Error::Format`] with the table, its row, and what to do; [`Error::Io`].
pub(super) fn gather(shards: &[Shard], reading: &Reading) -> Result<Gathered> {
    let mut notes = Vec::new();
    let chosen = chosen(shards, reading.selection.split.as_deref(), &mut notes)?;
    refuse_several(&chosen)?;
    let mut gathering = Gathering::new(reading);
    for (part, shard) in &chosen {
        gathering.add(*part, &shard.file, &mut notes)?;
    }
    gathering.layout(notes, shards)
}

/// The tables that are read, and as what.
fn chosen<'a>(shards: &'a [Shard], split: Option<&str>, notes: &mut Vec<String>) -> Result<Vec<(Part, &'a Shard)>> {
    let lower = |name: &str| name.to_lowercase();
    let names = || {
        let mut names: Vec<String> = shards.iter().map(|shard| shard.split.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    if let Some(split) = split {
        let called = shards.iter().any(|shard| lower(&shard.split) == lower(split));
        let wanted = |shard: &&Shard| match called {
            true => lower(&shard.split) == lower(split),
            false => shard.part != Part::Class && shard.part == Part::of(split),
        };
        let wanted: Vec<_> = shards.iter().filter(wanted).map(|shard| (Part::Train, shard)).collect();
        return if wanted.is_empty() {
            let names = few(&names());
            Err(Error::Data(format!("no half of the tables is called `{split}`: give one of {names}, or read all")))
        } else {
            Ok(wanted)
        };
    }
    if names().len() == 1 {
        return Ok(shards.iter().map(|shard| (Part::Train, shard)).collect());
    }
    let has = |part: Part| shards.iter().any(|shard| shard.part == part);
    let mut chosen = Vec::new();
    let mut unread = Vec::new();
    for shard in shards {
        match shard.part {
            Part::Class if has(Part::Train) => unread.push(shard.split.clone()),
            Part::Validation if has(Part::Test) => unread.push(shard.split.clone()),
            Part::Class => chosen.push((Part::Train, shard)),
            part => chosen.push((part, shard)),
        }
    }
    unread.dedup();
    if !unread.is_empty() {
        let unread = few(&unread);
        notes.push(format!("tables of other halves are not read ({unread}): choose one by its name (--split)"));
    }
    Ok(chosen)
}

/// Tables of one half in several folders are of several data sets.
fn refuse_several(chosen: &[(Part, &Shard)]) -> Result<()> {
    for (part, shard) in chosen {
        let folder = shard.file.path.parent();
        let other = chosen.iter().find(|(of, other)| of == part && other.file.path.parent() != folder);
        if let Some((_, other)) = other {
            let (one, other) = (shard.file.path.display(), other.file.path.display());
            return Err(Error::Data(format!(
                "{one} and {other} both look like the same half: give one of their folders"
            )));
        }
    }
    Ok(())
}
