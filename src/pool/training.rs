//! The training of a pool, alone or within a run.

use serde::{Deserialize, Serialize};

use super::{PIXELS, initial, make_buffers, member_buffers, trained};
use crate::{
    data::{Dataset, Normalisation},
    engine::Executor,
    error::{Error, Result},
    nn::Network,
    program::Program,
    recipe::Recipe,
    streams::Use,
    train::{Course, Tally, Trainer, TrainingDraws, one_hot},
};

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
                // By the name that filters know.
                tracing::debug!(target: "attar::pool", member, step, loss, "pool");
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

    /// Networks that there will be.
    pub(crate) fn networks(&self) -> usize {
        self.networks
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

    /// Goes on from a cursor, which may be of a pool that has more networks than this one.
    pub(crate) fn restore(&mut self, cursor: PoolCursor) {
        let complete = PoolCursor { member: self.networks, step: 0 };
        self.cursor = if cursor.member < self.networks { cursor } else { complete };
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
