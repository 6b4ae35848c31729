//! Zip archives, by the directory at their end (PKWARE's APPNOTE 6.3).

use std::fs;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use zip::{CompressionMethod, ZipArchive, read::ZipFile};

use super::{
    damaged,
    growing::{Growing, Node},
    odd,
};
use crate::data::files;
use crate::data::read::{
    place::{Packing, Place, Span},
    tree::{Folder, stem},
};
use crate::{Error, Result};

/// What is in a zip archive.
///
/// # Errors
/// As [`open`](super::open).
pub(super) fn list(path: &Path) -> Result<Folder> {
    let failed = |error| Error::io(path.display(), error);
    let file = fs::File::open(path).map_err(failed)?;
    let length = file.metadata().map_err(failed)?.len();
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|error| damaged(path, &error))?;
    if archive.has_duplicate_names() {
        return Err(odd(path, "has two entries of the same name: pack it again with one of them"));
    }
    let (mut tree, shared) = (Growing::default(), Arc::from(path));
    for index in 0..archive.len() {
        let entry = archive.by_index_raw(index).map_err(|error| damaged(path, &error))?;
        if entry.encrypted() {
            return Err(odd(path, "is encrypted: unpack it with its password and give the folder"));
        }
        let name = name(&entry).ok_or_else(|| damaged(path, &"an entry has no name"))?;
        if !matches!(entry.compression(), CompressionMethod::STORE | CompressionMethod::DEFLATE) {
            let name = name.display();
            return Err(odd(
                path,
                &format!("packs {name} by another method than deflate: unpack it and give the folder"),
            ));
        }
        let node =
            node(&entry, &shared, length).ok_or_else(|| damaged(path, &format!("{} is not whole", name.display())))?;
        tree.add(&name, node).map_err(|rest| odd(path, &rest))?;
    }
    Ok(tree.grown(stem(&files::name(path)), path.to_path_buf()))
}

/// The name of an entry: UTF-8 wherever it can be, whether or not the archive says so; some tools write `\` for `/`.
fn name<R: std::io::Read + ?Sized>(entry: &ZipFile<'_, R>) -> Option<PathBuf> {
    let text = match str::from_utf8(entry.name_raw()) {
        Ok(text) => text.to_string(),
        Err(_) => entry.name().ok()?.into_owned(),
    };
    Some(text.replace('\\', "/").into())
}

/// `None` if the entry lies outside of the archive.
fn node<R: std::io::Read + ?Sized>(entry: &ZipFile<'_, R>, archive: &Arc<Path>, length: u64) -> Option<Node> {
    if entry.is_dir() {
        return Some(Node::empty_folder());
    }
    if entry.is_symlink() {
        return Some(Node::Other("a link, which is not followed in an archive"));
    }
    let packing = match entry.compression() {
        CompressionMethod::STORE => Packing::Stored,
        _ => Packing::Deflate,
    };
    let (start, packed) = (entry.data_start()?, entry.compressed_size());
    if start.checked_add(packed)? > length {
        return None;
    }
    let span = Span { archive: archive.clone(), start, packed, packing, crc: Some(entry.crc32()) };
    Some(Node::File { bytes: entry.size(), place: Place::Span(span) })
}
