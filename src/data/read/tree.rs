//! Folders as they lie on a disk or in an archive: names, sizes and what is no file at all. Nothing is opened.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::place::Place;
use crate::{Error, Result, data::files};

/// Folders within folders are looked at down to here.
pub(super) const DEPTH: usize = 6;

pub(super) const TOO_DEEP: &str = "a folder nested too deep";

/// A folder and what lies in it, each in the order of the names.
pub(in crate::data) struct Folder {
    /// As people see it: see [`files::shown`].
    pub name: String,
    pub path: PathBuf,
    pub folders: Vec<Folder>,
    pub files: Vec<File>,
    /// Neither files nor folders: what each is.
    pub others: Vec<(PathBuf, &'static str)>,
}

/// A regular file.
#[derive(Clone)]
pub(in crate::data) struct File {
    /// What people see; in an archive, its own path and the name in it.
    pub path: PathBuf,
    pub bytes: u64,
    pub(super) place: Place,
}

impl Folder {
    /// Lists a folder without what systems and tools leave in folders.
    ///
    /// # Errors
    /// [`Error::Io`] if a folder cannot be listed.
    pub fn read(path: &Path) -> Result<Folder> {
        Folder::at(path, 0)
    }

    fn at(path: &Path, depth: usize) -> Result<Folder> {
        let mut folder = Folder {
            name: if depth == 0 { files::name(path) } else { files::shown(path.file_name().unwrap_or_default()) },
            path: path.to_path_buf(),
            folders: Vec::new(),
            files: Vec::new(),
            others: Vec::new(),
        };
        let failed = |error| Error::io(path.display(), error);
        let mut paths = Vec::new();
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if !is_of_a_system(&entry.file_name().to_string_lossy()) {
                paths.push(entry.path());
            }
        }
        paths.sort_unstable();
        for path in paths {
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() && depth == DEPTH => folder.others.push((path, TOO_DEEP)),
                Ok(found) if found.is_dir() => folder.folders.push(Folder::at(&path, depth + 1)?),
                Ok(found) if found.is_file() => {
                    folder.files.push(File { path, bytes: found.len(), place: Place::Disk });
                }
                Ok(_) => folder.others.push((path, "neither a file nor a folder")),
                Err(_) if path.is_symlink() => folder.others.push((path, "a link that leads nowhere")),
                Err(error) => return Err(Error::io(path.display(), error)),
            }
        }
        Ok(folder)
    }

    /// The folder inside folders that hold nothing else.
    pub fn innermost(&self) -> &Folder {
        match &self.folders[..] {
            [inner] if self.files.is_empty() => inner.innermost(),
            _ => self,
        }
    }

    /// The file at this path inside.
    pub fn find(&self, inside: &Path) -> Option<&File> {
        let mut names =
            inside.components().filter(|part| *part != Component::CurDir).map(Component::as_os_str).peekable();
        let mut folder = self;
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                let place = folder.files.binary_search_by(|file| file.path.file_name().cmp(&Some(name))).ok()?;
                return folder.files.get(place);
            }
            folder = folder.folders.iter().find(|inner| inner.path.file_name() == Some(name))?;
        }
        None
    }

    /// The folders, this one first, in which such a file lies.
    pub fn holders(&self, is_such: &dyn Fn(&File) -> bool) -> Vec<&Folder> {
        let here = self.files.iter().any(is_such).then_some(self);
        here.into_iter().chain(self.folders.iter().flat_map(|inner| inner.holders(is_such))).collect()
    }

    /// Whether there is a file that is called like a picture, at any depth.
    pub fn has_pictures(&self) -> bool {
        self.pictures().next().is_some() || self.folders.iter().any(Folder::has_pictures)
    }

    /// The files that are called like pictures.
    pub fn pictures(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_picture())
    }
}

/// A file's name without what says of which kind it is.
pub(super) fn stem(name: &str) -> String {
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if stem.is_empty() { name.into() } else { stem.into() }
}

impl File {
    /// One that somebody named.
    ///
    /// # Errors
    /// [`Error::Io`] if it is not there.
    pub fn given(path: &Path) -> Result<File> {
        let bytes = fs::metadata(path).map_err(|error| Error::io(path.display(), error))?.len();
        Ok(File { path: path.to_path_buf(), bytes, place: Place::Disk })
    }

    /// The name, in lower case.
    pub fn lower_name(&self) -> String {
        self.path.file_name().unwrap_or_default().to_string_lossy().to_lowercase()
    }

    /// What follows the last dot of the name, in lower case.
    pub fn extension(&self) -> String {
        self.path.extension().unwrap_or_default().to_string_lossy().to_lowercase()
    }

    /// Whether it is called like a picture of any kind, one that can be read or not.
    pub fn is_picture(&self) -> bool {
        let pictures = [
            "png", "jpg", "jpeg", "jpe", "jfif", "webp", "gif", "bmp", "tif", "tiff", "heic", "heif", "avif", "svg",
            "jp2", "jxl", "ppm", "pgm", "pbm", "tga", "ico",
        ];
        pictures.contains(&self.extension().as_str()) || self.is_raw()
    }

    /// Whether it is called like what a camera's sensor saw. Many such files are TIFF to a decoder, which finds the small
    /// picture for the camera's own screen in them.
    pub fn is_raw(&self) -> bool {
        let raw = ["dng", "cr2", "cr3", "nef", "nrw", "arw", "orf", "rw2", "raf", "pef", "srw"];
        raw.contains(&self.extension().as_str())
    }
}

/// Whether nobody put a file or folder of this name there on purpose.
pub(in crate::data) fn is_of_a_system(name: &str) -> bool {
    let known = [
        "__macosx",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "thumbs.db",
        "ehthumbs.db",
        "desktop.ini",
        "@eadir",
        "__pycache__",
        "icon\r",
    ];
    name.starts_with('.') || known.contains(&name.to_lowercase().as_str())
}
