//! Archives of files: a tree of what is in them, as if they were unpacked. Of a zip archive and a plain tar archive only the
//! names are read; a file is read where it lies. A packed tar archive has no places, and is unpacked into memory.

mod growing;
mod tar;
mod zip;
mod zstd;

use std::cell::Cell;
use std::fs;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use super::{Reading, tree::Folder};
use crate::{Error, Result};

/// How much of a file tells its kind: the first header of a tar archive.
const HEAD: u64 = 512;

/// The content of an archive.
pub(super) struct Opened {
    pub folder: Folder,
    /// Bytes of memory that it takes while the folder is in use.
    pub memory: u64,
}

/// What a file is that begins like this.
enum Kind {
    Zip,
    Tar,
    TarGz,
    TarZst,
}

impl Kind {
    /// # Errors
    /// [`Error::Format`] if the file is packed and no tar archive.
    fn of(path: &Path) -> Result<Option<Kind>> {
        let failed = |error| Error::io(path.display(), error);
        let head = head(fs::File::open(path).map_err(failed)?).map_err(failed)?;
        if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
            return Ok(Some(Kind::Zip));
        }
        if tar::is_header(&head) {
            return Ok(Some(Kind::Tar));
        }
        let (kind, unpacked) = if head.starts_with(b"\x1f\x8b") {
            (Kind::TarGz, self::head(gzip(path)?))
        } else if head.starts_with(zstd::MAGIC) {
            (Kind::TarZst, self::head(zstd::open(path)?))
        } else {
            return Ok(None);
        };
        let unpacked = unpacked.map_err(|error| damaged(path, &error))?;
        if !tar::is_header(&unpacked) {
            let path = path.display();
            return Err(Error::Format(format!(
                "{path} is a packed file, but no tar archive: give the folder that it belongs to, or unpack it"
            )));
        }
        Ok(Some(kind))
    }
}

/// Lists an archive; `None` if the file is none. A packed tar archive may take half of the memory, as its files are decoded
/// beside it.
///
/// # Errors
/// [`Error::Format`] if the archive is damaged or cut short, is encrypted, or has names that lead out of it or come twice;
/// [`Error::Data`] if it is too large to unpack; [`Error::Io`]; [`Error::Stopped`].
pub(super) fn open(path: &Path, reading: &Reading) -> Result<Option<Opened>> {
    let packed = |reader| tar::unpack(path, reader, reading.memory / 2, &reading.pulse).map(Some);
    match Kind::of(path)? {
        None => Ok(None),
        Some(Kind::Zip) => zip::list(path).map(|folder| Some(Opened { folder, memory: 0 })),
        Some(Kind::Tar) => tar::list(path, reading.memory).map(|folder| Some(Opened { folder, memory: 0 })),
        Some(Kind::TarGz) => packed(gzip(path)?),
        Some(Kind::TarZst) => packed(zstd::open(path)?),
    }
}

/// Lists an archive that need not be unpacked; `None` if the file is none.
///
/// # Errors
/// As [`open`].
pub(super) fn list_in_place(path: &Path, memory: u64) -> Result<Option<Folder>> {
    match Kind::of(path)? {
        Some(Kind::Zip) => zip::list(path).map(Some),
        Some(Kind::Tar) => tar::list(path, memory).map(Some),
        Some(Kind::TarGz | Kind::TarZst) | None => Ok(None),
    }
}

fn head(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    reader.take(HEAD).read_to_end(&mut head)?;
    Ok(head)
}

fn gzip(path: &Path) -> Result<Box<dyn Read>> {
    let file = fs::File::open(path).map_err(|error| Error::io(path.display(), error))?;
    Ok(Box::new(MultiGzDecoder::new(io::BufReader::new(file))))
}

/// What happens while an archive is read.
struct Watch {
    /// Bytes that may still be read; what is passed over does not count.
    left: Cell<u64>,
    /// How many of the bytes that were read last are zeros, of which the mark at the end of a tar archive is made.
    zeros: Cell<usize>,
    /// Whether nothing was left to read.
    ended: Cell<bool>,
}

impl Watch {
    fn new(left: u64) -> Watch {
        Watch { left: Cell::new(left), zeros: Cell::new(0), ended: Cell::new(false) }
    }

    /// Whether the archive went on to its end without a mark there.
    fn is_cut_short(&self) -> bool {
        self.ended.get() && self.zeros.get() < HEAD as usize
    }
}

/// A reader that is watched, and fails where it would take more than is left.
struct Watched<'a, R> {
    inner: R,
    watch: &'a Watch,
}

impl<R: Read> Read for Watched<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if read == 0 {
            self.watch.ended.set(!buffer.is_empty());
            return Ok(0);
        }
        let zeros = buffer[..read].iter().rev().take_while(|&&byte| byte == 0).count();
        self.watch.zeros.set(if zeros == read { self.watch.zeros.get().saturating_add(read) } else { zeros });
        let left = self.watch.left.get().checked_sub(read as u64);
        self.watch.left.set(left.ok_or_else(|| io::Error::from(ErrorKind::FileTooLarge))?);
        Ok(read)
    }
}

impl<R: Seek> Seek for Watched<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.watch.zeros.set(0);
        self.inner.seek(to)
    }
}

/// What is wrong with an archive that cannot be read on.
fn damaged(path: &Path, error: &dyn std::fmt::Display) -> Error {
    let path = path.display();
    Error::Format(format!("{path} is damaged or cut short ({error}): get it again"))
}

/// A sentence of an archive, as the tree began it.
fn odd(path: &Path, rest: &str) -> Error {
    Error::Format(format!("{} {rest}", path.display()))
}
