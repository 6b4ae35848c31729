//! The files of the folder in one archive.

use std::io::{Cursor, Write as _};

use zip::{CompressionMethod, DateTime, ZipWriter, write::SimpleFileOptions};

use super::{folder, place::Entry};
use crate::{Error, Result, data::Distilled};

/// The bytes of a zip archive of what [`folder::entries`] gives. PNG files are packed already, so they are stored as they
/// are; times are the first that the format knows.
///
/// # Errors
/// As [`folder::entries`]; [`Error::Data`] if the archive cannot hold them.
pub(super) fn archive(set: &Distilled) -> Result<Vec<u8>> {
    let entries = folder::entries(set)?;
    let bytes = pack(&entries).map_err(|error| Error::Data(format!("the images cannot be a zip archive: {error}")))?;
    Ok(bytes)
}

fn pack(entries: &[Entry]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Stored)
        .last_modified_time(DateTime::default());
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    for Entry { path, bytes } in entries {
        archive.start_file(path.as_str(), options)?;
        archive.write_all(bytes)?;
    }
    Ok(archive.finish()?.into_inner())
}
