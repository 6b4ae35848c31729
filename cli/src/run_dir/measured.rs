//! What the evaluation of a run has measured already, so that an interrupted one goes on.

use std::{collections::BTreeMap, fs, path::PathBuf};

use attar::{Error, Result, data::write_atomic};

use crate::kept::Kept;

/// Accuracies in a run's folder, network by network, under the key of what they are of (`attar::evaluate::key`).
#[derive(Debug)]
pub struct Measured {
    folder: PathBuf,
}

impl Measured {
    pub(super) fn within(folder: PathBuf) -> Measured {
        Measured { folder }
    }

    /// The accuracies of so many networks, if they are known.
    pub fn known(&self, key: &str, networks: usize) -> Option<Vec<f64>> {
        let mut each = self.read().remove(key)?;
        each.truncate(networks);
        (each.len() == networks).then_some(each)
    }

    /// Keeps accuracies that are complete.
    pub fn keep(&self, key: &str, each: &[f64]) -> Result<()> {
        let mut all = self.read();
        all.insert(key.into(), each.to_vec());
        let path = self.file();
        let text = serde_json::to_string_pretty(&all).map_err(|error| Error::io(path.display(), error))?;
        write_atomic(&path, format!("{text}\n").as_bytes())?;
        self.state().remove()
    }

    /// The evaluation that is under way.
    pub fn state(&self) -> Kept {
        Kept::at(self.folder.join("evaluation.bin"))
    }

    fn file(&self) -> PathBuf {
        self.folder.join("accuracies.json")
    }

    /// All that is known; nothing if the file is not one of ours, as it only saves time.
    fn read(&self) -> BTreeMap<String, Vec<f64>> {
        fs::read(self.file()).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accuracies_are_known_by_their_key() {
        let folder = tempfile::tempdir().unwrap();
        let measured = Measured::within(folder.path().into());
        assert_eq!(measured.known("a", 1), None);
        measured.state().save(b"under way").unwrap();
        measured.keep("a", &[0.5, 0.25]).unwrap();
        measured.keep("b", &[0.75]).unwrap();
        assert!(!measured.state().exists());
        assert_eq!(measured.known("a", 2), Some(vec![0.5, 0.25]));
        assert_eq!(measured.known("a", 1), Some(vec![0.5]));
        assert_eq!((measured.known("a", 3), measured.known("c", 1)), (None, None));
        fs::write(measured.file(), "{").unwrap();
        assert_eq!(measured.known("a", 1), None);
    }
}
