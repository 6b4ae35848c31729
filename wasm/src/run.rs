//! A distillation that JavaScript pulls, and that survives the loss of its device.

use attar::{Dataset, Distillation, Phase, Pool, Recipe, data::LossPoint};
use serde::Serialize;
use tsify::Tsify;
use wasm_bindgen::prelude::*;

use crate::{
    clock,
    distilled::DistilledSet,
    engine::{EngineName, Opened},
    error::Result,
    images::ImageSet,
    js::object,
    recipe, watch,
};

/// A run in progress.
#[wasm_bindgen]
pub struct DistillRun {
    work: Distillation,
    opened: Opened,
    /// What it takes to go on elsewhere; nothing on the CPU, which does not fail.
    rescue: Option<Rescue>,
}

struct Rescue {
    data: Dataset,
    /// The state as it was last on the host.
    checkpoint: Vec<u8>,
    /// How often the run has moved.
    moves: usize,
}

/// What a run begins from.
enum Origin {
    /// Perhaps with the bytes of a pool.
    Recipe(Box<Recipe>, Option<Vec<u8>>),
    Checkpoint(Vec<u8>),
}

impl Origin {
    /// A run on this engine, and its state on the host if the engine may fail.
    async fn begin(&self, data: &Dataset, opened: &Opened) -> attar::Result<(Distillation, Option<Vec<u8>>)> {
        let engine = opened.engine.clone();
        let work = match self {
            Origin::Checkpoint(checkpoint) => Distillation::resume(checkpoint, data, engine)?,
            Origin::Recipe(recipe, None) => Distillation::new(recipe.as_ref().clone(), data, engine)?,
            Origin::Recipe(recipe, Some(pool)) => {
                Distillation::new(recipe.as_ref().clone(), data, engine)?.with_pool(&Pool::from_bytes(pool)?)?
            }
        };
        let copy = if opened.report.name == "webgpu" { Some(work.checkpoint().await?) } else { None };
        Ok((work, copy))
    }
}

/// What a unit of work came to.
#[derive(Serialize, Tsify)]
pub struct Unit {
    #[tsify(type = "\"pool\" | \"distill\" | \"choose\"")]
    phase: &'static str,
    /// Batches of the pool, iterations, or batches of the choice.
    done: f64,
    total: f64,
    /// Of a pool that is trained alongside.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[tsify(optional)]
    pool: Option<Share>,
    /// Whether a preview would show other images than before the unit.
    updated: bool,
    /// At the end of an iteration.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[tsify(optional)]
    losses: Option<LossPoint>,
    /// Whether the unit failed, and the run went on from its last copy on another engine.
    moved: bool,
}

/// A part done.
#[derive(Serialize, Tsify)]
pub struct Share {
    done: f64,
    total: f64,
}

impl From<(u64, u64)> for Share {
    fn from((done, total): (u64, u64)) -> Share {
        Share { done: done as f64, total: total as f64 }
    }
}

#[wasm_bindgen]
impl DistillRun {
    /// Begins a run, or goes on with one if there is a checkpoint.
    pub async fn start(
        images: ImageSet,
        #[wasm_bindgen(unchecked_param_type = "Recipe")] recipe: JsValue,
        engine: String,
        checkpoint: Option<Vec<u8>>,
        pool: Option<Vec<u8>>,
    ) -> Result<DistillRun> {
        let (asked, data) = (EngineName::of(&engine)?, images.0);
        let origin = match checkpoint {
            Some(checkpoint) => Origin::Checkpoint(checkpoint),
            None => Origin::Recipe(Box::new(recipe::read(recipe)?), pool),
        };
        let ((work, copy), opened) = asked.begin(async |opened| origin.begin(&data, opened).await).await?;
        let rescue = copy.map(|checkpoint| Rescue { data, checkpoint, moves: 0 });
        Ok(DistillRun { work, opened, rescue })
    }

    /// One unit of work; `undefined` when there is nothing left to do.
    #[wasm_bindgen(unchecked_return_type = "Unit | undefined")]
    pub async fn advance(&mut self) -> Result<JsValue> {
        let start = clock::now();
        let (progress, moved) = match self.work.advance().await {
            Err(error) => {
                self.rescue(error).await?;
                (self.work.advance().await?, true)
            }
            Ok(progress) => (progress, false),
        };
        let Some(progress) = progress else { return Ok(JsValue::UNDEFINED) };
        let (phase, name) = match progress.phase {
            Phase::Pool => ("pool", "pool unit"),
            Phase::Distill => ("distill", "distill unit"),
            Phase::Choose => ("choose", "choose unit"),
        };
        watch::unit(name, start, (progress.done, progress.total), progress.losses.as_ref());
        let unit = Unit {
            phase,
            done: progress.done as f64,
            total: progress.total as f64,
            pool: progress.pool.map(Share::from),
            updated: progress.updated,
            losses: progress.losses,
            moved,
        };
        object(&unit)
    }

    /// No more iterations: what is left to do is to choose what is kept.
    pub fn stop(&mut self) {
        self.work.stop();
    }

    /// The images as they are now.
    pub async fn preview(&mut self) -> Result<DistilledSet> {
        let start = clock::now();
        let set = self.work.preview().await?;
        watch::worked("attar: preview", start);
        Ok(DistilledSet::from(set))
    }

    /// The images that were chosen or, as long as they are not, those of the last iteration whose losses were finite.
    pub async fn finish(&mut self) -> Result<DistilledSet> {
        let start = clock::now();
        let set = match self.work.finish().await {
            Err(error) => {
                self.rescue(error).await?;
                self.work.finish().await?
            }
            Ok(set) => set,
        };
        watch::worked("attar: finish", start);
        Ok(DistilledSet::from(set))
    }

    /// What it takes to go on later. On WebGPU this is also what the run goes back to when the device is lost.
    pub async fn checkpoint(&mut self) -> Result<Vec<u8>> {
        let start = clock::now();
        let bytes = match self.work.checkpoint().await {
            Err(error) => {
                self.rescue(error).await?;
                self.work.checkpoint().await?
            }
            Ok(bytes) => bytes,
        };
        if let Some(rescue) = &mut self.rescue {
            rescue.checkpoint.clone_from(&bytes);
        }
        watch::worked("attar: checkpoint", start);
        Ok(bytes)
    }

    /// The engine it is on.
    #[wasm_bindgen(unchecked_return_type = "EngineReport")]
    pub fn engine(&self) -> Result<JsValue> {
        object(&self.opened.report)
    }

    /// What the losses of an iteration are called, in the order of its values.
    #[wasm_bindgen(js_name = lossNames)]
    pub fn loss_names(&self) -> Vec<String> {
        self.work.loss_names().to_vec()
    }

    /// The recipe of the run, of the checkpoint if it began with one.
    #[wasm_bindgen(unchecked_return_type = "Recipe")]
    pub fn recipe(&self) -> Result<JsValue> {
        object(&self.work.recipe().settings()?)
    }

    /// Bytes that the engine holds.
    pub fn memory(&self) -> f64 {
        self.opened.engine.memory_in_use() as f64
    }
}

impl DistillRun {
    /// Takes the run from an engine that failed with `error` to another; the same error if that is no help.
    async fn rescue(&mut self, error: attar::Error) -> Result<()> {
        let Some(rescue) = &mut self.rescue else { return Err(error.into()) };
        let Some(opened) = self.opened.after(&error, rescue.moves).await else { return Err(error.into()) };
        rescue.moves += 1;
        self.work = Distillation::resume(&rescue.checkpoint, &rescue.data, opened.engine.clone())?;
        self.opened = opened;
        Ok(())
    }
}
