//! The run: from a recipe and a labelled set to a distilled set, in bounded units of work that the caller pulls.

mod checkpoint;
mod choice;
mod held_out;
mod labels;
mod result;

use std::sync::Arc;

use crate::{
    data::{Dataset, Distilled, LossPoint, Losses, SoftLabels},
    engine::{Engine, Executor},
    error::{Error, Result},
    method::{self, Advance, Kind, Method, Moment, Needs, Stage},
    pool::{self, Pool, PoolKey, PoolTraining},
    program::Program,
    recipe::{Labels, PoolTiming, Recipe},
    settings::Settings,
};

pub use checkpoint::Changes;
use choice::Choosing;
pub use choice::{Candidate, Choice};
use result::Facts;
pub use result::initial;

/// A distillation in progress. The caller owns the loop; between calls the run can be paused, looked at, saved and
/// dropped.
///
/// ```no_run
/// # async fn distil(data: attar::Dataset) -> attar::Result<()> {
/// use attar::{Distillation, Recipe, engine};
/// let engine = engine::open("auto").await?;
/// let mut run = Distillation::new(Recipe::named("ncfm")?.images_per_class(10), &data, engine)?;
/// while let Some(progress) = run.advance().await? {
///     println!("{} of {}", progress.done, progress.total);
/// }
/// let distilled = run.finish().await?;
/// # Ok(()) }
/// ```
pub struct Distillation {
    stage: Stage,
    kind: &'static dyn Kind,
    data: Facts,
    /// The pool as long as it is not complete.
    training: Option<PoolTraining>,
    /// The method from its first unit on.
    method: Option<Box<dyn Method>>,
    losses: Losses,
    key: PoolKey,
    /// Whether no more iterations are to be made.
    stopped: bool,
    /// `None` if nothing is held out to choose by.
    choosing: Option<Choosing>,
}

/// Which part of a run a unit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Training the pool of networks.
    Pool,
    /// Moving the canvases, and training a part of the pool alongside if the recipe says so.
    Distill,
    /// Judging what the run may keep, on the training images that are held out.
    Choose,
}

/// What a unit of work came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// Work done in this phase: batches of the pool, iterations of distillation, batches of the choice.
    pub done: u64,
    /// Work in all in this phase.
    pub total: u64,
    /// Batches done and batches in all of a pool that is not complete.
    pub pool: Option<(u64, u64)>,
    /// Whether the unit updated canvases, so that [`Distillation::preview`] gives others than before it.
    pub updated: bool,
    /// At the end of an iteration, its mean losses over the classes.
    pub losses: Option<LossPoint>,
}

impl Progress {
    /// Of a unit that left the canvases as they were: work done and work in all.
    fn unseen(phase: Phase, (done, total): (u64, u64)) -> Progress {
        Progress { phase, done, total, pool: None, updated: false, losses: None }
    }
}

impl Distillation {
    /// Prepares a run: loads programs, writes the real set and the initial canvases.
    ///
    /// Of the images the recipe may hold some out (`choice.held_out`), which the canvases never see. Networks that are looked
    /// through learn from all of them, so that runs which hold out others, or none, can share a pool.
    ///
    /// # Errors
    /// [`Error::Data`] if a class has no image, [`Error::Recipe`] if there is no such method or the network does not
    /// fit the images, and errors of the engine.
    pub fn new(recipe: Recipe, data: &Dataset, engine: Arc<dyn Engine>) -> Result<Distillation> {
        let kind = method::kind(recipe.method.name())?;
        Distillation::of_kind(kind, recipe, data, engine)
    }

    /// As [`Distillation::new`], by a method that need not be in the list.
    ///
    /// # Errors
    /// As [`Distillation::new`].
    pub fn of_kind(
        kind: &'static dyn Kind,
        recipe: Recipe,
        data: &Dataset,
        engine: Arc<dyn Engine>,
    ) -> Result<Distillation> {
        let recipe = recipe.checked_by(kind)?;
        let mut exec = Executor::new(engine);
        let (facts, mut setting) = Facts::new(kind, recipe, data, exec.engine().limits())?;
        pool::write_real(&mut exec, data)?;
        let key = PoolKey::new(&setting.recipe, data)?;
        let choosing = Choosing::new(&setting.recipe, data, &facts.held_out)?;
        let training = match needed_epochs(kind, &setting.recipe) {
            Some(epochs) => {
                setting.recipe.pool.epochs = epochs;
                let network = &setting.network;
                Some(PoolTraining::new(&mut exec, &setting.recipe, network, data, &setting.normalisation)?)
            }
            None => {
                setting.networks = 0;
                None
            }
        };
        let alongside = setting.recipe.pool.timing == PoolTiming::Alongside && !kind.selects();
        let at_once = training.is_none() || alongside;
        let stage = Stage { exec, setting, trained: 0 };
        let losses = Losses::new(kind.losses().iter().copied());
        let mut run =
            Distillation { stage, kind, data: facts, training, method: None, losses, key, stopped: false, choosing };
        if at_once {
            run.start_method()?;
        }
        Ok(run)
    }

    /// Uses networks trained before instead of training a pool.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the pool is empty, or was trained for another network or other images, or the method takes
    /// none.
    pub fn with_pool(mut self, pool: &Pool) -> Result<Distillation> {
        if pool.networks.is_empty() {
            return Err(Error::Recipe("the pool is empty: train one with `attar pool`".into()));
        }
        if needed_epochs(self.kind, self.recipe()).is_none() {
            let name = self.kind.name();
            return Err(Error::Recipe(format!("{name} as this recipe has it looks through no pool: leave it out")));
        }
        self.key.accept(pool)?;
        let exec = &mut self.stage.exec;
        self.stage.setting.recipe.pool.networks = pool.networks.len();
        self.stage.setting.networks = pool.networks.len();
        pool::make_buffers(exec, &self.stage.setting.network, pool.networks.len())?;
        for (index, member) in pool.networks.iter().enumerate() {
            exec.set_f32(&pool::initial(index), &member.initial)?;
            exec.set_f32(&pool::trained(index), &member.trained)?;
        }
        self.end_training();
        self.start_method()?;
        Ok(self)
    }

    /// The recipe of the run.
    pub fn recipe(&self) -> &Recipe {
        &self.stage.setting.recipe
    }

    /// What a person should know of these images with this recipe, a sentence each: classes whose canvases begin with
    /// repeated images.
    pub fn notices(&self) -> &[String] {
        &self.data.notices
    }

    /// The name of the engine it runs on.
    pub fn engine(&self) -> &str {
        self.stage.exec.engine().name()
    }

    /// Losses of the iterations so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What the losses of an iteration are called, in the order of [`LossPoint::values`].
    pub fn loss_names(&self) -> &[String] {
        self.losses.names()
    }

    /// The programs that what is left of the run executes, those that train the pool first. Those of the choice are an
    /// [evaluation](crate::Evaluation)'s, and not among them.
    ///
    /// # Errors
    /// [`Error::Shape`] if the settings do not fit together.
    pub fn programs(&self) -> Result<Vec<Program>> {
        let training = self.training.iter().flat_map(|training| training.programs(&self.stage.exec));
        let mut programs: Vec<Program> = training.cloned().collect();
        programs.extend(self.kind.programs(&self.stage.setting)?);
        if !self.kind.selects() {
            programs.extend(self.stage.setting.programs()?);
        }
        if self.recipe().labels == Labels::Soft {
            programs.push(self.soft_program(self.data.classes.len() * self.recipe().images_per_class)?);
        }
        Ok(programs)
    }

    /// Does one bounded unit of work; `None` when there is nothing left to do.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the run has diverged: the canvases of the last good iteration are kept, and
    /// [`Distillation::finish`] gives them. Errors of the engine.
    pub async fn advance(&mut self) -> Result<Option<Progress>> {
        let iterated = self.is_iterated();
        // A pool trained alongside need not be complete, unless all of it is to give soft labels and there is time.
        if iterated && (self.stopped || self.recipe().labels == Labels::Hard) {
            return self.choose().await;
        }
        let moves = self.method.is_some() && !iterated;
        // Somebody waits for the first change.
        let alone = moves && self.iteration() == 0;
        let pool = if alone { self.training.as_ref().map(PoolTraining::progress) } else { self.train().await? };
        if moves {
            return self.iterate(pool).await;
        }
        match pool {
            Some(pool) => Ok(Some(Progress::unseen(Phase::Pool, pool))),
            None => self.choose().await,
        }
    }

    /// No more iterations: what [`Distillation::advance`] still does is to choose. A run that is gone on with by
    /// [`Changes::iterations`] iterates again.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Iterations made.
    fn iteration(&self) -> usize {
        self.method.as_ref().map_or(0, |method| method.iteration())
    }

    /// Whether all iterations are made that will be.
    fn is_iterated(&self) -> bool {
        let ends = |method: &dyn Method| method.is_complete() || method.iteration() >= self.recipe().iterations;
        self.stopped || self.method.as_deref().is_some_and(ends)
    }

    /// One batch of the pool if it is not complete: batches done and batches in all.
    async fn train(&mut self) -> Result<Option<(u64, u64)>> {
        let Some(training) = &mut self.training else { return Ok(None) };
        training.advance(&mut self.stage.exec).await?;
        let progress = training.progress();
        if training.is_complete() {
            self.end_training();
            if self.method.is_none() {
                self.start_method()?;
            }
        }
        Ok(Some(progress))
    }

    /// One unit of the method, if it has begun, beside this progress of the pool.
    async fn iterate(&mut self, pool: Option<(u64, u64)>) -> Result<Option<Progress>> {
        self.stage.trained = self.trained();
        let Some(method) = &mut self.method else { return Ok(None) };
        let (updated, losses) = match method.advance(&mut self.stage).await? {
            Advance::Prepared => (false, None),
            Advance::Updated => (true, None),
            Advance::Iteration(values) => {
                let point = LossPoint { unit: method.iteration() as u32, values };
                if !point.values.is_empty() {
                    self.losses.push(point.unit, &point.values);
                }
                (true, Some(point))
            }
        };
        let (done, total) = (method.iteration() as u64, self.stage.setting.recipe.iterations as u64);
        Ok(Some(Progress { phase: Phase::Distill, done, total, pool, updated, losses }))
    }

    /// Networks that are finished.
    fn trained(&self) -> usize {
        self.training.as_ref().map_or(self.stage.setting.networks, PoolTraining::trained)
    }

    /// The pool is there: frees the memory of its training.
    fn end_training(&mut self) {
        if let Some(training) = self.training.take() {
            training.release(&mut self.stage.exec);
        }
    }

    fn start_method(&mut self) -> Result<()> {
        self.method = Some(self.kind.build(&mut self.stage, &self.data.canvases)?);
        Ok(())
    }

    /// The canvases as they are now.
    pub async fn preview(&self) -> Result<Distilled> {
        self.result(Moment::Now).await
    }

    /// The distilled set: what was [chosen](Distillation::choice), which its [extras](Distilled::extras) tell, or else the
    /// canvases of the last iteration whose losses were finite, averaged; with soft labels if the recipe asks for it.
    pub async fn finish(&mut self) -> Result<Distilled> {
        let choice = self.choice();
        let kept = choice.as_ref().map_or(Candidate::Result, |choice| choice.kept);
        let extras = choice.map_or(Ok(Settings::default()), Choice::extras)?;
        let distilled = Distilled { extras, ..self.candidate(kept).await? };
        let soft = match self.recipe().labels {
            Labels::Soft if self.trained() > 0 => Some(SoftLabels::Pictures(self.soft_labels(&distilled).await?)),
            _ => None,
        };
        Ok(Distilled { soft, ..distilled })
    }
}

/// Epochs that the pool is trained for; `None` if nobody looks through one.
fn needed_epochs(kind: &dyn Kind, recipe: &Recipe) -> Option<usize> {
    match kind.needs(recipe) {
        Needs::Early { epochs } => Some(epochs),
        Needs::Trained => Some(recipe.pool.epochs),
        // They are a trained network's word.
        Needs::Nothing if recipe.labels == Labels::Soft => Some(recipe.pool.epochs),
        Needs::Nothing => None,
    }
}
