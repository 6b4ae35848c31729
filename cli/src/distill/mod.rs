//! `attar distill`: from a source of images to a distilled set and what it is worth.
//!
//! A run has two stages. Between two units of the first, a signal or a failure leaves a checkpoint; the second begins when
//! the distilled set is safe on the disk. `--resume` enters either, and continues a run that has ended.

mod display;
mod resumed;

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use attar::{
    Distillation, Distilled, Error, Pool, Protocol, Recipe, Source,
    data::Reading,
    engine::{self, Engine},
    run::{Changes, Choice},
};
use pollster::block_on;

use self::display::{Display, goal};
use crate::{
    args::DistillArgs,
    console::Console,
    evaluate::{self, Baselines, Judge},
    explain,
    failure::{Failure, Result},
    inspect::file_size,
    reading::watched,
    report::{Accuracies, Bytes, DistillReport, Seconds, Sizes},
    run_dir::{Fingerprints, RunDir, RunFile, Spent, Stage},
    signals::Signals,
    source,
};

pub fn run(args: &DistillArgs, console: &Console) -> Result<()> {
    let signals = Signals::watch()?;
    if let Some(path) = &args.resume {
        let (dir, mut run) = RunDir::open(path)?;
        let changes = resumed::change(&mut run, &dir, args)?;
        let room = Room::new(&mut run, args, console, &signals)?;
        return room.go_on(&dir, run, changes);
    }
    let mut run = described(args)?;
    if args.explain {
        let room = Room::new(&mut run, args, console, &signals)?;
        return explain::run(&room.begin(&run)?, &room.engine, console);
    }
    let (method, ipc) = (run.recipe.method.name(), run.recipe.images_per_class);
    let name = format!("{}-{method}-ipc{ipc}", run.source.short());
    // Before anything is read, which may take a while.
    let dir = RunDir::claim(args.out.as_deref(), &name, args.force)?;
    let begun = Room::new(&mut run, args, console, &signals).and_then(|room| {
        let work = room.begin(&run)?;
        dir.begin(&run, &block_on(work.checkpoint())?)?;
        Ok((room, work))
    });
    let (room, work) = begun.inspect_err(|_| dir.withdraw())?;
    room.distil(&dir, run, work)
}

/// The run that the arguments describe.
fn described(args: &DistillArgs) -> Result<RunFile> {
    let recipe = args.recipe()?;
    Ok(RunFile {
        source: args.source.name().absolute(),
        test: args.source.test.as_ref().map(source::SourceName::absolute),
        reading: args.source.read_as(),
        pool: args.pool.as_deref().map(source::absolute),
        images: None,
        engine: args.engine.clone().unwrap_or_else(|| "auto".into()),
        evaluate: !args.no_evaluate,
        time_budget: args.time_budget,
        stage: Stage::Distill,
        spent: Spent::default(),
        recipe,
    })
}

/// Whether nearly all pixels of a set are at the ends of their range, and many of the images that it was made of are not.
fn is_burnt_out(set: &Distilled, source: &Source) -> bool {
    let share = |pixels: &[u8]| {
        let extreme = pixels.iter().filter(|&&pixel| pixel == 0 || pixel == 255).count();
        extreme as f64 / pixels.len().max(1) as f64
    };
    share(&set.images_u8()) > 0.98 && share(source.train.images().pixels()) < 0.9
}

/// What both stages work with.
struct Room<'a> {
    console: &'a Console,
    signals: &'a Signals,
    source: Source,
    pool: Option<Pool>,
    engine: Arc<dyn Engine>,
    /// How often the state is written: what a failure of the machine may cost.
    every: Duration,
}

impl<'a> Room<'a> {
    /// Opens the engine and reads the images, of which it makes sure that they are those that the run began with, or
    /// remembers them if it begins now. What can be refused before anything is read, is.
    fn new(run: &mut RunFile, args: &DistillArgs, console: &'a Console, signals: &'a Signals) -> Result<Room<'a>> {
        if run.evaluate {
            // A mistake in its name should not come to light after the distillation.
            evaluate::protocol(&run.recipe)?;
        }
        let pool = run.pool.as_deref().map(read_pool).transpose()?;
        let engine = block_on(engine::open(&run.engine))?;
        run.engine = engine.name().into();
        let source = watched(console, signals, |pulse| {
            let reading = Reading { pulse: pulse.clone(), ..run.reading.reading(run.recipe.seed) };
            run.source.read(run.test.as_ref(), &reading)
        })?;
        source::tell(&source, console);
        let found = Fingerprints::of(&source);
        if let Some(known) = &run.images {
            known.recognise(&found)?;
        }
        run.images = Some(found);
        console.note(format!("distilling on {}, seed {}", engine.name(), run.recipe.seed));
        Ok(Room { console, signals, source, pool, engine, every: args.durability.checkpoint_every })
    }

    /// A run at its beginning. What cannot be worked with is refused here, baselines included.
    fn begin(&self, run: &RunFile) -> Result<Distillation> {
        if run.evaluate {
            Baselines::of_run(&self.source.train, &run.recipe)?;
        }
        let work = Distillation::new(run.recipe.clone(), &self.source.train, Arc::clone(&self.engine))?;
        work.notices().iter().for_each(|notice| self.console.note(notice));
        match &self.pool {
            Some(pool) => Ok(work.with_pool(pool)?),
            None => Ok(work),
        }
    }

    /// Enters the stage that the run was interrupted in.
    fn go_on(&self, dir: &RunDir, run: RunFile, changes: Changes) -> Result<()> {
        if run.stage != Stage::Distill {
            return self.evaluate(dir, &run, &Distilled::load(dir.distilled())?);
        }
        let resume =
            |state: &[u8]| Distillation::resume_changed(state, changes, &self.source.train, Arc::clone(&self.engine));
        let work = match dir.checkpoint().newest(resume)? {
            Some(newest) => newest.told(self.console),
            None => self.begin(&run)?,
        };
        // As it goes on, so that a run that is interrupted again does.
        dir.write_run(&run)?;
        self.distil(dir, run, work)
    }

    /// The first stage, and then the second.
    fn distil(&self, dir: &RunDir, mut run: RunFile, mut work: Distillation) -> Result<()> {
        self.work(dir, &mut run, &mut work).inspect_err(|failure| self.rescue(dir, failure, &mut work))?;
        self.save(dir, &run, &work);
        let set = block_on(work.finish())?;
        // The engine's memory is the evaluation's now.
        drop(work);
        dir.save_distilled(&set)?;
        if is_burnt_out(&set, &self.source) {
            self.console.note(format!(
                "warning: all pixels of the distilled set are black or white, as after too high a rate: lower canvas.lr ({:?})",
                run.recipe.canvas.lr
            ));
        }
        run.stage = Stage::Evaluate;
        dir.begin_evaluation(&run)?;
        self.evaluate(dir, &run, &set)
    }

    /// Unit after unit until the run is complete or a signal arrives. When its time is up, it makes no more iterations.
    fn work(&self, dir: &RunDir, run: &mut RunFile, work: &mut Distillation) -> Result<()> {
        let (mut display, mut lap, mut saved) =
            (Display::new(self.console, work.loss_names()), Instant::now(), Instant::now());
        while let Some(progress) = block_on(work.advance())? {
            run.spent.add(progress.phase, lap.elapsed());
            lap = Instant::now();
            display.show(&progress, goal(&progress, run));
            if self.signals.raised() {
                self.mend(dir);
                dir.save_checkpoint(&block_on(work.checkpoint())?, run)?;
                return Err(interrupted(dir));
            }
            if progress.losses.is_some() && run.time_budget.is_some_and(|budget| run.spent.total() >= budget) {
                self.console.note(format!("the time is up after {} iterations", progress.done));
                work.stop();
            }
            if saved.elapsed() >= self.every {
                self.save(dir, run, work);
                saved = Instant::now();
            }
        }
        display.finish();
        Ok(())
    }

    /// Writes a checkpoint just in case. A full disk now is no reason to give up the work: it may have room at the end.
    fn save(&self, dir: &RunDir, run: &RunFile, work: &Distillation) {
        self.mend(dir);
        let saved = block_on(work.checkpoint()).and_then(|bytes| dir.save_checkpoint(&bytes, run));
        if let Err(error) = saved {
            self.console.note(format!("warning: the checkpoint could not be written: {error}"));
        }
    }

    /// Makes the folder again if somebody has removed it: whoever did so may not have known of the run. Whether it was so.
    fn mend(&self, dir: &RunDir) -> bool {
        let path = dir.path().display();
        match dir.mend() {
            Ok(true) => self.console.note(format!("warning: {path} was removed, and is made again")),
            Ok(false) => return false,
            Err(error) => self.console.note(format!("warning: {path} was removed: {error}")),
        }
        true
    }

    /// After a failure: keeps what is of use and says where it is.
    fn rescue(&self, dir: &RunDir, failure: &Failure, work: &mut Distillation) {
        let Failure::Work(error) = failure else { return };
        if matches!(error, Error::NonFinite { .. }) && !work.losses().is_empty() {
            let kept = block_on(work.finish()).and_then(|set| dir.save_distilled(&set));
            if kept.is_ok() {
                self.console.note(format!("the set of the last good iteration is in {}", dir.distilled().display()));
            }
        }
        self.console.note(format!("the last good state is kept: {}", dir.resume_command()));
    }

    /// The second stage: judges the set and says what came out.
    fn evaluate(&self, dir: &RunDir, run: &RunFile, set: &Distilled) -> Result<()> {
        let mut report = self.report(dir, run, set);
        // Whatever becomes of the evaluation, the rest is known.
        dir.save_result(&report)?;
        if run.evaluate {
            let start = Instant::now();
            // That of the set, in which is found what that of the run leaves open.
            let recipe = Recipe::of(&set.recipe)?;
            let protocol = Protocol::of(&recipe)?;
            report.protocol = Some(protocol.name.clone());
            report.accuracy = Some(self.accuracies(dir, &recipe, set, protocol)?);
            report.seconds.evaluate = start.elapsed().as_secs_f64();
            if self.mend(dir) {
                dir.save_distilled(set)?;
            }
            dir.save_result(&report)?;
        }
        dir.write_run(&RunFile { stage: Stage::Nothing, ..run.clone() })?;
        let (test, whole) = (self.source.test.len(), self.source.train.len());
        let sizes = Sizes::of(set, test, whole);
        self.console.result(&report, &report.text(&sizes, &dir.grid().display().to_string()))
    }

    fn report(&self, dir: &RunDir, run: &RunFile, set: &Distilled) -> DistillReport {
        let file = dir.distilled();
        DistillReport {
            method: set.method.clone(),
            engine: self.engine.name().into(),
            images_per_class: set.images_per_class,
            iterations: set.losses.units().last().map_or(0, |&unit| unit as usize),
            seed: set.seed,
            file: file.display().to_string(),
            seconds: Seconds {
                pool: run.spent.pool,
                distill: run.spent.distill,
                choose: run.spent.choose,
                evaluate: 0.0,
            },
            choice: Choice::of(set),
            protocol: None,
            accuracy: None,
            bytes: Bytes { source: self.source.bytes, file: file_size(&file) },
            skipped: self.source.skipped.clone(),
        }
    }

    fn accuracies(&self, dir: &RunDir, recipe: &Recipe, set: &Distilled, protocol: Protocol) -> Result<Accuracies> {
        let judge = Judge {
            console: self.console,
            signals: self.signals,
            protocol,
            repeats: recipe.evaluation.repeats,
            seed: recipe.seed,
            engine: Arc::clone(&self.engine),
            test: &self.source.test,
            measured: Some((dir.measured(), self.every)),
            advice: format!(
                "the distilled set is in {}; evaluate it by\n  {}",
                dir.distilled().display(),
                dir.resume_command()
            ),
        };
        judge.accuracies(set, Some(&Baselines::of_run(&self.source.train, recipe)?))
    }
}

fn interrupted(dir: &RunDir) -> Failure {
    Failure::Interrupted { advice: format!("the run is saved; go on with it by\n  {}", dir.resume_command()) }
}

fn read_pool(path: &Path) -> attar::Result<Pool> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path.display(), error))?;
    if bytes.is_empty() {
        let path = path.display();
        return Err(Error::Data(format!(
            "the pool {path} is not trained yet: go on with the `attar pool` that began it"
        )));
    }
    Pool::from_bytes(&bytes).map_err(|error| Error::Format(format!("{}: {error}", path.display())))
}
