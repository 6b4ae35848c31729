//! Checkpoints: everything a run needs to go on later.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Distillation, choice::Cursor};
use crate::{
    data::{Dataset, Losses},
    engine::Engine,
    error::{Error, Result},
    method::{self, Kind},
    pool::{self, PoolCursor, PoolTraining},
    recipe::Recipe,
    sealed::{Fault, Seal},
    settings::{Settings, Value},
};

impl Distillation {
    /// Everything needed to go on later, on any machine with the same data: bytes for [`Distillation::resume`].
    pub async fn checkpoint(&self) -> Result<Vec<u8>> {
        let whole_pool = || pool::member_buffers(self.stage.setting.networks);
        let mut names = self.training.as_ref().map_or_else(whole_pool, PoolTraining::buffers);
        names.extend(self.method.iter().flat_map(|method| method.buffers()));
        let buffers = self.stage.exec.save_f32(names).await?;
        let saved = Saved {
            recipe: self.recipe().settings()?.entries().to_vec(),
            fingerprint: self.data.fingerprint.clone(),
            losses: self.losses.clone(),
            pool: self.training.as_ref().map(PoolTraining::cursor),
            method: self.method.as_ref().map(|method| method.cursor()),
            stopped: self.stopped,
            choosing: match &self.choosing {
                Some(choosing) => Some(choosing.cursor().await?),
                None => None,
            },
            buffers,
        };
        Ok(SEAL.seal(&saved))
    }

    /// Goes on from a checkpoint. On the same engine and build the result equals that of an uninterrupted run to the bit.
    ///
    /// # Errors
    /// [`Error::Format`] if the bytes are no checkpoint or are damaged; [`Error::Data`] if the data is not what the run
    /// began with.
    pub fn resume(checkpoint: &[u8], data: &Dataset, engine: Arc<dyn Engine>) -> Result<Distillation> {
        Distillation::resume_changed(checkpoint, Changes::default(), data, engine)
    }

    /// As [`Distillation::resume`], with a few things otherwise than the run began.
    ///
    /// # Errors
    /// As [`Distillation::resume`]; [`Error::Recipe`] if a change makes no sense for the run.
    pub fn resume_changed(
        checkpoint: &[u8],
        changes: Changes,
        data: &Dataset,
        engine: Arc<dyn Engine>,
    ) -> Result<Distillation> {
        let saved = Saved::read(checkpoint)?;
        let recipe = changes.applied(Recipe::of(&Settings::from_entries(saved.recipe.clone()))?)?;
        let mut run = Distillation::go_on(saved, method::kind(recipe.method.name())?, recipe, data, engine)?;
        if let (Some(method), Some(lr)) = (&mut run.method, changes.lr) {
            method.set_rate(lr)?;
        }
        if changes.iterations.is_some() {
            run.go_on_iterating();
        }
        Ok(run)
    }

    /// As [`Distillation::resume`], by a method that need not be in the list.
    ///
    /// # Errors
    /// As [`Distillation::resume`].
    pub fn resume_kind(
        checkpoint: &[u8],
        kind: &'static dyn Kind,
        data: &Dataset,
        engine: Arc<dyn Engine>,
    ) -> Result<Distillation> {
        let saved = Saved::read(checkpoint)?;
        let recipe = Settings::from_entries(saved.recipe.clone()).read()?;
        Distillation::go_on(saved, kind, recipe, data, engine)
    }

    fn go_on(
        saved: Saved,
        kind: &'static dyn Kind,
        recipe: Recipe,
        data: &Dataset,
        engine: Arc<dyn Engine>,
    ) -> Result<Distillation> {
        if saved.fingerprint != data.fingerprint() {
            return Err(Error::Data(
                "these are not the images that the run began with: resume with the same source, size and seed".into(),
            ));
        }
        let mut run = Distillation::of_kind(kind, recipe, data, engine)?;
        if saved.losses.names() != run.loss_names() {
            return Err(other_version());
        }
        run.losses = saved.losses;
        run.stopped = saved.stopped;
        if let (Some(choosing), Some(cursor)) = (&mut run.choosing, saved.choosing) {
            choosing.restore(cursor);
        }
        if saved.pool.is_none() {
            run.end_training();
        }
        if saved.method.is_some() && run.method.is_none() {
            run.start_method()?;
        }
        run.stage.exec.restore_f32(&saved.buffers)?;
        if let (Some(training), Some(cursor)) = (&mut run.training, saved.pool) {
            training.restore(cursor);
        }
        if let (Some(method), Some(cursor)) = (&mut run.method, &saved.method) {
            method.restore(&mut run.stage, cursor)?;
        }
        Ok(run)
    }
}

/// What a resumed run does otherwise than it began. The rest of its recipe stays.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Changes {
    /// Passes over all classes, those that are made included. A run that was [stopped](Distillation::stop) makes the rest
    /// of them, and one that iterates further chooses anew.
    pub iterations: Option<usize>,
    /// The rate of the canvases' optimiser, from now on.
    pub lr: Option<f64>,
}

impl Changes {
    /// The recipe so changed.
    ///
    /// # Errors
    /// [`Error::Recipe`] if a number is none that a run can work with.
    pub fn applied(self, mut recipe: Recipe) -> Result<Recipe> {
        recipe.iterations = self.iterations.unwrap_or(recipe.iterations);
        recipe.canvas.lr = self.lr.unwrap_or(recipe.canvas.lr);
        recipe.checked()
    }
}

/// A checkpoint.
#[derive(Serialize, Deserialize)]
struct Saved {
    recipe: Vec<(String, Value)>,
    fingerprint: String,
    losses: Losses,
    /// `None` if the pool is complete.
    pool: Option<PoolCursor>,
    /// `None` if the method has not begun.
    method: Option<Vec<u8>>,
    stopped: bool,
    /// `None` if nothing is held out.
    choosing: Option<Cursor>,
    buffers: Vec<(String, Vec<f32>)>,
}

const SEAL: Seal = Seal { magic: b"ATTARC", versions: 2..=2 };

impl Saved {
    fn read(bytes: &[u8]) -> Result<Saved> {
        SEAL.unseal(bytes).map_err(|fault| match fault {
            Fault::Foreign => Error::Format("this is no checkpoint of a run".into()),
            Fault::Damaged => Error::Format("the checkpoint is damaged: its checksum is wrong".into()),
            Fault::Version(_) | Fault::Body => other_version(),
        })
    }
}

fn other_version() -> Error {
    Error::Format("the checkpoint was written by another version: start the run again".into())
}
