//! The run: from a recipe and a labelled set to a distilled set, in bounded units of work that the caller pulls.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    data::{Dataset, Distilled, LossPoint, Normalisation, Planes, Versions},
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
    recipe::{Labels, MethodRecipe, Recipe},
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
    stage: Stage,
    losses: Vec<LossPoint>,
    key: PoolKey,
}

/// What the run keeps of the real set.
struct Facts {
    classes: Vec<String>,
    canvases: Vec<Vec<f32>>,
    setting: Setting,
    normalisation: Normalisation,
    fingerprint: String,
}

enum Stage {
    Pool(Box<PoolTraining>),
    Method(Box<dyn Method>),
}

/// Which part of a run a unit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Training the pool of networks.
    Pool,
    /// Moving the canvases.
    Distill,
}

/// What a unit of work came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    pub phase: Phase,
    /// Work done in this phase: batches of the pool, iterations of distillation.
    pub done: u64,
    /// Work in all in this phase.
    pub total: u64,
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
        let facts = Facts::new(&recipe, data)?;
        pool::write_real(&mut exec, data)?;
        let training = PoolTraining::new(&mut exec, &recipe, facts.network(), data, &facts.normalisation)?;
        let key = PoolKey::new(&recipe, data);
        Ok(Distillation { exec, recipe, data: facts, stage: Stage::Pool(Box::new(training)), losses: Vec::new(), key })
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
    pub fn losses(&self) -> &[LossPoint] {
        &self.losses
    }

    /// The programs that what is left of the run executes, those that train the pool first.
    ///
    /// # Errors
    /// [`Error::Shape`] if the settings do not fit together.
    pub fn programs(&self) -> Result<Vec<Program>> {
        let mut programs: Vec<Program> = match &self.stage {
            Stage::Pool(training) => training.programs(&self.exec).cloned().collect(),
            Stage::Method(_) => Vec::new(),
        };
        let MethodRecipe::Ncfm(ncfm) = &self.recipe.method;
        programs.extend(Ncfm::programs(ncfm, &self.data.setting)?);
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
        match &mut self.stage {
            Stage::Pool(training) => {
                let complete = training.advance(&mut self.exec).await?;
                let (done, total) = training.progress();
                if complete {
                    self.start_method()?;
                }
                Ok(Some(Progress { phase: Phase::Pool, done, total, losses: None }))
            }
            Stage::Method(method) => {
                let total = self.recipe.iterations as u64;
                if method.iteration() as u64 >= total {
                    return Ok(None);
                }
                let losses = match method.advance(&mut self.exec).await? {
                    Advance::Unit => None,
                    Advance::Iteration { matching, calibration } => {
                        let unit = method.iteration() as u32;
                        Some(LossPoint { unit, matching, calibration })
                    }
                };
                self.losses.extend(losses);
                Ok(Some(Progress { phase: Phase::Distill, done: method.iteration() as u64, total, losses }))
            }
        }
    }

    /// The pool is there: frees its training and begins with the method.
    fn start_method(&mut self) -> Result<()> {
        if let Stage::Pool(training) = &self.stage {
            training.release(&mut self.exec);
        }
        let MethodRecipe::Ncfm(ncfm) = &self.recipe.method;
        let setting = Setting { networks: self.recipe.pool.networks, ..self.data.setting.clone() };
        let method = Ncfm::new(&mut self.exec, ncfm.clone(), setting, &self.data.canvases)?;
        self.stage = Stage::Method(Box::new(method));
        Ok(())
    }

    /// The canvases as they are now.
    pub async fn preview(&self) -> Result<Distilled> {
        let names = match &self.stage {
            Stage::Pool(_) => Vec::new(),
            Stage::Method(method) => method.canvases(),
        };
        self.distilled(&names, None).await
    }

    /// The distilled set: the canvases of the last iteration whose losses were finite, with soft labels if the recipe
    /// asks for them.
    pub async fn finish(&mut self) -> Result<Distilled> {
        let names = match &self.stage {
            Stage::Pool(_) => Vec::new(),
            Stage::Method(method) => method.good_canvases(),
        };
        let distilled = self.distilled(&names, None).await?;
        let soft = match (&self.stage, self.recipe.labels) {
            (Stage::Method(_), Labels::Soft) => Some(self.soft_labels(&distilled).await?),
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
        Ok(self.data.distilled(&self.recipe, &values, self.losses.clone(), soft))
    }

    /// Mean class probabilities `[n f^2, classes]` of the decoded pictures under the trained networks of the pool; a
    /// picture that they take for another class keeps its hard label.
    async fn soft_labels(&mut self, set: &Distilled) -> Result<Vec<f32>> {
        let (classes, factor) = (self.data.classes.len(), set.factor as usize);
        let canvases = set.labels.len();
        self.exec.load(self.soft_program(canvases, factor)?)?;
        self.exec.set_f32("soft.canvases", &set.images_f32())?;
        let mut mean = vec![0.0; canvases * factor * factor * classes];
        for index in 0..self.recipe.pool.networks {
            self.exec.run_bound("soft", &[("soft.theta", &crate::method::trained(index))], &[])?;
            for (total, value) in mean.iter_mut().zip(self.exec.get_f32("soft.probabilities").await?) {
                *total += value / self.recipe.pool.networks as f32;
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
        let (stage, names) = match &self.stage {
            Stage::Pool(training) => (SavedStage::Pool(training.cursor()), training.buffers()),
            Stage::Method(method) => {
                let mut names = pool::member_buffers(self.recipe.pool.networks);
                names.extend(method.buffers());
                (SavedStage::Method(method.cursor()), names)
            }
        };
        let mut buffers = Vec::new();
        for name in names {
            let values = self.exec.get_f32(&name).await?;
            buffers.push((name, values));
        }
        let saved = Saved {
            recipe: self.recipe.to_toml(),
            fingerprint: self.data.fingerprint.clone(),
            losses: self.losses.clone(),
            stage,
            buffers,
        };
        let mut bytes = MAGIC.to_vec();
        bytes.extend(postcard::to_stdvec(&saved).map_err(|error| Error::Format(error.to_string()))?);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
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
        let mut run = Distillation::new(Recipe::from_toml(&saved.recipe)?, data, engine)?;
        run.losses = saved.losses;
        pool::make_buffers(&mut run.exec, run.data.network(), run.recipe.pool.networks)?;
        if matches!(saved.stage, SavedStage::Method(_)) {
            run.start_method()?;
        }
        for (name, values) in &saved.buffers {
            run.exec.set_f32(name, values)?;
        }
        match (&mut run.stage, &saved.stage) {
            (Stage::Pool(training), SavedStage::Pool(cursor)) => training.restore(*cursor),
            (Stage::Method(method), SavedStage::Method(cursor)) => method.restore(&mut run.exec, cursor)?,
            _ => {}
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

    fn distilled(&self, recipe: &Recipe, values: &[f32], losses: Vec<LossPoint>, soft: Option<Vec<f32>>) -> Distilled {
        let image = self.network().image();
        let MethodRecipe::Ncfm(ncfm) = &recipe.method;
        let ipc = recipe.images_per_class;
        Distilled {
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
            recipe: recipe.to_toml(),
            seed: recipe.seed,
            fingerprint: self.fingerprint.clone(),
            losses,
            versions: Versions::default(),
        }
    }
}

/// A checkpoint: postcard behind a magic, a checksum after it.
#[derive(Serialize, Deserialize)]
struct Saved {
    recipe: String,
    fingerprint: String,
    losses: Vec<LossPoint>,
    stage: SavedStage,
    buffers: Vec<(String, Vec<f32>)>,
}

#[derive(Serialize, Deserialize)]
enum SavedStage {
    Pool(PoolCursor),
    Method(Vec<u8>),
}

const MAGIC: &[u8; 8] = b"ATTARCP1";

impl Saved {
    fn read(bytes: &[u8]) -> Result<Saved> {
        let body = bytes.len().checked_sub(4).filter(|&body| body >= MAGIC.len() && bytes.starts_with(MAGIC));
        let body = body.ok_or_else(|| Error::Format("this is no checkpoint of a run".into()))?;
        if crc32fast::hash(&bytes[..body]).to_le_bytes() != bytes[body..] {
            return Err(Error::Format("the checkpoint is damaged: its checksum is wrong".into()));
        }
        postcard::from_bytes(&bytes[MAGIC.len()..body])
            .map_err(|_| Error::Format("the checkpoint was written by another version: start the run again".into()))
    }
}

/// The un-optimised initialisation that a run of this recipe starts from, as a distilled set: the baseline that shows
/// what optimisation adds.
///
/// # Errors
/// [`Error::Data`] if a class has too few images, [`Error::Recipe`] if the network does not fit them.
pub fn initial(recipe: &Recipe, data: &Dataset) -> Result<Distilled> {
    let facts = Facts::new(recipe, data)?;
    Ok(facts.distilled(recipe, &facts.canvases.concat(), Vec::new(), None))
}
