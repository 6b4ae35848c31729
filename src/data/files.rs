//! Files on a disk: errors that name the path, writes that never leave half a file.

use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use unicode_normalization::UnicodeNormalization as _;

use crate::{Error, Result};

/// Writes a file under a temporary name and renames it: the path holds the old content or the new one, never a part.
///
/// # Errors
/// [`Error::Io`] with the path.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = temporary(path);
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        // Its new name is as safe as its content only with its folder. Not every file system can do that, and by now
        // the file is where it belongs.
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    };
    write().map_err(|error| {
        // The first error is the one to report; a temporary file that was never made cannot be removed.
        let _ = fs::remove_file(&temporary);
        Error::io(path.display(), error)
    })
}

/// Where the content of `path` is written before it is whole.
pub(super) fn temporary(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(".attar.tmp");
    path.with_file_name(name)
}

/// The whole content of a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| match error.kind() {
        ErrorKind::IsADirectory => Error::io(path.display(), "this is a folder, and a file is wanted"),
        _ => Error::io(path.display(), error),
    })
}

/// The last part of a path, for people: see [`shown`].
pub(super) fn name(path: &Path) -> String {
    let full = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    shown(full.file_name().unwrap_or(full.as_os_str()))
}

/// A name on a disk as text, each letter in its composed form (NFC), so that the same word is the same text on every
/// system; bytes that are no text become `\xE9`, so that no two names do, and so do those that a terminal would obey.
pub(super) fn shown(name: &OsStr) -> String {
    let mut text = String::new();
    for chunk in name.as_encoded_bytes().utf8_chunks() {
        for letter in chunk.valid().nfc() {
            match letter.is_control() {
                true => text.push_str(&format!("\\x{:02X}", u32::from(letter))),
                false => text.push(letter),
            }
        }
        chunk.invalid().iter().for_each(|byte| text.push_str(&format!("\\x{byte:02X}")));
    }
    text
}

/// A path whose letters beyond ASCII are told by number, where two look alike.
pub(super) fn escaped(path: &Path) -> String {
    let letter = |c: char| if c.is_ascii() { c.to_string() } else { c.escape_unicode().to_string() };
    path.to_string_lossy().chars().map(letter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_replaces_and_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.attar");
        write_atomic(&path, b"one").unwrap();
        write_atomic(&path, b"two").unwrap();
        assert_eq!(read(&path).unwrap(), b"two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let missing = folder.path().join("no/a.attar");
        let error = write_atomic(&missing, b"one").unwrap_err();
        assert!(error.to_string().starts_with(&missing.display().to_string()), "{error}");
    }
}
