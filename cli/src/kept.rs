//! A state of long work on the disk: the newest and the one before it, should the newest turn out damaged.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use attar::{Error, Result, data::write_atomic};

use crate::console::Console;

/// The file of a state.
#[derive(Debug, Clone)]
pub struct Kept {
    path: PathBuf,
}

/// A state that was read.
#[derive(Debug)]
pub struct Newest<T> {
    state: T,
    /// What was wrong with a newer one.
    passed_over: Option<Error>,
}

impl<T> Newest<T> {
    /// The state, and a word on a newer one that is damaged.
    pub fn told(self, console: &Console) -> T {
        if let Some(error) = self.passed_over {
            console.note(format!("warning: {error}; going on from the state before it"));
        }
        self.state
    }
}

impl Kept {
    pub fn at(path: PathBuf) -> Kept {
        Kept { path }
    }

    /// Writes a state; the last one stays until the next.
    pub fn save(&self, state: &[u8]) -> Result<()> {
        match fs::rename(&self.path, self.previous()) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(Error::io(self.path.display(), error)),
            _ => {}
        }
        write_atomic(&self.path, state)
    }

    /// The newest state that `read` understands; `None` if there is no file.
    ///
    /// # Errors
    /// [`Error::Format`] of the newest if none can be understood; any other of `read`; [`Error::Io`].
    pub fn newest<T>(&self, mut read: impl FnMut(&[u8]) -> Result<T>) -> Result<Option<Newest<T>>> {
        let mut passed_over = None;
        for path in [&self.path, &self.previous()] {
            let bytes = match fs::read(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                content => content.map_err(|error| Error::io(path.display(), error))?,
            };
            match read(&bytes) {
                Ok(state) => return Ok(Some(Newest { state, passed_over })),
                Err(Error::Format(message)) => {
                    passed_over.get_or_insert(Error::Format(format!("{}: {message}", path.display())));
                }
                Err(error) => return Err(error),
            }
        }
        passed_over.map_or(Ok(None), Err)
    }

    /// Whether there is any.
    pub fn exists(&self) -> bool {
        self.path.exists() || self.previous().exists()
    }

    /// Removes the state before the newest.
    pub fn forget_previous(&self) -> Result<()> {
        remove(&self.previous())
    }

    pub fn remove(&self) -> Result<()> {
        remove(&self.path)?;
        self.forget_previous()
    }

    fn previous(&self) -> PathBuf {
        beside(&self.path, ".previous")
    }
}

/// The path with this at the end of its name.
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(ending);
    name.into()
}

/// Removes a file if it is there.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path.display(), error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_whole_state_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let kept = Kept::at(path.clone());
        let read = |bytes: &[u8]| match bytes {
            b"damaged" => Err(Error::Format("damaged".into())),
            b"foreign" => Err(Error::Data("foreign".into())),
            whole => Ok(whole.to_vec()),
        };
        assert!(kept.newest(read).unwrap().is_none() && !kept.exists());
        for state in [b"one", b"two"] {
            kept.save(state).unwrap();
        }
        let newest = kept.newest(read).unwrap().unwrap();
        assert!(newest.state == b"two" && newest.passed_over.is_none());
        fs::write(&path, "damaged").unwrap();
        let newest = kept.newest(read).unwrap().unwrap();
        assert!(newest.state == b"one" && newest.passed_over.is_some());
        // As after a kill between the two renamings.
        fs::remove_file(&path).unwrap();
        assert!(kept.exists());
        assert_eq!(kept.newest(read).unwrap().unwrap().state, b"one");
        fs::write(&path, "foreign").unwrap();
        assert!(matches!(kept.newest(read), Err(Error::Data(_))));
        fs::write(&path, "damaged").unwrap();
        kept.forget_previous().unwrap();
        assert!(matches!(kept.newest(read), Err(Error::Format(_))));
        kept.remove().unwrap();
        assert!(!kept.exists());
    }
}
