//! `attar distill`: from a source of images to a distilled set and what it is worth.
//!
//! A run has two stages. Between two units of the first, a signal or a failure leaves a checkpoint; the second begins when
//! the distilled set is safe on the disk. `--resume` enters either.

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use attar::{
    Distillation, Distilled, Error, Phase, Pool, Progress, Protocol, Recipe, Source,
    engine::{self, Engine},
};
use pollster::block_on;

use crate::{
    args::DistillArgs,
    console::Console,
    evaluate::{self, Baselines, Judge},
    explain,
    failure::{Failure, Result},
    format,
    inspect::file_size,
    progress::{Goal, Meter},
    report::{Accuracies, Bytes, DistillReport, Seconds, Sizes},
    run_dir::{Fingerprints, RunDir, RunFile, Spent, Stage, refuse_taken},
    signals::Signals,
    source,
};

/// What a failure of the machine may cost.
const CHECKPOINT_INTERVAL: Duration = Duration::from_secs(10);

pub fn run(args: &DistillArgs, console: &Console) -> Result<()> {
    let signals = Signals::watch()?;
    if let Some(path) = &args.resume {
        let (dir, mut run) = RunDir::open(path)?;
        change(&mut run, args);
        let room = Room::new(&run, console, &signals)?;
        room.recognise(&mut run)?;
        run.engine = room.engine.name().into();
        return room.go_on(&dir, run);
    }
    if let Some(out) = &args.out {
        // Before anything is read, which may take a while.
        refuse_taken(out, args.force)?;
    }
    let mut run = described(args)?;
    let room = Room::new(&run, console, &signals)?;
    room.recognise(&mut run)?;
    run.engine = room.engine.name().into();
    let work = room.begin(&run)?;
    if args.explain {
        return explain::run(&work, &room.engine, console);
    }
    let name = format!("{}-{}-ipc{}", room.source.name, run.recipe.method.name(), run.recipe.images_per_class);
    let dir = RunDir::claim(args.out.as_deref(), &name, args.force, &run)?;
    room.distil(&dir, run, work)
}

/// The run that the arguments describe.
fn described(args: &DistillArgs) -> Result<RunFile> {
    let recipe = args.recipe()?;
    Ok(RunFile {
        source: args.source.source.absolute(),
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

/// What a resumed run may do otherwise than it began.
fn change(run: &mut RunFile, args: &DistillArgs) {
    run.evaluate &= !args.no_evaluate;
    run.time_budget = args.time_budget.or(run.time_budget);
    if let Some(engine) = &args.engine {
        run.engine.clone_from(engine);
    }
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
    engine: Arc<dyn Engine>,
}

impl<'a> Room<'a> {
    /// Reads the images and opens the engine.
    fn new(run: &RunFile, console: &'a Console, signals: &'a Signals) -> Result<Room<'a>> {
        if run.evaluate {
            // A mistake in its name should not come to light after the distillation.
            evaluate::protocol(&run.recipe)?;
        }
        let source = run.source.read(run.test.as_ref(), &run.reading.reading(run.recipe.seed))?;
        source::tell(&source, console);
        let engine = block_on(engine::open(&run.engine))?;
        console.note(format!("distilling on {}, seed {}", engine.name(), run.recipe.seed));
        Ok(Room { console, signals, source, engine })
    }

    /// Makes sure that the images are those that the run began with, or remembers them if it begins now.
    fn recognise(&self, run: &mut RunFile) -> Result<()> {
        let found = Fingerprints::of(&self.source);
        if let Some(known) = &run.images {
            known.recognise(&found)?;
        }
        run.images = Some(found);
        Ok(())
    }

    /// A run at its beginning. What cannot be worked with is refused here, baselines included.
    fn begin(&self, run: &RunFile) -> Result<Distillation> {
        if run.evaluate {
            Baselines::of_run(&self.source.train, &run.recipe)?;
        }
        let work = Distillation::new(run.recipe.clone(), &self.source.train, Arc::clone(&self.engine))?;
        work.notices().iter().for_each(|notice| self.console.note(notice));
        match &run.pool {
            Some(path) => Ok(work.with_pool(&read_pool(path)?)?),
            None => Ok(work),
        }
    }

    /// Enters the stage that the run was interrupted in.
    fn go_on(&self, dir: &RunDir, run: RunFile) -> Result<()> {
        if run.stage == Stage::Evaluate {
            return self.evaluate(dir, &run, &Distilled::load(dir.distilled())?);
        }
        let work = match dir.read_checkpoint()? {
            Some(checkpoint) => Distillation::resume(&checkpoint, &self.source.train, Arc::clone(&self.engine))?,
            None => self.begin(&run)?,
        };
        self.distil(dir, run, work)
    }

    /// The first stage, and then the second.
    fn distil(&self, dir: &RunDir, mut run: RunFile, mut work: Distillation) -> Result<()> {
        self.work(dir, &mut run, &mut work).inspect_err(|failure| self.rescue(dir, failure, &mut work))?;
        let set = block_on(work.finish())?;
        // The engine's memory is the evaluation's now.
        drop(work);
        dir.save_distilled(&set)?;
        if is_burnt_out(&set, &self.source) {
            self.console.note(format!(
                "warning: all pixels of the distilled set are black or white, as after too high a rate: lower canvas.lr ({})",
                run.recipe.canvas.lr
            ));
        }
        run.stage = Stage::Evaluate;
        dir.begin_evaluation(&run)?;
        self.evaluate(dir, &run, &set)
    }

    /// Unit after unit until the run is complete, its time is up, or a signal arrives.
    fn work(&self, dir: &RunDir, run: &mut RunFile, work: &mut Distillation) -> Result<()> {
        let (mut display, mut lap, mut saved) =
            (Display::new(self.console, work.loss_names()), Instant::now(), Instant::now());
        while let Some(progress) = block_on(work.advance())? {
            run.spent.add(progress.phase, lap.elapsed());
            lap = Instant::now();
            display.show(&progress, goal(&progress, run));
            if self.signals.raised() {
                dir.save_checkpoint(&block_on(work.checkpoint())?, run)?;
                return Err(interrupted(dir));
            }
            if progress.losses.is_some() && run.time_budget.is_some_and(|budget| run.spent.total() >= budget) {
                self.console.note(format!("the time is up after {} iterations", progress.done));
                break;
            }
            if saved.elapsed() >= CHECKPOINT_INTERVAL {
                self.save(dir, run, work);
                saved = Instant::now();
            }
        }
        display.finish();
        Ok(())
    }

    /// Writes a checkpoint just in case. A full disk now is no reason to give up the work: it may have room at the end.
    fn save(&self, dir: &RunDir, run: &RunFile, work: &Distillation) {
        let saved = block_on(work.checkpoint()).and_then(|bytes| dir.save_checkpoint(&bytes, run));
        if let Err(error) = saved {
            self.console.note(format!("warning: the checkpoint could not be written: {error}"));
        }
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
        if dir.keep_or_withdraw() {
            self.console.note(format!("the last good state is kept: {}", dir.resume_command()));
        }
    }

    /// The second stage: judges the set and says what came out.
    fn evaluate(&self, dir: &RunDir, run: &RunFile, set: &Distilled) -> Result<()> {
        let mut report = self.report(dir, run, set);
        // Whatever becomes of the evaluation, the rest is known.
        dir.save_result(&report)?;
        if run.evaluate {
            let start = Instant::now();
            let protocol = Protocol::of(&run.recipe)?;
            report.protocol = Some(protocol.name.clone());
            report.accuracy = Some(self.accuracies(dir, run, set, protocol)?);
            report.seconds.evaluate = start.elapsed().as_secs_f64();
            dir.save_result(&report)?;
        }
        dir.complete()?;
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
            seconds: Seconds { pool: run.spent.pool, distill: run.spent.distill, evaluate: 0.0 },
            protocol: None,
            accuracy: None,
            bytes: Bytes { source: self.source.bytes, file: file_size(&file) },
            skipped: self.source.skipped.clone(),
        }
    }

    fn accuracies(&self, dir: &RunDir, run: &RunFile, set: &Distilled, protocol: Protocol) -> Result<Accuracies> {
        let recipe = &run.recipe;
        let judge = Judge {
            console: self.console,
            signals: self.signals,
            protocol,
            repeats: recipe.evaluation.repeats,
            seed: recipe.seed,
            engine: Arc::clone(&self.engine),
            test: &self.source.test,
            advice: format!(
                "the distilled set is in {}; evaluate it by\n  {}",
                dir.distilled().display(),
                dir.resume_command()
            ),
        };
        let baselines = Baselines::of_run(&self.source.train, recipe)?;
        let key = vec![
            env!("CARGO_PKG_VERSION").into(),
            self.engine.name().into(),
            format!("{:?}, {} repeats, seed {}", judge.protocol, recipe.evaluation.repeats, recipe.seed),
            self.source.train.fingerprint(),
            self.source.test.fingerprint(),
        ];
        let remembered = dir.remembered(&key);
        let accuracies = judge.accuracies(set, Some(&baselines), remembered)?;
        if let (None, Some(whole)) = (remembered, accuracies.whole) {
            dir.remember(key, whole)?;
        }
        Ok(accuracies)
    }
}

fn interrupted(dir: &RunDir) -> Failure {
    Failure::Interrupted { advice: format!("the run is saved; go on with it by\n  {}", dir.resume_command()) }
}

fn read_pool(path: &Path) -> attar::Result<Pool> {
    let bytes = std::fs::read(path).map_err(|error| Error::io(path.display(), error))?;
    Pool::from_bytes(&bytes).map_err(|error| Error::Format(format!("{}: {error}", path.display())))
}

/// When the phase of this progress ends.
fn goal(progress: &Progress, run: &RunFile) -> Goal {
    match (progress.phase, run.time_budget) {
        (Phase::Distill, Some(budget)) if run.recipe.iterations == Recipe::UNTIL_STOPPED => {
            Goal::Time { budget, left: budget.saturating_sub(run.spent.total()) }
        }
        _ => Goal::Amount(progress.total),
    }
}

/// The meters of the phases of a run, one after the other.
struct Display<'a> {
    console: &'a Console,
    current: Option<(Phase, Meter<'a>)>,
    done: u64,
    /// What the losses are called.
    names: Vec<String>,
    /// Of the last iteration.
    losses: String,
}

impl<'a> Display<'a> {
    fn new(console: &'a Console, names: &[String]) -> Display<'a> {
        Display { console, current: None, done: 0, names: names.to_vec(), losses: String::new() }
    }

    fn show(&mut self, progress: &Progress, goal: Goal) {
        if self.current.as_ref().is_some_and(|(phase, _)| *phase != progress.phase) {
            self.finish();
        }
        if let Some(losses) = &progress.losses {
            self.losses = format::losses(&self.names, &losses.values);
        }
        let title = match progress.phase {
            Phase::Pool => "pool",
            Phase::Distill => "distillation",
        };
        let (_, meter) = self.current.get_or_insert_with(|| (progress.phase, Meter::new(self.console, title)));
        let pool = progress.pool.map(|(done, total)| format!("pool {done} of {total}")).unwrap_or_default();
        let details = [self.losses.as_str(), &pool].into_iter().filter(|detail| !detail.is_empty());
        meter.update(progress.done, goal, &details.collect::<Vec<_>>().join(", "));
        self.done = progress.done;
    }

    /// Says how the current phase ended.
    fn finish(&mut self) {
        if let Some((phase, meter)) = self.current.take() {
            match phase {
                Phase::Pool => meter.finish(&format!("{} batches", self.done)),
                Phase::Distill if self.names.is_empty() => meter.finish("selected"),
                Phase::Distill => meter.finish(&format!("{} iterations, {}", self.done, self.losses)),
            }
        }
    }
}
