//! Where results go, and whether they may.

use std::{
    fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use attar::{Error, Result};
use serde::Deserialize;

use super::{RUN, Stage};
use crate::format;

/// Where results go that name no place.
pub const DEFAULT_PARENT: &str = "out";

/// Refuses a folder that holds something, unless it may be replaced.
///
/// # Errors
/// [`Error::Data`] if it is taken or no folder.
pub fn refuse_taken(path: &Path, force: bool) -> Result<()> {
    let shown = path.display();
    let occupied = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(_) if path.is_file() => return Err(Error::Data(format!("{shown} is a file: give a folder with --out"))),
        Err(error) => return Err(unwritable(path, error)),
    };
    if !occupied || force {
        return Ok(());
    }
    Err(Error::Data(if is_unfinished(path) {
        let word = format::shell_word(path);
        format!(
            "{shown} holds an unfinished run: go on with `attar distill --resume {word}`, or give --force to replace it"
        )
    } else {
        format!("{shown} is not empty: give another --out, or --force to replace the results in it")
    }))
}

/// The first of `name`, `name-2`, `name-3` ... with this suffix that is not there; made at once, so that of two runs each
/// gets its own.
pub fn first_free(name: &str, suffix: &str, make: impl Fn(&Path) -> io::Result<()>) -> Result<PathBuf> {
    let parent = Path::new(DEFAULT_PARENT);
    fs::create_dir_all(parent).map_err(|error| unwritable(parent, error))?;
    let mut number = 1;
    loop {
        let numbered = if number == 1 { name.to_string() } else { format!("{name}-{number}") };
        let path = parent.join(numbered + suffix);
        match make(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(unwritable(&path, error)),
        }
    }
}

/// That a result cannot be put where it should go.
pub fn unwritable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Data(format!("cannot write to {} ({error}): give another place with --out", path.display()))
}

/// Whether the run in a folder has work left; one whose file cannot be read may have.
fn is_unfinished(path: &Path) -> bool {
    #[derive(Deserialize)]
    struct Standing {
        stage: Stage,
    }
    let Ok(text) = fs::read_to_string(path.join(RUN)) else { return false };
    toml::from_str::<Standing>(&text).map_or(true, |standing| standing.stage != Stage::Nothing)
}
