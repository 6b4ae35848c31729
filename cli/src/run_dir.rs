//! The folder of a run: what lies in it, and how an interrupted run finds everything again.
//!
//! ```text
//! distilled.attar   the distilled set
//! grid.png          a picture of it
//! recipe.toml       what made it, for `--recipe`
//! result.json       what `--json` prints
//! whole.json        the accuracy of the whole real set, which costs most of an evaluation
//! run.toml          while the run is not complete: what `--resume` needs
//! checkpoint.bin    while it distils: its state, at most ten seconds old
//! ```
//!
//! Every file is written under a temporary name and renamed, so each is whole at any time.

use std::{
    fs::{self, File, TryLockError},
    io::{self, ErrorKind},
    path::{Path, PathBuf},
    time::Duration,
};

use attar::{
    Distilled, Error, Phase, Recipe, Result, Settings, Source,
    data::{png_grid, save_png, write_atomic},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    format,
    report::Figure,
    source::{ReadAs, SourceName},
};

/// Where results go that name no place.
pub const DEFAULT_PARENT: &str = "out";

const DISTILLED: &str = "distilled.attar";

/// The file of a distilled set that `path` names: of a run's folder the one in it.
pub fn set_at(path: PathBuf) -> PathBuf {
    let inside = path.join(DISTILLED);
    if inside.is_file() { inside } else { path }
}

/// What a run needs besides its checkpoint to be gone on with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    pub source: SourceName,
    pub test: Option<SourceName>,
    pub reading: ReadAs,
    /// The file that the pool was read from.
    pub pool: Option<PathBuf>,
    /// What was read from source and test; `None` until it is.
    pub images: Option<Fingerprints>,
    pub engine: String,
    pub evaluate: bool,
    pub time_budget: Option<Duration>,
    pub stage: Stage,
    pub spent: Spent,
    /// As settings, spelt as everywhere.
    #[serde(serialize_with = "write_recipe", deserialize_with = "read_recipe")]
    pub recipe: Recipe,
}

fn write_recipe<S: Serializer>(recipe: &Recipe, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    recipe.settings().map_err(serde::ser::Error::custom)?.serialize(serializer)
}

fn read_recipe<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Recipe, D::Error> {
    Recipe::of(&Settings::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Of images, labels and class names: what the rest of a run will read must be what it began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    training: String,
    test: String,
}

impl Fingerprints {
    pub fn of(source: &Source) -> Fingerprints {
        Fingerprints { training: source.train.fingerprint(), test: source.test.fingerprint() }
    }

    /// That `found` is not what the run began with.
    ///
    /// # Errors
    /// [`Error::Data`] that says which images differ.
    pub fn recognise(&self, found: &Fingerprints) -> Result<()> {
        let what = match (self.training == found.training, self.test == found.test) {
            (true, true) => return Ok(()),
            (false, _) => "training images",
            (true, false) => "test images",
        };
        Err(Error::Data(format!(
            "these are not the {what} that the run began with, or their classes are called otherwise: put them back, or \
             start the run again"
        )))
    }
}

/// Which part of the work comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// From the checkpoint if there is one, else from the beginning.
    Distill,
    /// The distilled set is written.
    Evaluate,
}

/// Seconds of work so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub pool: f64,
    pub distill: f64,
}

impl Spent {
    /// Counts time spent in a phase.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        let seconds = match phase {
            Phase::Pool => &mut self.pool,
            Phase::Distill => &mut self.distill,
        };
        *seconds += time.as_secs_f64();
    }

    /// All of it.
    pub fn total(self) -> Duration {
        Duration::from_secs_f64(self.pool + self.distill)
    }
}

/// The folder of a run, which is this process's alone.
#[derive(Debug)]
pub struct RunDir {
    path: PathBuf,
    /// Held as long as the run works here, where the file system knows of locks.
    _lock: Option<File>,
}

/// The accuracy of the whole set, and all that it depends on.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    key: Vec<String>,
    accuracy: Figure,
}

impl RunDir {
    /// Makes the folder that the arguments ask for and makes sure that it can be written to: `run` is the first file in it.
    ///
    /// # Errors
    /// [`Error::Data`] if it is taken and not to be replaced, or another run works in it; [`Error::Io`] if it cannot be
    /// written to.
    pub fn claim(out: Option<&Path>, default: &str, force: bool, run: &RunFile) -> Result<RunDir> {
        let path = match out {
            Some(path) => path.to_path_buf(),
            None if force => Path::new(DEFAULT_PARENT).join(default),
            None => first_free(default, "", |path| fs::create_dir(path))?,
        };
        refuse_taken(&path, force)?;
        fs::create_dir_all(&path).map_err(|error| unwritable(&path, error))?;
        let dir = RunDir::locked(path)?;
        dir.write_run(run).map_err(|error| unwritable(&dir.path, error))?;
        // The checkpoint of the run that was replaced.
        remove(&dir.checkpoint())?;
        Ok(dir)
    }

    /// The folder of an interrupted run, and what stands in its run file.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such run or it is at work, [`Error::Format`] if its run file cannot be read.
    pub fn open(path: &Path) -> Result<(RunDir, RunFile)> {
        let dir = RunDir::locked(path.to_path_buf())?;
        let (file, shown) = (dir.path.join("run.toml"), path.display());
        let text = fs::read_to_string(&file).map_err(|error| match error.kind() {
            ErrorKind::NotFound if dir.distilled().exists() => {
                Error::Data(format!("the run in {shown} is complete: there is nothing to resume"))
            }
            ErrorKind::NotFound => {
                Error::Data(format!("there is no run in {shown}: give the folder of an interrupted run"))
            }
            _ => Error::io(file.display(), error),
        })?;
        let unreadable = |error: toml::de::Error| {
            let (file, message) = (file.display(), error.message());
            Error::Format(format!("{file} is not the file of a run ({message}): start the run again"))
        };
        Ok((dir, toml::from_str(&text).map_err(unreadable)?))
    }

    /// Keeps other runs out of a folder until this one ends, however it ends.
    fn locked(path: PathBuf) -> Result<RunDir> {
        // Where a folder cannot be opened as a file, a file in it stands for it. One that is not there has no lock.
        let lock = if cfg!(unix) {
            File::open(&path)
        } else {
            File::options().create(true).truncate(false).write(true).open(path.join(".lock"))
        };
        let lock = match lock.map(|lock| (lock.try_lock(), lock)) {
            Ok((Ok(()), lock)) => Some(lock),
            Ok((Err(TryLockError::WouldBlock), _)) => {
                let path = path.display();
                return Err(Error::Data(format!(
                    "another run is at work in {path}: wait for it, or give another --out"
                )));
            }
            Ok((Err(TryLockError::Error(_)), _)) | Err(_) => None,
        };
        Ok(RunDir { path, _lock: lock })
    }

    pub fn distilled(&self) -> PathBuf {
        self.path.join(DISTILLED)
    }

    pub fn grid(&self) -> PathBuf {
        self.path.join("grid.png")
    }

    fn checkpoint(&self) -> PathBuf {
        self.path.join("checkpoint.bin")
    }

    /// The command that goes on with this run.
    pub fn resume_command(&self) -> String {
        format!("attar distill --resume {}", format::shell_word(&self.path))
    }

    /// Writes what a resumed run needs to know.
    pub fn write_run(&self, run: &RunFile) -> Result<()> {
        let path = self.path.join("run.toml");
        let text = toml::to_string(run).map_err(|error| Error::io(path.display(), error))?;
        write_atomic(&path, text.as_bytes())
    }

    /// Writes the state of a run.
    pub fn save_checkpoint(&self, checkpoint: &[u8], run: &RunFile) -> Result<()> {
        write_atomic(&self.checkpoint(), checkpoint)?;
        self.write_run(run)
    }

    /// The last state of a run; `None` if it ended before the first was written.
    pub fn read_checkpoint(&self) -> Result<Option<Vec<u8>>> {
        match fs::read(self.checkpoint()) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::io(self.checkpoint().display(), error)),
        }
    }

    /// Writes the distilled set, its picture and its recipe. A result of an earlier run is no longer true.
    pub fn save_distilled(&self, set: &Distilled) -> Result<()> {
        set.save(self.distilled())?;
        save_png(&png_grid(set)?, &self.grid())?;
        write_atomic(&self.path.join("recipe.toml"), set.recipe.to_toml().as_bytes())?;
        remove(&self.path.join("result.json"))
    }

    /// The distilled set is safe: only evaluation is left.
    pub fn begin_evaluation(&self, run: &RunFile) -> Result<()> {
        self.write_run(run)?;
        remove(&self.checkpoint())
    }

    /// Writes the result.
    pub fn save_result(&self, result: &impl Serialize) -> Result<()> {
        self.write_json("result.json", result)
    }

    /// Nothing is left to resume.
    pub fn complete(&self) -> Result<()> {
        remove(&self.checkpoint())?;
        remove(&self.path.join("run.toml"))
    }

    /// Whether there is a state to go on from; if not, takes away the run file, and the folder if nothing else is in it.
    pub fn keep_or_withdraw(&self) -> bool {
        if self.checkpoint().exists() {
            return true;
        }
        // This is tidying up after a failure that is already being reported.
        let _ = fs::remove_file(self.path.join("run.toml"));
        let _ = fs::remove_dir(&self.path);
        false
    }

    /// The accuracy of the whole set from an earlier evaluation, if all that it depends on is equal.
    pub fn remembered(&self, key: &[String]) -> Option<Figure> {
        let text = fs::read(self.path.join("whole.json")).ok()?;
        let remembered: Remembered = serde_json::from_slice(&text).ok()?;
        (remembered.key == key).then_some(remembered.accuracy)
    }

    /// Keeps the accuracy of the whole set.
    pub fn remember(&self, key: Vec<String>, accuracy: Figure) -> Result<()> {
        self.write_json("whole.json", &Remembered { key, accuracy })
    }

    fn write_json(&self, name: &str, value: &impl Serialize) -> Result<()> {
        let path = self.path.join(name);
        let text = serde_json::to_string_pretty(value).map_err(|error| Error::io(path.display(), error))?;
        write_atomic(&path, format!("{text}\n").as_bytes())
    }
}

/// Refuses a folder that holds something, unless it may be replaced.
///
/// # Errors
/// [`Error::Data`] if it is taken or no folder.
pub fn refuse_taken(path: &Path, force: bool) -> Result<()> {
    let shown = path.display();
    let occupied = match fs::read_dir(path) {
        Ok(mut entries) => entries.next().is_some(),
        Err(error) if error.kind() == ErrorKind::NotFound => false,
        Err(_) if path.is_file() => return Err(Error::Data(format!("{shown} is a file: give a folder with --out"))),
        Err(error) => return Err(unwritable(path, error)),
    };
    if !occupied || force {
        return Ok(());
    }
    Err(Error::Data(if path.join("run.toml").exists() {
        let word = format::shell_word(path);
        format!(
            "{shown} holds an unfinished run: go on with `attar distill --resume {word}`, or give --force to replace it"
        )
    } else {
        format!("{shown} is not empty: give another --out, or --force to replace the results in it")
    }))
}

/// The first of `name`, `name-2`, `name-3` ... with this suffix that is not there; made at once, so that of two runs each
/// gets its own.
pub fn first_free(name: &str, suffix: &str, make: impl Fn(&Path) -> io::Result<()>) -> Result<PathBuf> {
    let parent = Path::new(DEFAULT_PARENT);
    fs::create_dir_all(parent).map_err(|error| unwritable(parent, error))?;
    let mut number = 1;
    loop {
        let numbered = if number == 1 { name.to_string() } else { format!("{name}-{number}") };
        let path = parent.join(numbered + suffix);
        match make(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(unwritable(&path, error)),
        }
    }
}

/// That a result cannot be put where it should go.
pub fn unwritable(path: &Path, error: impl std::fmt::Display) -> Error {
    Error::Data(format!("cannot write to {} ({error}): give another place with --out", path.display()))
}

/// Removes a file if it is there.
fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(path.display(), error)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use attar::data::Fit;

    use super::*;

    fn run_file() -> RunFile {
        RunFile {
            source: SourceName::Sample,
            test: Some(SourceName::Folder("/data/test".into())),
            reading: ReadAs { size: Some(16), fit: Fit::Pad, skip_unreadable: false, memory: 1 << 30 },
            pool: None,
            images: Some(Fingerprints { training: "a".into(), test: "b".into() }),
            engine: "cpu".into(),
            evaluate: true,
            time_budget: Some(Duration::from_millis(1500)),
            stage: Stage::Distill,
            spent: Spent { pool: 1.5, distill: 0.0 },
            recipe: Recipe::default(),
        }
    }

    #[test]
    fn a_run_file_can_be_read_again() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("a/b");
        let dir = RunDir::claim(Some(&path), "", false, &run_file()).unwrap();
        drop(dir);
        let (dir, read) = RunDir::open(&path).unwrap();
        assert_eq!(read, run_file());
        dir.complete().unwrap();
        let distilled = dir.distilled();
        drop(dir);
        assert!(RunDir::open(&path).unwrap_err().to_string().contains("no run in"));
        fs::write(distilled, "").unwrap();
        assert!(RunDir::open(&path).unwrap_err().to_string().contains("complete"));
    }

    #[test]
    fn taken_folders_are_refused_or_replaced() {
        let root = tempfile::tempdir().unwrap();
        let claim = |force| RunDir::claim(Some(root.path()), "", force, &run_file()).map_err(|error| error.to_string());
        let dir = claim(false).unwrap();
        assert!(claim(false).unwrap_err().contains("--resume"));
        dir.save_checkpoint(b"state", &run_file()).unwrap();
        drop(dir);
        let dir = claim(true).unwrap();
        assert_eq!(dir.read_checkpoint().unwrap(), None, "not that of the run replaced");
        dir.complete().unwrap();
        fs::write(dir.distilled(), "").unwrap();
        assert!(claim(false).unwrap_err().contains("--force"));
        let file = root.path().join(DISTILLED);
        assert!(refuse_taken(&file, true).unwrap_err().to_string().contains("is a file"));
    }

    #[test]
    fn a_folder_has_one_run_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let claim = || RunDir::claim(Some(root.path()), "", true, &run_file());
        let first = claim().unwrap();
        assert!(claim().unwrap_err().to_string().contains("another run is at work"));
        assert!(RunDir::open(root.path()).unwrap_err().to_string().contains("another run is at work"));
        drop(first);
        claim().unwrap();
    }

    #[test]
    fn a_failed_run_leaves_only_what_is_of_use() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("x");
        let dir = RunDir::claim(Some(&path), "", false, &run_file()).unwrap();
        assert!(!dir.keep_or_withdraw() && !path.exists());
        let dir = RunDir::claim(Some(&path), "", false, &run_file()).unwrap();
        dir.save_checkpoint(b"state", &run_file()).unwrap();
        assert!(dir.keep_or_withdraw() && path.exists());
    }

    #[test]
    fn a_figure_is_remembered_only_for_its_key() {
        let root = tempfile::tempdir().unwrap();
        let dir = RunDir::locked(root.path().into()).unwrap();
        let figure = Figure { mean: 0.875, deviation: 0.01, repeats: 3 };
        let key = |text: &str| vec![text.to_string()];
        assert_eq!(dir.remembered(&key("a")), None);
        dir.remember(key("a"), figure).unwrap();
        assert_eq!((dir.remembered(&key("a")), dir.remembered(&key("b"))), (Some(figure), None));
    }
}
