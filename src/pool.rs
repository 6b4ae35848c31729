//! The pool of networks that distillation looks through: each with its initial and its trained parameters.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    data::{Dataset, Normalisation},
    engine::{Data, Engine, Executor},
    error::{Error, Result},
    graph::Kind,
    nn::{Architecture, ImageSize, Network},
    program::Program,
    recipe::Recipe,
    sealed::{Fault, Seal},
    streams::Use,
    train::{Course, Tally, Trainer, TrainingDraws, one_hot},
};

/// Name of the buffer of the real set, u8 `[n, c, h, w]`.
pub const PIXELS: &str = "real.pixels";

/// Name of the buffer of the initial parameters of network `index` of the pool.
pub fn initial(index: usize) -> String {
    format!("pool.{index}.initial")
}

/// Name of the buffer of the trained parameters of network `index` of the pool.
pub fn trained(index: usize) -> String {
    format!("pool.{index}.trained")
}

/// Trained networks with the parameters they started from, and what they fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pool {
    pub architecture: PoolKey,
    pub networks: Vec<Member>,
}

/// What a pool was trained on and for; another run may use it if its own is equal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PoolKey {
    pub network: Architecture,
    /// Of the training images.
    pub image: ImageSize,
    pub classes: usize,
    /// Fingerprint of the training images.
    pub fingerprint: String,
}

/// One network of a pool, flat parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    pub initial: Vec<f32>,
    pub trained: Vec<f32>,
}

const SEAL: Seal = Seal { magic: b"ATTARP", versions: 1..=1 };

impl PoolKey {
    /// The key of pools for this recipe and these images.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no such network.
    pub(crate) fn new(recipe: &Recipe, data: &Dataset) -> Result<PoolKey> {
        let image = image_size(data);
        let network = recipe.network.architecture(image)?;
        Ok(PoolKey { network, image, classes: data.classes().len(), fingerprint: data.fingerprint() })
    }

    /// Refuses a pool of another network or of other images.
    ///
    /// # Errors
    /// [`Error::Recipe`] that says which.
    pub(crate) fn accept(&self, pool: &Pool) -> Result<()> {
        let there = &pool.architecture;
        if (&there.network, there.image, there.classes) != (&self.network, self.image, self.classes) {
            let (held, needed) = (there.networks(), self.networks());
            return Err(Error::Recipe(format!(
                "the pool holds networks ({held}) of another kind than this run needs ({needed}): train another"
            )));
        }
        if there.fingerprint != self.fingerprint {
            return Err(Error::Recipe(
                "the pool was trained on other images: give the source, size and seed that it was trained with".into(),
            ));
        }
        Ok(())
    }

    /// What networks it holds, in words.
    fn networks(&self) -> String {
        let ImageSize { channels, height, width } = self.image;
        let network = self.network.in_words();
        format!("{network}, for {channels}x{height}x{width} images of {} classes", self.classes)
    }
}

impl Pool {
    /// The pool as a file.
    pub fn to_bytes(&self) -> Vec<u8> {
        SEAL.seal(self)
    }

    /// Reads what [`Pool::to_bytes`] wrote.
    ///
    /// # Errors
    /// [`Error::Format`] if it is no pool, is damaged, or comes from another version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Pool> {
        let sentence = |fault| match fault {
            Fault::Foreign => "this is no pool file: make one with `attar pool`",
            Fault::Damaged => "the pool file is damaged: its checksum is wrong",
            Fault::Version(_) | Fault::Body => "the pool file was written by another version: train the pool again",
        };
        SEAL.unseal(bytes).map_err(|fault| Error::Format(sentence(fault).into()))
    }
}

/// The training of a pool, one batch a unit.
pub(crate) struct PoolTraining {
    trainer: Trainer,
    networks: usize,
    cursor: PoolCursor,
}

/// Where the training stands: network and batch.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct PoolCursor {
    pub member: usize,
    pub step: u64,
}

const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::PoolInit, batches: Use::PoolBatches, augment: Use::PoolAugment };

impl PoolTraining {
    pub(crate) fn new(
        exec: &mut Executor,
        recipe: &Recipe,
        network: &Network,
        data: &Dataset,
        channels: &Normalisation,
    ) -> Result<PoolTraining> {
        if !network.statistics().is_empty() {
            return Err(Error::Recipe(
                "a pool keeps no running statistics, so its networks cannot have batch norm: choose another norm"
                    .into(),
            ));
        }
        let targets = one_hot(data.labels(), network.classes());
        let course = Course {
            name: "pool.training",
            images: PIXELS,
            targets: &targets,
            channels,
            network,
            settings: &recipe.pool.training,
            epochs: recipe.pool.epochs,
            micro_batch: recipe.micro_batch,
            seed: recipe.seed,
            draws: DRAWS,
            tally: Tally::Loss,
        };
        let trainer = Trainer::new(exec, &course)?;
        make_buffers(exec, network, recipe.pool.networks)?;
        for member in 0..recipe.pool.networks {
            exec.set_f32(&initial(member), &trainer.initial(member))?;
        }
        Ok(PoolTraining { trainer, networks: recipe.pool.networks, cursor: PoolCursor::default() })
    }

    /// One batch, if the pool is not complete.
    pub(crate) async fn advance(&mut self, exec: &mut Executor) -> Result<()> {
        let PoolCursor { member, step } = self.cursor;
        if self.is_complete() {
            return Ok(());
        }
        if step == 0 {
            self.trainer.start(exec, member)?;
        }
        if step < self.trainer.steps() {
            self.trainer.step(exec, member, step)?;
            if self.trainer.ends_epoch(step) {
                let loss = self.trainer.take_loss(exec, step, self.trainer.batches()).await?;
                tracing::debug!(member, step, loss, "pool");
            }
            self.cursor.step += 1;
        }
        if self.cursor.step >= self.trainer.steps() {
            exec.copy(&self.trainer.theta(), &trained(member))?;
            self.cursor = PoolCursor { member: member + 1, step: 0 };
        }
        Ok(())
    }

    /// Networks that are finished: the first ones.
    pub(crate) fn trained(&self) -> usize {
        self.cursor.member
    }

    /// Whether all are.
    pub(crate) fn is_complete(&self) -> bool {
        self.trained() == self.networks
    }

    /// Batches done and batches in all.
    pub(crate) fn progress(&self) -> (u64, u64) {
        let each = self.trainer.steps().max(1);
        (self.cursor.member as u64 * each + self.cursor.step, self.networks as u64 * each)
    }

    pub(crate) fn cursor(&self) -> PoolCursor {
        self.cursor
    }

    pub(crate) fn restore(&mut self, cursor: PoolCursor) {
        self.cursor = cursor;
    }

    /// The programs that it runs.
    pub(crate) fn programs<'e>(&self, exec: &'e Executor) -> impl Iterator<Item = &'e Program> {
        self.trainer.programs(exec)
    }

    /// Names of the buffers that a checkpoint holds.
    pub(crate) fn buffers(&self) -> Vec<String> {
        let mut names = self.trainer.state();
        names.extend(member_buffers(self.trained()));
        names
    }

    /// Frees the memory of the training; the pool stays.
    pub(crate) fn release(&self, exec: &mut Executor) {
        exec.release("pool.training.");
    }
}

/// Names of the buffers of the first `count` networks.
pub(crate) fn member_buffers(count: usize) -> Vec<String> {
    (0..count).flat_map(|index| [initial(index), trained(index)]).collect()
}

/// Makes the buffers of a pool.
pub(crate) fn make_buffers(exec: &mut Executor, network: &Network, count: usize) -> Result<()> {
    member_buffers(count).iter().try_for_each(|name| exec.ensure(name, Kind::F32, [network.table().len()]))
}

/// Reads a pool from its buffers.
pub(crate) async fn collect(exec: &Executor, count: usize, architecture: PoolKey) -> Result<Pool> {
    let mut networks = Vec::with_capacity(count);
    for index in 0..count {
        networks.push(Member {
            initial: exec.get_f32(&initial(index)).await?,
            trained: exec.get_f32(&trained(index)).await?,
        });
    }
    Ok(Pool { architecture, networks })
}

/// Writes the real set to the buffer that the pool and the method read.
pub(crate) fn write_real(exec: &mut Executor, data: &Dataset) -> Result<()> {
    exec.ensure(PIXELS, Kind::Pixels, image_size(data).batch(data.len()))?;
    exec.set(PIXELS, Data::Pixels(data.images().pixels()))
}

/// The size of a set's images.
pub(crate) fn image_size(data: &Dataset) -> ImageSize {
    let images = data.images();
    ImageSize { channels: images.channels(), height: images.height(), width: images.width() }
}

/// The network of a recipe for a set.
pub(crate) fn network_for(architecture: Architecture, data: &Dataset) -> Result<Network> {
    Network::new(architecture, image_size(data), data.classes().len())
}

/// Trains a pool by itself, to be saved and used by later runs.
pub struct PoolRun {
    exec: Executor,
    training: PoolTraining,
    key: PoolKey,
}

impl PoolRun {
    /// Prepares the training of the pool that `recipe` describes on `data`.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the network does not fit the images; errors of the engine.
    pub fn new(recipe: &Recipe, data: &Dataset, engine: Arc<dyn Engine>) -> Result<PoolRun> {
        let mut exec = Executor::new(engine);
        let network = network_for(recipe.network.architecture(image_size(data))?, data)?;
        write_real(&mut exec, data)?;
        let training = PoolTraining::new(&mut exec, recipe, &network, data, &data.normalisation())?;
        Ok(PoolRun { exec, training, key: PoolKey::new(recipe, data)? })
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

    /// The networks trained so far.
    pub async fn finish(&self) -> Result<Pool> {
        collect(&self.exec, self.training.trained(), self.key.clone()).await
    }
}
