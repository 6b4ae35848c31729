//! Schedules: how a rate changes with time. Host work.

use serde::{Deserialize, Serialize};

/// A rate as a function of the epoch, known beforehand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Schedule {
    /// Always the same.
    Constant,
    /// Times `gamma` from each milestone on; milestones are fractions of the epochs, rounded down.
    MultiStep { milestones: Vec<f64>, gamma: f64 },
    /// Half a cosine wave from the rate down to 0 at the end.
    Cosine,
}

impl Schedule {
    /// The factor on the initial rate in epoch `epoch` (from 0) of `epochs`.
    pub fn factor(&self, epoch: usize, epochs: usize) -> f64 {
        match self {
            Schedule::Constant => 1.0,
            Schedule::MultiStep { milestones, gamma } => {
                let passed = milestones.iter().filter(|&&at| (at * epochs as f64 + 1e-9).floor() as usize <= epoch);
                gamma.powi(passed.count() as i32)
            }
            Schedule::Cosine => {
                let turn = epoch as f64 / epochs.max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * turn).cos())
            }
        }
    }
}

/// The rate of epoch `epoch` under PyTorch's `MultiStepLR`: `lr gamma^(number of milestones <= epoch)`.
pub fn multi_step(lr: f64, gamma: f64, milestones: &[usize], epoch: usize) -> f64 {
    lr * gamma.powi(milestones.iter().filter(|&&at| at <= epoch).count() as i32)
}

/// PyTorch's `ReduceLROnPlateau` (mode min, relative threshold 1e-4): the rate falls by `factor` when the metric has not
/// become better for more than `patience` steps.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    lr: f64,
    factor: f64,
    patience: u32,
    best: f64,
    worse: u32,
}

impl Plateau {
    /// Starts at rate `lr`.
    pub fn new(lr: f64, factor: f64, patience: u32) -> Plateau {
        Plateau { lr, factor, patience, best: f64::INFINITY, worse: 0 }
    }

    /// From now on this rate.
    pub fn set_lr(&mut self, lr: f64) {
        self.lr = lr;
    }

    /// The rate now.
    pub fn lr(&self) -> f64 {
        self.lr
    }

    /// Takes a metric and returns the rate that follows. A change of less than 1e-8 is not made.
    pub fn step(&mut self, metric: f64) -> f64 {
        if metric < self.best * (1.0 - 1e-4) {
            (self.best, self.worse) = (metric, 0);
        } else {
            self.worse += 1;
        }
        if self.worse > self.patience {
            self.worse = 0;
            let lower = self.lr * self.factor;
            if self.lr - lower > 1e-8 {
                self.lr = lower;
            }
        }
        self.lr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors() {
        let steps = Schedule::MultiStep { milestones: vec![0.2, 0.4, 0.6, 0.8], gamma: 0.5 };
        let factors: Vec<f64> = (0..10).map(|epoch| steps.factor(epoch, 10)).collect();
        assert_eq!(factors, [1.0, 1.0, 0.5, 0.5, 0.25, 0.25, 0.125, 0.125, 0.0625, 0.0625]);
        assert_eq!(Schedule::Cosine.factor(0, 8), 1.0);
        assert!((Schedule::Cosine.factor(4, 8) - 0.5).abs() < 1e-12);
    }
}
