//! Where the bytes of a file lie, and how to get them without taking more memory than is allowed.

use std::borrow::Cow;
use std::fs;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use super::tree::File;
use crate::data::{deflate, files};
use crate::{Error, Result};

/// Where the bytes of a file lie.
#[derive(Clone)]
pub(super) enum Place {
    /// At the path of the file.
    Disk,
    /// In a part of an archive on the disk.
    Span(Span),
    /// Unpacked already.
    Memory(Arc<Vec<u8>>),
    /// Nowhere, though this table lists it.
    Missing(Arc<Path>),
}

/// A part of an archive that is read by itself.
#[derive(Clone)]
pub(super) struct Span {
    pub archive: Arc<Path>,
    pub start: u64,
    /// Bytes in the archive.
    pub packed: u64,
    pub packing: Packing,
    /// Of the bytes once they are unpacked, if the archive has it.
    pub crc: Option<u32>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Stored,
    Deflate,
}

impl File {
    /// Bytes of memory that [`File::content`] takes.
    pub fn needs(&self) -> u64 {
        match &self.place {
            Place::Disk => self.bytes,
            Place::Span(span) if span.packing == Packing::Deflate => self.bytes.saturating_add(span.packed),
            Place::Span(_) => self.bytes,
            Place::Memory(_) | Place::Missing(_) => 0,
        }
    }

    /// The whole content, if it takes at most so many bytes of memory.
    ///
    /// # Errors
    /// [`Error::Data`] if it is larger; [`Error::Io`]; [`Error::Format`] if it is not in the archive as that says.
    pub fn content(&self, most: u64) -> Result<Cow<'_, [u8]>> {
        if self.needs() > most {
            let (path, size) = (self.path.display(), self.needs() >> 20);
            return Err(Error::Data(format!("{path} is too large ({size} MiB): shrink it or allow more memory")));
        }
        match &self.place {
            Place::Disk => files::read(&self.path).map(Cow::Owned),
            Place::Span(span) => span.content(self.bytes, &self.path).map(Cow::Owned),
            Place::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Place::Missing(table) => {
                let (path, table) = (self.path.display(), table.display());
                Err(Error::Data(format!("{path} is listed in {table} and is not there: add it or remove its line")))
            }
        }
    }
}

impl File {
    /// The file of this name in the folder that a file on the disk lies in.
    pub fn beside(path: &Path, name: &str) -> Option<File> {
        let path = path.is_file().then(|| path.with_file_name(name))?;
        let found = fs::metadata(&path).ok().filter(fs::Metadata::is_file)?;
        Some(File { path, bytes: found.len(), place: Place::Disk })
    }

    /// The whole content as text, without a byte order mark.
    ///
    /// # Errors
    /// As [`File::content`]; [`Error::Format`] if it is no text.
    pub fn text(&self, most: u64) -> Result<String> {
        let path = self.path.display();
        let not_text = |_| Error::Format(format!("{path} is not UTF-8 text: save it as UTF-8"));
        let text = String::from_utf8(self.content(most)?.into_owned()).map_err(not_text)?;
        Ok(text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text))
    }
}

impl Span {
    fn content(&self, bytes: u64, path: &Path) -> Result<Vec<u8>> {
        let failed = |error| Error::io(self.archive.display(), error);
        let damaged = || {
            let (path, archive) = (path.display(), self.archive.display());
            Error::Format(format!("{path} is not what its archive says that it is: get {archive} again"))
        };
        let mut file = fs::File::open(&self.archive).map_err(failed)?;
        file.seek(SeekFrom::Start(self.start)).map_err(failed)?;
        let mut packed = Vec::new();
        let read = file.take(self.packed).read_to_end(&mut packed).map_err(failed)?;
        if read as u64 != self.packed {
            return Err(damaged());
        }
        let content = match self.packing {
            Packing::Stored => packed,
            Packing::Deflate => deflate::unpacked(&packed, bytes).ok_or_else(damaged)?,
        };
        let sound = content.len() as u64 == bytes && self.crc.is_none_or(|crc| crc32fast::hash(&content) == crc);
        sound.then_some(content).ok_or_else(damaged)
    }
}
