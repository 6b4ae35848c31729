//! The bytes of a table, wherever they lie, a part at a time.

use std::fs;
use std::io::{Cursor, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    errors::{ParquetError, Result as ParquetResult},
    file::reader::{ChunkReader, Length},
};

use crate::data::read::{
    place::{Packing, Place},
    tree::File,
};
use crate::{Error, Result};

/// A file that is read in parts, none of which may take more than so much memory.
pub(super) struct Stored {
    pub path: PathBuf,
    pub most: u64,
    length: u64,
    kept: Kept,
}

enum Kept {
    Disk { file: fs::File, start: u64 },
    Memory(Bytes),
}

/// Bytes that an archive was unpacked to.
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Stored {
    /// # Errors
    /// As [`File::content`] with this much memory, where an archive has packed the file.
    pub fn open(file: &File, most: u64) -> Result<Stored> {
        let disk = |path: &Path, start: u64| -> Result<Kept> {
            let file = fs::File::open(path).map_err(|error| Error::io(path.display(), error))?;
            Ok(Kept::Disk { file, start })
        };
        let kept = match &file.place {
            Place::Disk => disk(&file.path, 0)?,
            Place::Span(span) if span.packing == Packing::Stored => disk(&span.archive, span.start)?,
            Place::Memory(bytes) => Kept::Memory(Bytes::from_owner(Shared(bytes.clone()))),
            Place::Span(_) | Place::Missing(_) => Kept::Memory(file.content(most)?.into_owned().into()),
        };
        Ok(Stored { path: file.path.clone(), most, length: file.bytes, kept })
    }

    /// What takes more memory than is allowed, in a sentence.
    pub fn too_large(&self, what: &str) -> ParquetError {
        let (path, most) = (self.path.display(), self.most >> 20);
        let sentence =
            format!("{path} has {what} of more than {most} MiB: allow more memory, or write it in smaller parts");
        ParquetError::External(Box::new(Error::Data(sentence)))
    }
}

impl Length for Stored {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Stored {
    type T = Box<dyn Read>;

    fn get_read(&self, start: u64) -> ParquetResult<Self::T> {
        let left = self.length.checked_sub(start).ok_or_else(|| ParquetError::EOF("a part lies outside".into()))?;
        Ok(match &self.kept {
            Kept::Disk { file, start: begin } => {
                let mut file = file.try_clone()?;
                file.seek(SeekFrom::Start(begin.saturating_add(start)))?;
                Box::new(std::io::BufReader::new(file.take(left)))
            }
            Kept::Memory(bytes) => {
                let mut cursor = Cursor::new(bytes.clone());
                cursor.set_position(start);
                Box::new(cursor)
            }
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> ParquetResult<Bytes> {
        let end = start.checked_add(length as u64).filter(|end| *end <= self.length);
        end.ok_or_else(|| ParquetError::EOF("a part lies outside".into()))?;
        if length as u64 > self.most {
            return Err(self.too_large("a part"));
        }
        let mut bytes = Vec::new();
        let read = self.get_read(start)?.take(length as u64).read_to_end(&mut bytes)?;
        if read == length { Ok(bytes.into()) } else { Err(ParquetError::EOF("a part is cut short".into())) }
    }
}
