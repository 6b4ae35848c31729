//! `attar pool`: trains the networks that distillation looks through, for several runs to use.
//!
//! ```text
//! x.pool         the pool; empty until it is trained
//! x.pool.part    until then: the state of the training, at most ten seconds old
//! ```
//!
//! The same command goes on with a training that was interrupted.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    path::{Path, PathBuf},
    time::Instant,
};

use attar::{
    Error, Result as LibraryResult,
    data::{Reading, write_atomic},
    engine,
    pool::{PoolCheckpoint, PoolRun},
};
use pollster::block_on;
use serde::Serialize;

use crate::{
    args::PoolArgs,
    console::Console,
    failure::{Failure, Result},
    format,
    inspect::file_size,
    kept::{Kept, beside},
    progress::{Goal, Meter},
    reading::watched,
    run_dir::{DEFAULT_PARENT, first_free, unwritable},
    signals::Signals,
    source,
};

#[derive(Serialize)]
struct Trained {
    file: String,
    engine: String,
    networks: usize,
    seed: u64,
    seconds: f64,
    bytes: u64,
}

pub fn run(args: &PoolArgs, console: &Console) -> Result<()> {
    let signals = Signals::watch()?;
    let mut recipe = args.recipe.resolve(&[], false)?;
    let place = Place::claim(args, &format!("{}-{}", args.source.name().short(), recipe.method.name()))?;
    let begun = place.begun(console)?;
    if let Some(begun) = &begun {
        // It decides what is held out, too, so that it must be known before the images are read.
        recipe = args.recipe.resolve_by(&[], false, begun.seed())?;
    }
    let engine = block_on(engine::open(&args.engine))?;
    let images = watched(console, &signals, |pulse| {
        let reading = Reading { pulse: pulse.clone(), ..args.source.read_as().reading(recipe.seed) };
        args.source.name().read(args.source.test.as_ref(), &reading)
    })?;
    source::tell(&images, console);
    let (engine_name, start) = (engine.name().to_string(), Instant::now());
    let mut training = match &begun {
        Some(begun) => PoolRun::resume(begun, &recipe, &images.train, engine).map_err(|error| place.taken_by(error))?,
        None => PoolRun::new(&recipe, &images.train, engine)?,
    };
    console.note(format!("training {} networks on {engine_name}, seed {}", recipe.pool.networks, recipe.seed));
    train(&place, &mut training, args, console, &signals)?;
    let pool = block_on(training.finish())?;
    place.fill(&pool.to_bytes())?;
    let file = place.path.display().to_string();
    console.note(format!(
        "use it with the same source and size: --pool {} --seed {}",
        format::shell_word(&place.path),
        recipe.seed
    ));
    let (networks, seconds) = (pool.networks.len(), start.elapsed().as_secs_f64());
    let bytes = file_size(&place.path);
    let trained = Trained { file: file.clone(), engine: engine_name, networks, seed: recipe.seed, seconds, bytes };
    console.result(&trained, &format!("{file}\n"))
}

/// Trains until the pool is complete or a signal arrives, and keeps the state.
fn train(place: &Place, training: &mut PoolRun, args: &PoolArgs, console: &Console, signals: &Signals) -> Result<()> {
    // At once: a disk that has no room for it has none for the pool.
    place.keep(training)?;
    let (mut meter, mut kept) = (Meter::new(console, "pool"), Instant::now());
    while let Some((done, total)) = block_on(training.advance())? {
        meter.update(done, Goal::Amount(total), "");
        if signals.raised() {
            place.keep(training)?;
            let (trained, asked) = (training.trained(), training.networks());
            let (file, seed) = (format::shell_word(&place.path), training.seed());
            return Err(Failure::Interrupted {
                advice: format!(
                    "{trained} of {asked} networks are trained; the same command with --out {file} --seed {seed} goes on"
                ),
            });
        }
        if kept.elapsed() >= args.durability.checkpoint_every {
            if let Err(error) = place.keep(training) {
                console.note(format!("warning: the state of the pool could not be written: {error}"));
            }
            kept = Instant::now();
        }
    }
    meter.finish(&format!("{} networks", training.trained()));
    Ok(())
}

/// The place of the file, made sure of before the work, and this process's alone. If nothing is put there, it is given back.
struct Place {
    path: PathBuf,
    /// Of the file that is there as long as the pool is trained, where the file system knows of locks.
    _lock: File,
}

impl Place {
    fn claim(args: &PoolArgs, default: &str) -> LibraryResult<Place> {
        let path = match &args.out {
            Some(path) => path.clone(),
            None if args.force => Path::new(DEFAULT_PARENT).join(format!("{default}.pool")),
            None => first_free(default, ".pool", |path| match is_unfinished(path) {
                true => Ok(()),
                false => OpenOptions::new().write(true).create_new(true).open(path).map(drop),
            })?,
        };
        let parent = path.parent().unwrap_or(Path::new(""));
        let opened = fs::create_dir_all(parent)
            .and_then(|()| OpenOptions::new().append(true).create(true).open(&path))
            .map_err(|error| unwritable(&path, error))?;
        let shown = path.display();
        if !args.force && file_size(&path) > 0 {
            return Err(Error::Data(format!("{shown} is there already: give another --out, or --force to replace it")));
        }
        if let Err(TryLockError::WouldBlock) = opened.try_lock() {
            return Err(Error::Data(format!(
                "another process is training {shown}: wait for it, or give another --out"
            )));
        }
        let place = Place { path, _lock: opened };
        if args.force {
            place.state().remove()?;
        }
        Ok(place)
    }

    /// The state of a training that was interrupted.
    fn begun(&self, console: &Console) -> LibraryResult<Option<PoolCheckpoint>> {
        let state = self.state().newest(PoolCheckpoint::from_bytes)?.map(|newest| newest.told(console));
        if state.is_some() {
            console.note(format!("going on with the pool in {}", self.path.display()));
        }
        Ok(state)
    }

    fn state(&self) -> Kept {
        Kept::at(beside(&self.path, ".part"))
    }

    fn keep(&self, training: &PoolRun) -> LibraryResult<()> {
        self.state().save(&block_on(training.checkpoint())?)
    }

    fn fill(&self, content: &[u8]) -> LibraryResult<()> {
        write_atomic(&self.path, content)?;
        self.state().remove()
    }

    /// That what was begun here is not what is asked for.
    fn taken_by(&self, error: Error) -> Error {
        match error {
            Error::Data(message) => {
                let path = self.path.display();
                Error::Data(format!("{path}: {message}; or give another --out, or --force to begin again"))
            }
            other => other,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if file_size(&self.path) == 0 && !self.state().exists() {
            // A failure to tidy up is no news beside the one that is being reported.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Whether a training was interrupted here, and nobody is at it.
fn is_unfinished(path: &Path) -> bool {
    let free = || -> io::Result<bool> { Ok(!matches!(File::open(path)?.try_lock(), Err(TryLockError::WouldBlock))) };
    fs::metadata(path).is_ok_and(|found| found.len() == 0) && free().unwrap_or(false)
}
