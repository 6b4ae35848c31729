//! The run: from a recipe and a labelled set to a distilled set, in bounded units of work that the caller pulls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    checksum::crc32,
    data::{Dataset, Distilled, LossPoint, Losses, Normalisation, Planes, Versions},
    engine::{Engine, Executor},
    error::{Error, Result},
    graph::Graph,
    method::{
        Advance, Method, Setting,
        ncfm::{Ncfm, initial_canvases},
    },
    nn::{Network, decode, normalise},
    pool::{self, Pool, PoolCursor, PoolKey, PoolTraining},
    program::Program,
    recipe::{Labels, MethodRecipe, PoolTiming, Recipe},
    settings::{Settings, Value},
};

/// A distillation in progress. The caller owns the loop; between calls the run can be paused, looked at, saved and
/// dropped.
///
/// ```no_run
/// # async fn distil(data: attar::Dataset) -> attar::Result<()> {
/// use attar::{Distillation, Recipe, engine};
/// let engine = engine::open("auto").await?;
/// let mut run = Distillation::new(Recipe::ncfm().images_per_class(10), &data, engine)?;
/// while let Some(progress) = run.advance().await? {
///     println!("{} of {}", progress.done, progress.total);
/// }
/// let distilled = run.finish().await?;
/// # Ok(()) }
/// ```
pub struct Distillation {
    exec: Executor,
    recipe: Recipe,
    data: Facts,
    /// The pool as long as it is not complete.
    training: Option<PoolTraining>,
    /// The method from its first unit on.
    method: Option<Box<dyn Method>>,
    losses: Losses,
    key: PoolKey,
}

/// What an iteration's losses are called.
const LOSSES: [&str; 2] = ["matching", "calibration"];

/// What the run keeps of the real set.
struct Facts {
    classes: Vec<String>,
    canvases: Vec<Vec<f32>>,
    setting: Setting,
    normalisation: Normalisation,
    fingerprint: String,
}

/// Which part of a run a unit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Training the pool of networks.
    Pool,
    /// Moving the canvases, and training a part of the pool alongside if the recipe says so.
    Distill,
}

/// What a unit of work came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// Work done in this phase: batches of the pool, iterations of distillation.
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

impl Distillation {
    /// Prepares a run: loads programs, writes the real set and the initial canvases.
    ///
    /// # Errors
    /// [`Error::Data`] if a class has too few images, [`Error::Recipe`] if the network does not fit them, and errors of
    /// the engine.
    pub fn new(recipe: Recipe, data: &Dataset, engine: Arc<dyn Engine>) -> Result<Distillation> {
        let mut exec = Executor::new(engine);
        let recipe = recipe.checked()?;
        let facts = Facts::new(&recipe, data)?;
        pool::write_real(&mut exec, data)?;
        let training = PoolTraining::new(&mut exec, &recipe, facts.network(), data, &facts.normalisation)?;
        let key = PoolKey::new(&recipe, data);
        let alongside = recipe.pool.timing == PoolTiming::Alongside;
        let mut run = Distillation {
            exec,
            recipe,
            data: facts,
            training: Some(training),
            method: None,
            losses: Losses::new(LOSSES),
            key,
        };
        if alongside {
            run.start_method()?;
        }
        Ok(run)
    }

    /// Uses networks trained before instead of training a pool.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the pool is empty, or was trained for another network or other images.
    pub fn with_pool(mut self, pool: &Pool) -> Result<Distillation> {
        if pool.networks.is_empty() {
            return Err(Error::Recipe("the pool is empty: train one with `attar pool`".into()));
        }
        if pool.architecture.network != self.key.network {
            let (there, needed) = (&pool.architecture.network, &self.key.network);
            return Err(Error::Recipe(format!("the pool holds {there}, but this run needs {needed}: train another")));
        }
        if pool.architecture != self.key {
            return Err(Error::Recipe(
                "the pool was trained on other images: give the source, size and seed that it was trained with".into(),
            ));
        }
        self.recipe.pool.networks = pool.networks.len();
        pool::make_buffers(&mut self.exec, self.data.network(), pool.networks.len())?;
        for (index, member) in pool.networks.iter().enumerate() {
            self.exec.set_f32(&crate::method::initial(index), &member.initial)?;
            self.exec.set_f32(&crate::method::trained(index), &member.trained)?;
        }
        self.end_training();
        self.start_method()?;
        Ok(self)
    }

    /// The recipe of the run.
    pub fn recipe(&self) -> &Recipe {
        &self.recipe
    }

    /// The name of the engine it runs on.
    pub fn engine(&self) -> &str {
        self.exec.engine().name()
    }

    /// Losses of the iterations so far.
    pub fn losses(&self) -> &Losses {
        &self.losses
    }

    /// What the losses of an iteration are called, in the order of [`LossPoint::values`].
    pub fn loss_names(&self) -> &[String] {
        self.losses.names()
    }

    /// The programs that what is left of the run executes, those that train the pool first.
    ///
    /// # Errors
    /// [`Error::Shape`] if the settings do not fit together.
    pub fn programs(&self) -> Result<Vec<Program>> {
        let training = self.training.iter().flat_map(|training| training.programs(&self.exec));
        let mut programs: Vec<Program> = training.cloned().collect();
        let MethodRecipe::Ncfm(ncfm) = &self.recipe.method;
        programs.extend(Ncfm::programs(ncfm, &self.data.setting, self.exec.engine().limits())?);
        if self.recipe.labels == Labels::Soft {
            let canvases = self.data.classes.len() * self.recipe.images_per_class;
            programs.push(self.soft_program(canvases, ncfm.factor)?);
        }
        Ok(programs)
    }

    /// Does one bounded unit of work; `None` when there is nothing left to do.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the run has diverged: the canvases of the last good iteration are kept, and
    /// [`Distillation::finish`] gives them. Errors of the engine.
    pub async fn advance(&mut self) -> Result<Option<Progress>> {
        let iteration = self.method.as_ref().map(|method| method.iteration());
        let iterated = iteration.is_some_and(|iteration| iteration >= self.recipe.iterations);
        // A pool trained alongside need not be complete, unless all of it is to give soft labels.
        if iterated && self.recipe.labels == Labels::Hard {
            return Ok(None);
        }
        let moves = self.method.is_some() && !iterated;
        // Somebody waits for the first change.
        let alone = moves && iteration == Some(0);
        let pool = if alone { self.training.as_ref().map(PoolTraining::progress) } else { self.train().await? };
        if moves {
            return self.iterate(pool).await;
        }
        Ok(pool.map(|(done, total)| Progress {
            phase: Phase::Pool,
            done,
            total,
            pool: None,
            updated: false,
            losses: None,
        }))
    }

    /// One batch of the pool if it is not complete: batches done and batches in all.
    async fn train(&mut self) -> Result<Option<(u64, u64)>> {
        let Some(training) = &mut self.training else { return Ok(None) };
        training.advance(&mut self.exec).await?;
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
        let trained = self.trained();
        let Some(method) = &mut self.method else { return Ok(None) };
        let (updated, losses) = match method.advance(&mut self.exec, trained).await? {
            Advance::Prepared => (false, None),
            Advance::Updated => (true, None),
            Advance::Iteration { matching, calibration } => {
                let point = LossPoint { unit: method.iteration() as u32, values: vec![matching, calibration] };
                self.losses.push(point.unit, &point.values);
                (true, Some(point))
            }
        };
        let (done, total) = (method.iteration() as u64, self.recipe.iterations as u64);
        Ok(Some(Progress { phase: Phase::Distill, done, total, pool, updated, losses }))
    }

    /// Networks that are finished.
    fn trained(&self) -> usize {
        self.training.as_ref().map_or(self.recipe.pool.networks, PoolTraining::trained)
    }

    /// The pool is there: frees the memory of its training.
    fn end_training(&mut self) {
        if let Some(training) = self.training.take() {
            training.release(&mut self.exec);
        }
    }

    fn start_method(&mut self) -> Result<()> {
        let MethodRecipe::Ncfm(ncfm) = &self.recipe.method;
        let setting = Setting { networks: self.recipe.pool.networks, ..self.data.setting.clone() };
        let method = Ncfm::new(&mut self.exec, ncfm.clone(), setting, &self.data.canvases)?;
        self.method = Some(Box::new(method));
        Ok(())
    }

    /// The canvases as they are now.
    pub async fn preview(&self) -> Result<Distilled> {
        let names = self.method.as_ref().map(|method| method.canvases()).unwrap_or_default();
        self.distilled(&names, None).await
    }

    /// The distilled set: the canvases of the last iteration whose losses were finite, averaged and with soft labels if
    /// the recipe asks for it.
    pub async fn finish(&mut self) -> Result<Distilled> {
        let names = self.method.as_ref().map(|method| method.good_canvases()).unwrap_or_default();
        let distilled = self.distilled(&names, None).await?;
        let soft = match self.recipe.labels {
            Labels::Soft if self.trained() > 0 => Some(self.soft_labels(&distilled).await?),
            _ => None,
        };
        Ok(Distilled { soft, ..distilled })
    }

    /// The set of these canvases; the initial ones if no names are given.
    async fn distilled(&self, names: &[String], soft: Option<Vec<f32>>) -> Result<Distilled> {
        let mut values = Vec::new();
        for name in names {
            values.extend(self.exec.get_f32(name).await?);
        }
        if names.is_empty() {
            values = self.data.canvases.concat();
        }
        let recipe = match self.recipe.iterations {
            Recipe::UNTIL_STOPPED => self.recipe.clone().iterations(self.losses.len()),
            _ => self.recipe.clone(),
        };
        self.data.distilled(&recipe, &values, self.losses.clone(), soft)
    }

    /// Mean class probabilities `[n f^2, classes]` of the decoded pictures under the trained networks of the pool; a
    /// picture that they take for another class keeps its hard label.
    async fn soft_labels(&mut self, set: &Distilled) -> Result<Vec<f32>> {
        let (classes, factor, trained) = (self.data.classes.len(), set.factor as usize, self.trained());
        let canvases = set.labels.len();
        self.exec.load(self.soft_program(canvases, factor)?)?;
        self.exec.set_f32("soft.canvases", &set.images_f32())?;
        let mut mean = vec![0.0; canvases * factor * factor * classes];
        for index in 0..trained {
            self.exec.run_bound("soft", &[("soft.theta", &crate::method::trained(index))], &[])?;
            for (total, value) in mean.iter_mut().zip(self.exec.get_f32("soft.probabilities").await?) {
                *total += value / trained as f32;
            }
        }
        let sources = decode::sources(canvases, factor);
        for (row, &canvas) in mean.chunks_mut(classes).zip(&sources) {
            let label = set.labels[canvas as usize] as usize;
            if row.iter().any(|&value| value > row[label]) {
                row.fill(0.0);
                row[label] = 1.0;
            }
        }
        Ok(mean)
    }

    fn soft_program(&self, canvases: usize, factor: usize) -> Result<Program> {
        let g = Graph::new();
        let network = self.data.network();
        let pictures = decode::decode(g.input("soft.canvases", network.image().batch(canvases)), factor);
        let x = normalise(pictures, &self.data.normalisation.mean, &self.data.normalisation.std);
        let logits = network.forward(network.parameters(&g, "soft.theta"), x).logits;
        g.output("soft.probabilities", logits.softmax());
        Program::new("soft", g)
    }

    /// Everything needed to go on later, on any machine with the same data: bytes for [`Distillation::resume`].
    pub async fn checkpoint(&self) -> Result<Vec<u8>> {
        let whole_pool = || pool::member_buffers(self.recipe.pool.networks);
        let mut names = self.training.as_ref().map_or_else(whole_pool, PoolTraining::buffers);
        names.extend(self.method.iter().flat_map(|method| method.buffers()));
        let mut buffers = Vec::new();
        for name in names {
            let values = self.exec.get_f32(&name).await?;
            buffers.push((name, values));
        }
        let saved = Saved {
            recipe: self.recipe.settings()?.entries().to_vec(),
            fingerprint: self.data.fingerprint.clone(),
            losses: self.losses.clone(),
            pool: self.training.as_ref().map(PoolTraining::cursor),
            method: self.method.as_ref().map(|method| method.cursor()),
            buffers,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(&saved).map_err(|error| Error::Format(error.to_string()))?);
        bytes.extend(crc32(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Goes on from a checkpoint. On the same engine and build the result equals that of an uninterrupted run to the bit.
    ///
    /// # Errors
    /// [`Error::Format`] if the bytes are no checkpoint or are damaged; [`Error::Data`] if the data is not what the run
    /// began with.
    pub fn resume(checkpoint: &[u8], data: &Dataset, engine: Arc<dyn Engine>) -> Result<Distillation> {
        let saved = Saved::read(checkpoint)?;
        if saved.fingerprint != data.fingerprint() {
            return Err(Error::Data(
                "these are not the images that the run began with: resume with the same source, size and seed".into(),
            ));
        }
        let mut run = Distillation::new(Recipe::of(&Settings::from_entries(saved.recipe))?, data, engine)?;
        if saved.losses.names() != run.loss_names() {
            return Err(other_version());
        }
        run.losses = saved.losses;
        if saved.pool.is_none() {
            run.end_training();
        }
        if saved.method.is_some() && run.method.is_none() {
            run.start_method()?;
        }
        for (name, values) in &saved.buffers {
            run.exec.set_f32(name, values)?;
        }
        if let (Some(training), Some(cursor)) = (&mut run.training, saved.pool) {
            training.restore(cursor);
        }
        if let (Some(method), Some(cursor)) = (&mut run.method, &saved.method) {
            method.restore(&mut run.exec, cursor)?;
        }
        Ok(run)
    }
}

impl Facts {
    fn new(recipe: &Recipe, data: &Dataset) -> Result<Facts> {
        let classes = data.classes().to_vec();
        if classes.len() < 2 {
            return Err(Error::Data(format!("there is only {} class: distillation needs at least 2", classes.len())));
        }
        let normalisation = data.normalisation();
        let network = pool::network_for(recipe.network.architecture(pool::image_size(data)), data)?;
        let setting = Setting {
            images_per_class: recipe.images_per_class,
            seed: recipe.seed,
            micro_batch: recipe.micro_batch,
            network,
            mean: normalisation.mean.clone(),
            std: normalisation.std.clone(),
            rows: (0..classes.len()).map(|class| data.of_class(class as u32)).collect(),
            real: data.len(),
            networks: recipe.pool.networks,
        };
        let MethodRecipe::Ncfm(ncfm) = &recipe.method;
        let image = |row: u32| data.images().get(row as usize).unwrap_or_default();
        let canvases = initial_canvases(ncfm, &setting, &classes, image)?;
        Ok(Facts { classes, canvases, setting, normalisation, fingerprint: data.fingerprint() })
    }

    fn network(&self) -> &Network {
        &self.setting.network
    }

    fn distilled(&self, recipe: &Recipe, values: &[f32], losses: Losses, soft: Option<Vec<f32>>) -> Result<Distilled> {
        let image = self.network().image();
        let MethodRecipe::Ncfm(ncfm) = &recipe.method;
        let ipc = recipe.images_per_class;
        Ok(Distilled {
            planes: Planes::U8(values.iter().map(|value| (value * 255.0).round() as u8).collect()),
            channels: image.channels,
            height: image.height,
            width: image.width,
            labels: (0..self.classes.len() * ipc).map(|index| (index / ipc) as u32).collect(),
            soft,
            classes: self.classes.clone(),
            normalisation: self.normalisation.clone(),
            factor: ncfm.factor as u32,
            images_per_class: ipc as u32,
            method: recipe.method.name().into(),
            recipe: recipe.settings()?,
            seed: recipe.seed,
            fingerprint: self.fingerprint.clone(),
            losses,
            versions: Versions::default(),
        })
    }
}

/// A checkpoint: postcard behind a magic, a checksum after it.
#[derive(Serialize, Deserialize)]
struct Saved {
    recipe: Vec<(String, Value)>,
    fingerprint: String,
    losses: Losses,
    /// `None` if the pool is complete.
    pool: Option<PoolCursor>,
    /// `None` if the method has not begun.
    method: Option<Vec<u8>>,
    buffers: Vec<(String, Vec<f32>)>,
}

const MAGIC: &[u8; 8] = b"ATTARCP3";

impl Saved {
    fn read(bytes: &[u8]) -> Result<Saved> {
        let body = bytes.len().checked_sub(4).filter(|&body| body >= MAGIC.len() && bytes.starts_with(MAGIC));
        let body = body.ok_or_else(|| Error::Format("this is no checkpoint of a run".into()))?;
        if crc32(&bytes[..body]).to_le_bytes() != bytes[body..] {
            return Err(Error::Format("the checkpoint is damaged: its checksum is wrong".into()));
        }
        postcard::from_bytes(&bytes[MAGIC.len()..body]).map_err(|_| other_version())
    }
}

fn other_version() -> Error {
    Error::Format("the checkpoint was written by another version: start the run again".into())
}

/// The un-optimised initialisation that a run of this recipe starts from, as a distilled set: the baseline that shows
/// what optimisation adds.
///
/// # Errors
/// [`Error::Data`] if a class has too few images, [`Error::Recipe`] if the network does not fit them.
pub fn initial(recipe: &Recipe, data: &Dataset) -> Result<Distilled> {
    let facts = Facts::new(recipe, data)?;
    facts.distilled(recipe, &facts.canvases.concat(), Losses::new(LOSSES), None)
}
