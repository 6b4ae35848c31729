//! Folders on a disk that are there as a whole or not at all.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use crate::{Error, Result, data::files::temporary};

/// A file in a folder that is to be written.
pub(super) struct Entry {
    /// From the folder, with `/` between its parts.
    pub path: String,
    pub bytes: Vec<u8>,
}

/// Makes the folders above a file or folder.
pub(super) fn create_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), fs::create_dir_all).map_err(|error| Error::io(path.display(), error))
}

/// Refuses a folder that holds something.
pub(super) fn check_free(folder: &Path) -> Result<()> {
    let failed = |error| Err(Error::io(folder.display(), error));
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => failed("the folder is not empty: name a new one or empty it".into()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => failed(error.to_string()),
    }
}

/// Writes these files under a temporary name, which is renamed when all are there.
pub(super) fn write(folder: &Path, entries: &[Entry]) -> Result<()> {
    let unfinished = temporary(folder);
    let written = write_all(&unfinished, entries)
        .and_then(|()| fs::rename(&unfinished, folder).map_err(|error| Error::io(folder.display(), error)));
    if written.is_err() {
        // The first error is the one to report.
        let _ = fs::remove_dir_all(&unfinished);
    }
    written
}

fn write_all(folder: &Path, entries: &[Entry]) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io(folder.display(), error)),
        _ => {}
    }
    for Entry { path, bytes } in entries {
        let path = folder.join(path);
        create_parent(&path)?;
        fs::write(&path, bytes).map_err(|error| Error::io(path.display(), error))?;
    }
    Ok(())
}
