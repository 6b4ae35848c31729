//! `attar pool`: trains the networks that distillation looks through, for several runs to use.

use std::{
    fs::{self, OpenOptions},
    io::ErrorKind,
    path::{Path, PathBuf},
    time::Instant,
};

use attar::{Error, Result as LibraryResult, data::write_atomic, engine, pool::PoolRun};
use pollster::block_on;
use serde::Serialize;

use crate::{
    args::PoolArgs,
    console::Console,
    failure::{Failure, Result},
    format,
    inspect::file_size,
    progress::{Goal, Meter},
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
    let recipe = args.recipe.resolve(&[], false)?;
    let reading = args.source.read_as().reading(recipe.seed);
    let images = args.source.source.read(args.source.test.as_ref(), &reading)?;
    source::tell(&images, console);
    let engine = block_on(engine::open(&args.engine))?;
    let (engine_name, start) = (engine.name().to_string(), Instant::now());
    let mut training = PoolRun::new(&recipe, &images.train, engine)?;
    let mut place = Place::claim(args, &format!("{}-{}", images.name, recipe.method.name()))?;
    console.note(format!("training {} networks on {engine_name}, seed {}", recipe.pool.networks, recipe.seed));

    let mut meter = Meter::new(console, "pool");
    while let Some((done, total)) = block_on(training.advance())? {
        meter.update(done, Goal::Amount(total), "");
        if signals.raised() {
            break;
        }
    }
    let pool = block_on(training.finish())?;
    let networks = pool.networks.len();
    if networks == 0 {
        return Err(Failure::Interrupted { advice: "no network was trained yet, so nothing is kept".into() });
    }
    place.fill(&pool.to_bytes())?;
    let file = place.path.display().to_string();
    if networks < recipe.pool.networks {
        return Err(Failure::Interrupted { advice: format!("the {networks} networks trained so far are in {file}") });
    }
    meter.finish(&format!("{networks} networks"));
    console.note(format!(
        "use it with the same source and size: --pool {} --seed {}",
        format::shell_word(&place.path),
        recipe.seed
    ));
    let seconds = start.elapsed().as_secs_f64();
    let bytes = file_size(&place.path);
    let trained = Trained { file: file.clone(), engine: engine_name, networks, seed: recipe.seed, seconds, bytes };
    console.result(&trained, &format!("{file}\n"))
}

/// The place of the file, made sure of before the work. If nothing is put there, it is given back.
struct Place {
    path: PathBuf,
    /// Whether all there is is an empty file of ours.
    empty: bool,
}

impl Place {
    fn claim(args: &PoolArgs, default: &str) -> LibraryResult<Place> {
        let path = match &args.out {
            Some(path) => path.clone(),
            None if args.force => Path::new(DEFAULT_PARENT).join(format!("{default}.pool")),
            None => {
                let path = first_free(default, ".pool", |path| open(path, false))?;
                return Ok(Place { path, empty: true });
            }
        };
        let parent = path.parent().unwrap_or(Path::new(""));
        match fs::create_dir_all(parent).and_then(|()| open(&path, args.force)) {
            Ok(()) => Ok(Place { empty: file_size(&path) == 0, path }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                let path = path.display();
                Err(Error::Data(format!("{path} is there already: give another --out, or --force to replace it")))
            }
            Err(error) => Err(unwritable(&path, error)),
        }
    }

    fn fill(&mut self, content: &[u8]) -> LibraryResult<()> {
        write_atomic(&self.path, content)?;
        self.empty = false;
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.empty {
            // A failure to tidy up is no news beside the one that is being reported.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a file for writing and leaves its content alone; only `replace` allows that it is there.
fn open(path: &Path, replace: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let options = if replace { options.append(true).create(true) } else { options.write(true).create_new(true) };
    options.open(path).map(drop)
}
