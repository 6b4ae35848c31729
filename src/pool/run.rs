//! A pool that is trained by itself.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Pool, PoolCursor, PoolKey, PoolTraining, collect, image_size, network_for, write_real};
use crate::{
    data::Dataset,
    engine::{Engine, Executor},
    error::{Error, Result},
    recipe::Recipe,
    sealed::{Fault, Seal},
    settings::Value,
};

/// Trains a pool by itself, to be saved and used by later runs.
pub struct PoolRun {
    exec: Executor,
    training: PoolTraining,
    key: PoolKey,
    course: Vec<(String, Value)>,
    seed: u64,
}

/// A pool that is being trained, as [`PoolRun::checkpoint`] leaves it.
#[derive(Serialize, Deserialize)]
pub struct PoolCheckpoint {
    key: PoolKey,
    /// How its networks are trained; how many there will be does not matter to those that there are.
    course: Vec<(String, Value)>,
    seed: u64,
    cursor: PoolCursor,
    buffers: Vec<(String, Vec<f32>)>,
}

const SEAL: Seal = Seal { magic: b"ATTARQ", versions: 1..=1 };

impl PoolRun {
    /// Prepares the training of the pool that `recipe` describes on `data`.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the network does not fit the images; errors of the engine.
    pub fn new(recipe: &Recipe, data: &Dataset, engine: Arc<dyn Engine>) -> Result<PoolRun> {
        let recipe = &recipe.clone().suited(data);
        let mut exec = Executor::new(engine);
        let network = network_for(recipe.network.architecture(image_size(data))?, data)?;
        write_real(&mut exec, data)?;
        let training = PoolTraining::new(&mut exec, recipe, &network, data, &data.normalisation())?;
        let (key, course) = (PoolKey::new(recipe, data)?, course(recipe)?);
        Ok(PoolRun { exec, training, key, course, seed: recipe.seed })
    }

    /// Goes on from a checkpoint, to a pool of as many networks as `recipe` says: of fewer than there are already, the first.
    /// On the same engine and build they equal those of an uninterrupted training to the bit.
    ///
    /// # Errors
    /// [`Error::Data`] if the checkpoint is of other images or another recipe; as [`PoolRun::new`].
    pub fn resume(
        checkpoint: &PoolCheckpoint,
        recipe: &Recipe,
        data: &Dataset,
        engine: Arc<dyn Engine>,
    ) -> Result<PoolRun> {
        let mut run = PoolRun::new(recipe, data, engine)?;
        if checkpoint.key != run.key {
            return Err(Error::Data(
                "the pool was begun for other images or another network: give the source and settings that it was begun with"
                    .into(),
            ));
        }
        if (&checkpoint.course, checkpoint.seed) != (&run.course, run.seed) {
            return Err(Error::Data(
                "the pool was begun with another recipe or seed: give the settings that it was begun with".into(),
            ));
        }
        run.training.restore(checkpoint.cursor);
        let known = run.training.buffers();
        run.exec.restore_f32(checkpoint.buffers.iter().filter(|(name, _)| known.contains(name)))?;
        Ok(run)
    }

    /// Everything needed to go on later: bytes for [`PoolCheckpoint::from_bytes`].
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn checkpoint(&self) -> Result<Vec<u8>> {
        let buffers = self.exec.save_f32(self.training.buffers()).await?;
        let (key, course, cursor) = (self.key.clone(), self.course.clone(), self.training.cursor());
        Ok(SEAL.seal(&PoolCheckpoint { key, course, seed: self.seed, cursor, buffers }))
    }

    /// One unit of work: batches done and batches in all, or `None` when the pool is complete.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a training diverges; errors of the engine.
    pub async fn advance(&mut self) -> Result<Option<(u64, u64)>> {
        if self.training.is_complete() {
            return Ok(None);
        }
        self.training.advance(&mut self.exec).await?;
        Ok(Some(self.training.progress()))
    }

    /// Networks that are trained.
    pub fn trained(&self) -> usize {
        self.training.trained()
    }

    /// Networks that there will be.
    pub fn networks(&self) -> usize {
        self.training.networks()
    }

    /// What decides every random choice.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// The networks trained so far.
    pub async fn finish(&self) -> Result<Pool> {
        collect(&self.exec, self.training.trained(), self.key.clone()).await
    }
}

impl PoolCheckpoint {
    /// Reads what [`PoolRun::checkpoint`] wrote.
    ///
    /// # Errors
    /// [`Error::Format`] if it is no checkpoint of a pool, is damaged, or comes from another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<PoolCheckpoint> {
        let sentence = |fault| match fault {
            Fault::Foreign => "this is no checkpoint of a pool",
            Fault::Damaged => "the checkpoint of the pool is damaged: its checksum is wrong",
            Fault::Version(_) | Fault::Body => "the checkpoint of the pool is of another version: train the pool again",
        };
        SEAL.unseal(bytes).map_err(|fault| Error::Format(sentence(fault).into()))
    }

    /// The seed that the training was begun with.
    pub fn seed(&self) -> u64 {
        self.seed
    }
}

/// The settings that a network's training depends on, besides network, images and seed.
fn course(recipe: &Recipe) -> Result<Vec<(String, Value)>> {
    let settings = recipe.settings()?;
    let decides = |key: &str| key.starts_with("pool.") && key != "pool.networks" || key.starts_with("micro_batch");
    Ok(settings.entries().iter().filter(|(key, _)| decides(key)).cloned().collect())
}
