//! Methods: what moves the canvases. A method is a few named programs, a table of named buffers, a small cursor, and
//! [`Method::advance`], which does one bounded unit of work.

pub mod ncfm;

use std::{future::Future, pin::Pin};

use crate::{engine::Executor, error::Result, recipe::MicroBatch};

/// A future of one unit's outcome.
pub type Unit<'a> = Pin<Box<dyn Future<Output = Result<Advance>> + Send + 'a>>;

/// What came of a unit of work.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Advance {
    /// A unit that updates rest on: the canvases are as they were, and the iteration is not done.
    Prepared,
    /// The canvases of a class were updated; the iteration is not done.
    Updated,
    /// The last unit of an iteration: its mean losses over classes.
    Iteration { matching: f32, calibration: f32 },
}

/// A distillation method in mid-run. Between units all of its state is in the executor's buffers named by
/// [`Method::buffers`] and in [`Method::cursor`]; everything else is a function of these and of the recipe.
pub trait Method: Send {
    /// Does one unit of work. `trained` networks of the pool are finished: the first ones.
    fn advance<'a>(&'a mut self, exec: &'a mut Executor, trained: usize) -> Unit<'a>;

    /// Iterations finished.
    fn iteration(&self) -> usize;

    /// Names of the buffers that a checkpoint holds.
    fn buffers(&self) -> Vec<String>;

    /// Names of the buffers of canvases, class by class, each `[ipc, c, h, w]` in [0, 1].
    fn canvases(&self) -> Vec<String>;

    /// Names of the canvases that are kept: those of the last iteration whose losses were finite, or their mean with those
    /// of iterations before.
    fn good_canvases(&self) -> Vec<String>;

    /// The host's part of the state.
    fn cursor(&self) -> Vec<u8>;

    /// Puts the cursor back and rebuilds what follows from it; the buffers have been written already.
    ///
    /// # Errors
    /// [`crate::Error::Format`] if the bytes are no cursor of this method; errors of the engine.
    fn restore(&mut self, exec: &mut Executor, cursor: &[u8]) -> Result<()>;
}

/// What a method knows of the real set and of the pool.
#[derive(Debug, Clone)]
pub struct Setting {
    pub images_per_class: usize,
    pub seed: u64,
    /// Real images that pass through the network at once.
    pub micro_batch: MicroBatch,
    pub network: crate::nn::Network,
    /// Per-channel normalisation.
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
    /// Rows of the real set of each class.
    pub rows: Vec<Vec<u32>>,
    /// Number of real images, in the buffer [`REAL_PIXELS`].
    pub real: usize,
    /// Networks in the pool. Their initial parameters are in the buffers [`initial`] from the beginning, the trained ones
    /// in [`trained`] when they are finished.
    pub networks: usize,
}

/// Name of the buffer of the real set, u8 `[n, c, h, w]`.
pub const REAL_PIXELS: &str = "real.pixels";

/// Name of the buffer of the initial parameters of network `index` of the pool.
pub fn initial(index: usize) -> String {
    format!("pool.{index}.initial")
}

/// Name of the buffer of the trained parameters of network `index` of the pool.
pub fn trained(index: usize) -> String {
    format!("pool.{index}.trained")
}
