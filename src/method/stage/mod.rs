//! What methods share: the engine's programs and buffers of a run ([`Stage`]), the facts that programs are traced from
//! ([`Setting`]), and three rooms: [`canvas`], what is stored and moves; [`real`], the images it is compared with; and
//! [`sight`], the network that a step looks through.

pub mod canvas;
pub mod factor;
#[cfg(test)]
pub(in crate::method) mod fixture;
pub mod real;
pub mod sight;

use crate::{
    data::Normalisation,
    engine::{Executor, Limits},
    error::Result,
    graph::{Graph, Tensor},
    nn::Network,
    program::Program,
    recipe::Recipe,
};

pub use canvas::Canvases;
pub use sight::Sight;

/// What a method works with.
pub struct Stage {
    /// The loaded programs and the named buffers.
    pub exec: Executor,
    pub setting: Setting,
    /// Networks of the pool that are finished: the first ones.
    pub trained: usize,
}

/// What a method knows of the recipe, the real set and the pool.
#[derive(Debug, Clone)]
pub struct Setting {
    pub recipe: Recipe,
    pub network: Network,
    /// Per channel, of the real images.
    pub normalisation: Normalisation,
    /// Standard deviation of each channel of the real images, 0 of a constant one.
    pub spread: Vec<f32>,
    /// Rows of the real set of each class, without those that are held out of the run.
    pub rows: Vec<Vec<u32>>,
    /// The class of each image of the buffer [`PIXELS`](crate::pool::PIXELS), of those that are held out, too: networks
    /// that are looked through learn from all.
    pub labels: Vec<u32>,
    /// Networks in the pool. Their initial parameters are in the buffers [`initial`](crate::pool::initial) from the beginning, the trained ones
    /// in [`trained`](crate::pool::trained) when they are finished.
    pub networks: usize,
    /// Of the engine.
    pub limits: Limits,
}

impl Setting {
    /// The programs of the canvases and of the sight.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) if the settings do not fit together.
    pub fn programs(&self) -> Result<Vec<Program>> {
        let mut programs = vec![self.keep_program()?];
        programs.extend(self.sight_programs()?);
        Ok(programs)
    }

    /// Number of real images, those that are held out included.
    pub fn real(&self) -> usize {
        self.labels.len()
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.rows.len()
    }
}

/// One-hot targets, of the shape of `logits` `[n, classes]`, of the class that a call of the program is for: it reads the
/// scalar `class`.
pub(crate) fn own_class<'g>(g: &'g Graph, logits: Tensor<'g>) -> Tensor<'g> {
    g.iota(1, logits.shape()).equal(g.scalar("class"))
}
