//! Distribution matching: the canvases of a class move until their features, seen through many networks, are distributed
//! like those of real images of the class.
//!
//! The methods of the family differ in what they compare (`Comparison`), in the networks, and in whether the networks
//! are to know the class of the canvases. Where published code is an accident, all of them do the sound thing:
//!
//! - Every class has its own optimiser state; that of the published code is one for all, which for SGD is the same.
//! - Canvases live in [0, 1] and are clamped after each update; the published ones are normalised images without bounds.
//!   So a published rate counts in the spread of the real images: see [`Units::Spread`].
//! - Augmentation has a stream of its own; the published code seeds the global one by the wall clock.

mod dm;
mod idm;
mod mmd;
mod programs;
#[cfg(test)]
mod tests;

pub use dm::DmKind;
pub use idm::{IdmKind, IdmRecipe};
pub use mmd::{MmdKind, MmdRecipe};

use super::{
    Method, Setting, Stage,
    rounds::{Objective, Rounds, Turn},
    stage::{Canvases, sight::Window},
};
use serde::Serialize;

use crate::{
    error::Result,
    graph,
    nn::{
        augment::{Flavour, Strategy},
        discrepancy::Kernel,
        optim::Optimiser,
    },
    recipe::{
        CanvasRecipe, ChoiceRecipe, EvaluationRecipe, Factor, Initialisation, InvarianceRecipe, MethodRecipe,
        NetworkRecipe, RealRecipe, Recipe, Units,
    },
};

/// The loss that all of the family have.
const MATCHING: &str = "matching";

/// That of networks that are to know the class of the canvases.
const CLASSIFICATION: &str = "classification";

/// Programs, and what the names of their slots begin with.
const REAL: &str = "distribution.real";
const MATCH: &str = "distribution.match";

/// What is compared between the real and the synthetic features of a class.
#[derive(Debug, Clone, PartialEq)]
enum Comparison {
    /// Their means. The real side of a class is a sum, `[d]`.
    Means,
    /// All pairs, by a kernel. The real side is all features of the batch, `[parts, micro-batch, d]`: for each class
    /// `4 batch d` bytes, 2 MiB of 256 images and the usual 2048 features.
    Pairs(Kernel),
}

/// A method of the family, in the common loop.
#[derive(Debug, Clone, PartialEq)]
struct Matching {
    comparison: Comparison,
    /// Weight of the classification loss, before that by the accuracy of the network; `None` of methods without it.
    classification: Option<f64>,
    losses: &'static [&'static str],
}

impl Matching {
    /// The run at its beginning.
    fn begin(self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        for program in self.programs(&stage.setting)? {
            stage.exec.load(program)?;
        }
        for class in 0..stage.setting.classes() {
            stage.exec.ensure(&side(class), graph::Kind::F32, self.side(&stage.setting))?;
        }
        Ok(Box::new(Rounds::new(stage, Box::new(self), canvases)?))
    }
}

impl Objective for Matching {
    fn losses(&self) -> &'static [&'static str] {
        self.losses
    }

    fn real(&self, stage: &Stage, class: usize, window: Window) -> Result<()> {
        let side = side(class);
        if self.comparison == Comparison::Means {
            stage.exec.set_f32(&side, &vec![0.0; stage.setting.network.features()])?;
        }
        stage.setting.add_real(&stage.exec, REAL, (class, window.number), &[(REAL, &side)])
    }

    fn update(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()> {
        let (setting, class) = (&stage.setting, turn.class);
        setting.augment_pictures(&stage.exec, MATCH, (class, turn.window.number))?;
        let scalars = [("count", setting.real_count(class) as f32), ("class", class as f32)];
        canvases.update(&stage.exec, setting, (MATCH, class), &[(REAL, &side(class))], &scalars)
    }

    fn buffers(&self, stage: &Stage) -> Vec<String> {
        (0..stage.setting.classes()).map(side).collect()
    }
}

/// Name of the buffer of the real side of a class.
fn side(class: usize) -> String {
    format!("{REAL}.{class}")
}

/// What the quick presets share: as those of the default method, without a pool.
fn quick(images_per_class: usize) -> Recipe {
    let default = Recipe::default();
    Recipe {
        iterations: 120,
        real: RealRecipe { batch: 128, refresh: 2, augment: strategy(), flavour: Flavour::One },
        ..default.images_per_class(images_per_class)
    }
}

/// What the published presets share: 20,000 iterations of SGD with momentum .5, real batches of 256, one operation of
/// augmentation, each iteration with another network of width 128.
fn published(images_per_class: usize) -> Recipe {
    let quick = quick(images_per_class);
    Recipe {
        iterations: 20_000,
        invariance: InvarianceRecipe::ALL,
        network: NetworkRecipe { width: 128, ..quick.network },
        canvas: CanvasRecipe {
            factor: Factor::Of(1),
            init: Initialisation::Random,
            units: Units::Spread,
            lr: 1.0,
            optimiser: Optimiser::Sgd { momentum: 0.5, weight_decay: 0.0 },
            // The rate stays.
            plateau_patience: 20_000,
            averaging: 0.0,
        },
        real: RealRecipe { batch: 256, refresh: 1, ..quick.real },
        choice: ChoiceRecipe::default(),
        evaluation: EvaluationRecipe::named("vico", 20),
        ..quick
    }
}

fn strategy() -> Strategy {
    "color_crop_cutout_flip_scale_rotate".parse().unwrap_or_else(|_| unreachable!("a known strategy"))
}

/// The method of this name with these settings.
fn named(name: &str, own: &impl Serialize) -> MethodRecipe {
    MethodRecipe::new(name, own).unwrap_or_else(|_| unreachable!("numbers and names are settings"))
}
