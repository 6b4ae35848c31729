//! Evaluation: train fresh networks on a set, test them on held-out real images.
//!
//! The accuracy is that of the last epoch, mean and deviation over networks; never the best on the test set. A figure
//! means something only beside those of random real images, of the un-optimised initialisation, and of the whole set
//! under the same protocol.

mod protocol;
mod set;
mod state;

use std::sync::Arc;

use crate::{
    data::Dataset,
    engine::{Engine, Executor},
    error::{Error, Result},
    pool::{image_size, network_for},
    streams::Use,
    train::{Course, Tally, Tester, Trainer, TrainingDraws},
};

pub use protocol::Protocol;
pub use set::{TrainingSet, random_real, random_rows};
pub use state::key;

/// Accuracies of several networks, fractions in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    pub mean: f64,
    /// Standard deviation over the networks (with n - 1; 0 for one network).
    pub deviation: f64,
    /// The accuracy of each network.
    pub each: Vec<f64>,
}

impl Accuracy {
    /// Mean and deviation of these.
    pub fn of(each: Vec<f64>) -> Accuracy {
        let n = each.len().max(1) as f64;
        let mean = each.iter().sum::<f64>() / n;
        let squares: f64 = each.iter().map(|value| (value - mean).powi(2)).sum();
        Accuracy { mean, deviation: (squares / (n - 1.0).max(1.0)).sqrt(), each }
    }
}

/// An evaluation in progress: networks are trained one after another, one batch a unit.
pub struct Evaluation {
    exec: Executor,
    trainer: Trainer,
    tester: Tester,
    repeats: usize,
    member: usize,
    step: u64,
    each: Vec<f64>,
}

const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::EvaluationInit, batches: Use::EvaluationBatches, augment: Use::EvaluationAugment };

impl Evaluation {
    /// Prepares to train `repeats` networks on `set` and to test them on `test`.
    ///
    /// # Errors
    /// [`Error::Data`] if the test images differ in size or classes from the set's; errors of the engine.
    pub fn new(
        protocol: &Protocol,
        set: &TrainingSet,
        test: &Dataset,
        repeats: usize,
        seed: u64,
        engine: Arc<dyn Engine>,
    ) -> Result<Evaluation> {
        if image_size(test) != set.image || test.classes().len() != set.classes {
            return Err(Error::Data(format!(
                "the test images ({:?}, {} classes) are not like those trained on ({:?}, {} classes): give the same size",
                image_size(test),
                test.classes().len(),
                set.image,
                set.classes,
            )));
        }
        let mut exec = Executor::new(engine);
        let network = network_for(protocol.network.architecture(set.image)?, test)?;
        set.write(&mut exec, "evaluation.images")?;
        let course = Course {
            name: "evaluation",
            images: "evaluation.images",
            targets: &set.targets,
            channels: &set.normalisation,
            network: &network,
            settings: &protocol.training,
            epochs: protocol.epochs_for(set.len()),
            micro_batch: protocol.micro_batch,
            seed,
            draws: DRAWS,
            tally: Tally::Loss,
        };
        let trainer = Trainer::new(&mut exec, &course)?;
        let held_out = (test.images().pixels(), test.labels());
        let tester = Tester::new(&mut exec, "test", &network, held_out, &set.normalisation, protocol.micro_batch)?;
        Ok(Evaluation { exec, trainer, tester, repeats, member: 0, step: 0, each: Vec::new() })
    }

    /// One unit of work: batches done and batches in all, or `None` when all networks are tested.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a training diverges; errors of the engine.
    pub async fn advance(&mut self) -> Result<Option<(u64, u64)>> {
        if self.is_complete() {
            return Ok(None);
        }
        let (training, testing) = (self.trainer.steps(), self.tester.steps());
        if self.step == 0 {
            self.trainer.start(&self.exec, self.member)?;
        }
        if self.step < training {
            self.trainer.step(&self.exec, self.member, self.step)?;
            // Now and then, so that the queue stays short and a divergence is noticed.
            if self.trainer.ends_epoch(self.step) {
                self.trainer.take_loss(&self.exec, self.step, self.trainer.batches()).await?;
            }
        } else {
            let statistics = self.trainer.statistics();
            self.tester.step(&self.exec, &self.trainer.theta(), statistics.as_deref(), self.step - training)?;
        }
        self.step += 1;
        let each = training + testing;
        let done = self.member as u64 * each + self.step;
        if self.step == each {
            self.each.push(self.tester.accuracy(&self.exec).await?);
            (self.member, self.step) = (self.member + 1, 0);
        }
        Ok(Some((done, self.batches())))
    }

    /// Batches in all, of the training and the test of every network.
    pub fn batches(&self) -> u64 {
        self.repeats as u64 * (self.trainer.steps() + self.tester.steps())
    }

    /// Whether all networks are tested.
    pub fn is_complete(&self) -> bool {
        self.member == self.repeats
    }

    /// The accuracies of the networks tested so far.
    pub fn accuracy(&self) -> Accuracy {
        Accuracy::of(self.each.clone())
    }
}
