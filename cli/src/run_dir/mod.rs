//! The folder of a run: what lies in it, and how an interrupted run finds everything again.
//!
//! ```text
//! distilled.attar   the distilled set
//! grid.png          a picture of it
//! recipe.toml       what made it, for `--recipe`
//! result.json       what `--json` prints
//! accuracies.json   the accuracies that an evaluation has measured, by what they depend on
//! run.toml          what `--resume` needs
//! checkpoint.bin    the state of the run: while it distils at most ten seconds old, and then as it ended
//! evaluation.bin    while it is judged: the state of the evaluation, at most ten seconds old
//! ```
//!
//! Every file is written under a temporary name and renamed, so each is whole at any time. Of the two states, the ones before
//! are there too (`.previous`), as long as they change.

mod measured;
mod place;
mod run_file;

use std::{
    cell::RefCell,
    fs::{self, File, TryLockError},
    io::ErrorKind,
    path::{Path, PathBuf},
};

use attar::{
    Distilled, Error, Result,
    data::{png_grid, save_png, write_atomic},
};
use serde::Serialize;

use crate::{
    format,
    kept::{Kept, remove},
};

pub use measured::Measured;
pub use place::{DEFAULT_PARENT, first_free, refuse_taken, unwritable};
pub use run_file::{Fingerprints, RunFile, Spent, Stage};

const DISTILLED: &str = "distilled.attar";
const RUN: &str = "run.toml";

/// The file of a distilled set that `path` names: of a run's folder the one in it.
pub fn set_at(path: PathBuf) -> PathBuf {
    let inside = path.join(DISTILLED);
    if inside.is_file() { inside } else { path }
}

/// The folder of a run, which is this process's alone.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Held as long as the run works here, where the file system knows of locks.
    lock: RefCell<Option<File>>,
}

impl RunDir {
    /// Makes the folder that the arguments ask for and makes sure that it can be written to. What is in it stays until
    /// [`RunDir::begin`].
    ///
    /// # Errors
    /// [`Error::Data`] if it is taken and not to be replaced, another run works in it, or it cannot be written to.
    pub fn claim(out: Option<&Path>, default: &str, force: bool) -> Result<RunDir> {
        let path = match out {
            Some(path) => path.to_path_buf(),
            None if force => Path::new(DEFAULT_PARENT).join(default),
            None => first_free(default, "", |path| fs::create_dir(path))?,
        };
        refuse_taken(&path, force)?;
        fs::create_dir_all(&path).map_err(|error| unwritable(&path, error))?;
        let dir = RunDir { lock: RefCell::new(lock(&path)?), path };
        let probe = dir.path.join(".attar.tmp");
        fs::write(&probe, RUN).and_then(|()| fs::remove_file(&probe)).map_err(|error| unwritable(&dir.path, error))?;
        Ok(dir)
    }

    /// Begins a run here, from this state. That of a run that was here before goes.
    ///
    /// # Errors
    /// [`Error::Io`] if it cannot be written, as on a full disk.
    pub fn begin(&self, run: &RunFile, state: &[u8]) -> Result<()> {
        // The new one first: what was here is lost only when there is room for what follows.
        self.save_checkpoint(state, run)?;
        self.checkpoint().forget_previous()?;
        self.measured().state().remove()
    }

    /// The folder of an earlier run, and what stands in its run file.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such run or it is at work, [`Error::Format`] if its run file cannot be read.
    pub fn open(path: &Path) -> Result<(RunDir, RunFile)> {
        let dir = RunDir { lock: RefCell::new(lock(path)?), path: path.to_path_buf() };
        let (file, shown) = (dir.path.join(RUN), path.display());
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound => Error::Data(format!("there is no run in {shown}: give the folder of a run")),
            _ => Error::io(file.display(), error),
        })?;
        let unreadable = |error: toml::de::Error| {
            let (file, message) = (file.display(), error.message());
            Error::Format(format!("{file} is not the file of a run ({message}): start the run again"))
        };
        Ok((dir, toml::from_str(&text).map_err(unreadable)?))
    }

    /// Makes the folder again if somebody has removed it; whether that was so.
    ///
    /// # Errors
    /// [`Error::Data`] if it cannot be made.
    pub fn mend(&self) -> Result<bool> {
        if self.path.is_dir() {
            return Ok(false);
        }
        fs::create_dir_all(&self.path).map_err(|error| unwritable(&self.path, error))?;
        self.lock.replace(lock(&self.path)?);
        Ok(true)
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    pub fn distilled(&self) -> PathBuf {
        self.path.join(DISTILLED)
    }

    pub fn grid(&self) -> PathBuf {
        self.path.join("grid.png")
    }

    /// The states of the run.
    pub fn checkpoint(&self) -> Kept {
        Kept::at(self.path.join("checkpoint.bin"))
    }

    /// What its evaluation has measured.
    pub fn measured(&self) -> Measured {
        Measured::within(self.path.clone())
    }

    /// The command that goes on with this run.
    pub fn resume_command(&self) -> String {
        format!("attar distill --resume {}", format::shell_word(&self.path))
    }

    /// Writes what a resumed run needs to know.
    pub fn write_run(&self, run: &RunFile) -> Result<()> {
        let path = self.path.join(RUN);
        let text = toml::to_string(run).map_err(|error| Error::io(path.display(), error))?;
        write_atomic(&path, text.as_bytes())
    }

    /// Writes the state of a run.
    pub fn save_checkpoint(&self, checkpoint: &[u8], run: &RunFile) -> Result<()> {
        self.checkpoint().save(checkpoint)?;
        self.write_run(run)
    }

    /// Writes the distilled set, its picture and its recipe. A result of an earlier run is no longer true.
    pub fn save_distilled(&self, set: &Distilled) -> Result<()> {
        set.save(self.distilled())?;
        save_png(&png_grid(set)?, &self.grid())?;
        write_atomic(&self.path.join("recipe.toml"), set.recipe.to_toml().as_bytes())?;
        remove(&self.path.join("result.json"))
    }

    /// The distilled set is safe: only evaluation is left. The state stays, so that the run can be continued.
    pub fn begin_evaluation(&self, run: &RunFile) -> Result<()> {
        self.write_run(run)?;
        self.checkpoint().forget_previous()
    }

    /// Writes the result.
    pub fn save_result(&self, result: &impl Serialize) -> Result<()> {
        let path = self.path.join("result.json");
        let text = serde_json::to_string_pretty(result).map_err(|error| Error::io(path.display(), error))?;
        write_atomic(&path, format!("{text}\n").as_bytes())
    }

    /// Takes the folder away if nothing is in it.
    pub fn withdraw(&self) {
        // This is tidying up after a failure that is already being reported.
        let _ = fs::remove_dir(&self.path);
    }
}

/// Keeps other runs out of a folder until this one ends, however it ends.
fn lock(path: &Path) -> Result<Option<File>> {
    // Where a folder cannot be opened as a file, a file in it stands for it. One that is not there has no lock.
    let lock = if cfg!(unix) {
        File::open(path)
    } else {
        File::options().create(true).truncate(false).write(true).open(path.join(".lock"))
    };
    match lock.map(|lock| (lock.try_lock(), lock)) {
        Ok((Ok(()), lock)) => Ok(Some(lock)),
        Ok((Err(TryLockError::WouldBlock), _)) => {
            let path = path.display();
            Err(Error::Data(format!("another run is at work in {path}: wait for it, or give another --out")))
        }
        Ok((Err(TryLockError::Error(_)), _)) | Err(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use attar::{Recipe, data::Fit};

    use super::*;
    use crate::{
        console::Console,
        source::{ReadAs, SourceName},
    };

    fn run_file(stage: Stage) -> RunFile {
        RunFile {
            source: SourceName::Sample,
            test: Some(SourceName::Folder("/data/test".into())),
            reading: ReadAs {
                size: Some(16),
                fit: Fit::Pad,
                skip_unreadable: false,
                memory: 1 << 30,
                split: Some("train".into()),
                classes: vec!["a".into()],
                limit_per_class: Some(9),
            },
            pool: None,
            images: Some(Fingerprints { training: "a".into(), test: "b".into() }),
            engine: "cpu".into(),
            evaluate: true,
            time_budget: Some(Duration::from_millis(1500)),
            stage,
            spent: Spent { pool: 1.5, distill: 0.0, choose: 0.0 },
            recipe: Recipe::default(),
        }
    }

    fn state(dir: &RunDir) -> Option<Vec<u8>> {
        dir.checkpoint().newest(|bytes| Ok(bytes.to_vec())).unwrap().map(|newest| newest.told(&Console::default()))
    }

    #[test]
    fn a_run_file_can_be_read_again() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let dir = RunDir::claim(Some(&path), "", false).unwrap();
        dir.begin(&run_file(Stage::Distill), b"state").unwrap();
        drop(dir);
        let (dir, read) = RunDir::open(&path).unwrap();
        assert_eq!((read, state(&dir)), (run_file(Stage::Distill), Some(b"state".to_vec())));
        drop(dir);
        assert!(RunDir::open(root.path()).unwrap_err().to_string().contains("no run in"));
    }

    #[test]
    fn taken_folders_are_refused_or_replaced() {
        let root = tempfile::tempdir().unwrap();
        let claim = |force| RunDir::claim(Some(root.path()), "", force);
        let refused = |dir: RunDir| {
            drop(dir);
            claim(false).unwrap_err().to_string()
        };
        let dir = claim(false).unwrap();
        dir.begin(&run_file(Stage::Distill), b"old").unwrap();
        assert!(refused(dir).contains("--resume"));
        let dir = claim(true).unwrap();
        assert_eq!(state(&dir), Some(b"old".to_vec()), "nothing is lost before the new run has a state");
        dir.begin(&run_file(Stage::Nothing), b"new").unwrap();
        assert_eq!(state(&dir), Some(b"new".to_vec()));
        assert!(refused(dir).contains("not empty"));
        let file = root.path().join(RUN);
        assert!(refuse_taken(&file, true).unwrap_err().to_string().contains("is a file"));
    }

    #[test]
    fn a_folder_has_one_run_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let claim = || RunDir::claim(Some(root.path()), "", true);
        let first = claim().unwrap();
        assert!(claim().unwrap_err().to_string().contains("another run is at work"));
        assert!(RunDir::open(root.path()).unwrap_err().to_string().contains("another run is at work"));
        drop(first);
        claim().unwrap();
    }

    #[test]
    fn a_folder_that_is_removed_comes_back() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x");
        let dir = RunDir::claim(Some(&path), "", false).unwrap();
        assert!(!dir.mend().unwrap());
        fs::remove_dir_all(&path).unwrap();
        assert!(dir.mend().unwrap() && path.is_dir());
        assert!(RunDir::open(&path).unwrap_err().to_string().contains("another run is at work"));
        dir.withdraw();
        assert!(!path.exists());
    }
}
