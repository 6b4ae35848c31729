//! Which stream of random numbers serves what, so that no two uses share one.

use crate::rng::Draws;

/// A use of random numbers. The member (a network, a class) has a stream of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Use {
    PoolInit,
    PoolBatches,
    PoolAugment,
    EvaluationInit,
    EvaluationBatches,
    EvaluationAugment,
    /// Which network of the pool, and how far between its initial and trained parameters.
    Network,
    RealBatch,
    MatchAugment,
    CalibrationAugment,
    Frequencies,
    SamplingInit,
    Canvas,
    RandomReal,
    /// Fresh networks that are looked through, and what they learn from.
    SightInit,
    SightBatches,
    SightAugment,
    SightPerturb,
    /// Training images that are held out of a run.
    HeldOut,
}

impl Use {
    /// The stream of member `member`.
    pub(crate) fn stream(self, member: usize) -> u32 {
        (self as u32) | (member as u32) << 5
    }

    /// Host draws of member `member` in `unit`.
    pub(crate) fn draws(self, seed: u64, member: usize, unit: u64) -> Draws {
        Draws::new(seed, self.stream(member), unit as u32)
    }
}
