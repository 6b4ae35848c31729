//! The distilled sets of a comparison: what they are called, and whether they can be compared at all.

use std::path::{Path, PathBuf};

use attar::{Distilled, Error, Result};
use serde::Deserialize;

use crate::{
    inspect::file_size,
    report::{Bytes, Seconds},
};

/// A distilled set and what lies beside it.
pub struct Entry {
    pub path: PathBuf,
    /// What it is called in tables: the file's name, or its folder's where that tells more.
    pub name: String,
    pub set: Distilled,
    pub bytes: u64,
    /// Of its pool and its distillation, if the result of its run lies beside it.
    pub made_in: Option<f64>,
}

/// What a comparison reads in the result of a run.
#[derive(Deserialize)]
struct RunResult {
    seed: u64,
    seconds: Seconds,
    bytes: Bytes,
}

/// Reads the files.
///
/// # Errors
/// Those of reading; [`Error::Data`] that names the sets which are not like the first.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for (path, name) in paths.iter().zip(names(paths)) {
        let (set, bytes) = (Distilled::load(path)?, file_size(path));
        let made_in = made_in(path, &set, bytes);
        entries.push(Entry { path: path.clone(), name, set, bytes, made_in });
    }
    check(&entries)?;
    Ok(entries)
}

/// Refuses sets that no test images serve together.
fn check(entries: &[Entry]) -> Result<()> {
    let Some((first, others)) = entries.split_first() else { return Ok(()) };
    let faults: Vec<String> = others
        .iter()
        .filter_map(|other| Some(format!("{} has {}", other.path.display(), difference(&first.set, &other.set)?)))
        .collect();
    if faults.is_empty() {
        return Ok(());
    }
    let (faults, first) = (faults.join(", "), first.path.display());
    Err(Error::Data(format!("{faults}: leave out what is not like {first}")))
}

/// What keeps a set from being compared with another.
fn difference(first: &Distilled, other: &Distilled) -> Option<String> {
    let size = |set: &Distilled| format!("{} x {}, {} channels", set.height, set.width, set.channels);
    if size(first) != size(other) {
        return Some(format!("images of {} instead of {}", size(other), size(first)));
    }
    (first.classes != other.classes)
        .then(|| format!("the classes {} instead of {}", other.classes.join(", "), first.classes.join(", ")))
}

/// The seconds that a run tells of this file, of pool, distillation and choice.
fn made_in(path: &Path, set: &Distilled, bytes: u64) -> Option<f64> {
    let text = std::fs::read(path.with_file_name("result.json")).ok()?;
    let result: RunResult = serde_json::from_slice(&text).ok()?;
    // Another file may have taken this one's place since.
    let same = result.seed == set.seed && result.bytes.file == bytes;
    same.then_some(result.seconds.pool + result.seconds.distill + result.seconds.choose)
}

/// A short name for each path, all of them different: the file's without its ending; the folder's if that is
/// `distilled`, as runs call theirs; else the path.
fn names(paths: &[PathBuf]) -> Vec<String> {
    let short = |path: &PathBuf| {
        let text = |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned());
        let folder = || text(path.parent().and_then(Path::file_name));
        match text(path.file_stem()) {
            Some(stem) if stem == "distilled" => folder().unwrap_or(stem),
            Some(stem) => stem,
            None => path.display().to_string(),
        }
    };
    let names: Vec<String> = paths.iter().map(short).collect();
    let unique = |name: &String| names.iter().filter(|other| *other == name).count() == 1;
    let all_unique = names.iter().all(unique);
    names
        .iter()
        .zip(paths)
        .map(|(name, path)| if all_unique { name.clone() } else { path.display().to_string() })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_short_and_differ() {
        let names = |paths: &[&str]| names(&paths.iter().map(PathBuf::from).collect::<Vec<_>>());
        assert_eq!(names(&["out/dm/distilled.attar", "b.attar"]), ["dm", "b"]);
        assert_eq!(names(&["distilled.attar"]), ["distilled"]);
        assert_eq!(names(&["x/b.attar", "y/b.attar"]), ["x/b.attar", "y/b.attar"]);
    }
}
