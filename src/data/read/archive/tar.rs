//! Tar archives (POSIX.1-2024, `pax`, with what GNU and older tools write).

use std::fs;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tar::{Archive, Entry, EntryType, Header};

use super::{
    Opened, Watch, Watched, damaged,
    growing::{Growing, Node},
    odd,
};
use crate::data::files;
use crate::data::read::{
    place::{Packing, Place, Span},
    pulse::Pulse,
    tree::{Folder, stem},
};
use crate::{Error, Result};

/// Where a header has the sum of its own bytes, which counts as blanks.
const CHECKSUM: std::ops::Range<usize> = 148..156;

/// Whether a file that begins so is a tar archive: by the checksum, which all of them have.
pub(super) fn is_header(head: &[u8]) -> bool {
    if head.len() != 512 {
        return false;
    }
    let byte = |(at, &byte): (usize, &u8)| u32::from(if CHECKSUM.contains(&at) { b' ' } else { byte });
    let sum: u32 = head.iter().enumerate().map(byte).sum();
    Header::from_byte_slice(head).cksum().is_ok_and(|claimed| claimed == sum)
}

/// What is in a tar archive, no header of which may take more than so much memory.
///
/// # Errors
/// As [`open`](super::open).
pub(super) fn list(path: &Path, memory: u64) -> Result<Folder> {
    let failed = |error| Error::io(path.display(), error);
    let file = fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let (mut tree, shared): (_, Arc<Path>) = (Growing::default(), Arc::from(path));
    let broken = |error: io::Error| match error.kind() {
        ErrorKind::FileTooLarge => damaged(path, &"a name in it has no end"),
        _ => damaged(path, &error),
    };
    let watch = Watch::new(memory);
    let mut archive = Archive::new(Watched { inner: BufReader::new(file), watch: &watch });
    for entry in archive.entries_with_seek().map_err(broken)? {
        watch.left.set(memory);
        let entry = entry.map_err(broken)?;
        let place = || {
            let (start, packed) = (entry.raw_file_position(), entry.size());
            let span = Span { archive: shared.clone(), start, packed, packing: Packing::Stored, crc: None };
            let whole = start.checked_add(packed).is_some_and(|end| end <= length);
            whole.then_some(Place::Span(span)).ok_or_else(|| cut_short(path, &entry))
        };
        let kind = entry.header().entry_type();
        if let Some(node) = node(kind, entry.size(), place)? {
            add(&mut tree, path, &entry, node)?;
        }
    }
    check_end(path, &watch)?;
    Ok(grown(tree, path))
}

/// What is in a packed tar archive, which may take so much memory, all in all.
///
/// # Errors
/// As [`open`](super::open).
pub(super) fn unpack(path: &Path, reader: Box<dyn Read>, memory: u64, pulse: &Pulse) -> Result<Opened> {
    let (mut tree, mut used) = (Growing::default(), 0);
    let broken = |error: io::Error| match error.kind() {
        ErrorKind::FileTooLarge => too_large(path, memory),
        _ => damaged(path, &error),
    };
    let watch = Watch::new(memory);
    let mut archive = Archive::new(Watched { inner: reader, watch: &watch });
    for entry in archive.entries().map_err(broken)? {
        pulse.check()?;
        let mut entry = entry.map_err(broken)?;
        let (kind, size) = (entry.header().entry_type(), entry.size());
        let place = || {
            if size > memory {
                return Err(too_large(path, memory));
            }
            let mut content = Vec::new();
            // A size is believed as far as there may be memory for it.
            content.try_reserve_exact(size as usize).map_err(|_| too_large(path, memory))?;
            entry.read_to_end(&mut content).map_err(broken)?;
            used += content.len() as u64;
            let whole = content.len() as u64 == size;
            whole.then(|| Place::Memory(Arc::new(content))).ok_or_else(|| cut_short(path, &entry))
        };
        if let Some(node) = node(kind, size, place)? {
            add(&mut tree, path, &entry, node)?;
        }
    }
    check_end(path, &watch)?;
    // What is behind the mark: the checksum of all of it, above all.
    io::copy(&mut archive.into_inner(), &mut io::sink()).map_err(broken)?;
    Ok(Opened { folder: grown(tree, path), memory: used })
}

/// An archive that ends between two files looks whole but for the mark at its end.
fn check_end(path: &Path, watch: &Watch) -> Result<()> {
    if watch.is_cut_short() { Err(damaged(path, &"it has no mark at its end")) } else { Ok(()) }
}

/// `None` for what is no entry but says something of others.
fn node(kind: EntryType, bytes: u64, place: impl FnOnce() -> Result<Place>) -> Result<Option<Node>> {
    Ok(Some(match kind {
        EntryType::Regular | EntryType::Continuous => Node::File { bytes, place: place()? },
        EntryType::Directory => Node::empty_folder(),
        EntryType::Link | EntryType::Symlink => Node::Other("a link, which is not followed in an archive"),
        EntryType::GNUSparse => Node::Other("a file with holes, which is not read in an archive"),
        EntryType::Char | EntryType::Block | EntryType::Fifo => Node::Other("neither a file nor a folder"),
        _ => return Ok(None),
    }))
}

fn add<R: Read>(tree: &mut Growing, path: &Path, entry: &Entry<'_, R>, node: Node) -> Result<()> {
    let name: PathBuf = entry.path().map_err(|error| damaged(path, &error))?.into_owned();
    tree.add(&name, node).map_err(|rest| odd(path, &rest))
}

fn grown(tree: Growing, path: &Path) -> Folder {
    tree.grown(stem(&files::name(path)), path.to_path_buf())
}

fn cut_short<R: Read>(path: &Path, entry: &Entry<'_, R>) -> Error {
    let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
    damaged(path, &format!("{name} is not whole"))
}

fn too_large(path: &Path, memory: u64) -> Error {
    let (path, memory) = (path.display(), memory >> 20);
    Error::Data(format!(
        "{path} unpacks to more than {memory} MiB, half of the memory that is allowed: unpack it and give the folder, or \
         allow more memory"
    ))
}
