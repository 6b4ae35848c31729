//! The settings of gradient matching, and the recipes that its methods start from.

use serde::{Deserialize, Serialize};

use super::{Distance, Layers};
use crate::{
    method::Preset,
    nn::{
        augment::{Flavour, Sharing, Strategy},
        optim::Optimiser,
        schedule::Schedule,
    },
    recipe::{
        CanvasRecipe, ChoiceRecipe, EvaluationRecipe, Factor, Initialisation, InnerTraining, InvarianceRecipe, Labels,
        MethodRecipe, MicroBatch, NetworkRecipe, Parameters, PoolRecipe, PoolTiming, RealRecipe, Recipe, SightRecipe,
        TrainingRecipe, Units,
    },
};

/// Where a run of DC may start from.
pub(super) const DC: &[Preset] = &[quick(dc_quick), published(dc)];

/// Where a run of DSA may start from.
pub(super) const DSA: &[Preset] = &[quick(dsa_quick), published(dsa)];

/// Where a run of IDC may start from.
pub(super) const IDC: &[Preset] = &[quick(idc_quick), published(idc)];

const fn quick(recipe: fn(usize) -> Recipe) -> Preset {
    Preset { name: "quick", about: "a few minutes on a laptop", recipe }
}

const fn published(recipe: fn(usize) -> Recipe) -> Preset {
    Preset { name: "published", about: "the settings of the method's authors; for GPUs", recipe }
}

/// Settings of gradient matching.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct GradientRecipe {
    pub distance: Distance,
    /// Parameters whose gradients are compared.
    pub layers: Layers,
}

impl GradientRecipe {
    /// By the angle, filter by filter.
    pub const DC: GradientRecipe = GradientRecipe { distance: Distance::Filters, layers: Layers::Weights };

    /// Value by value, without the classifier. (On MNIST and Fashion-MNIST the authors take the absolute distance.)
    pub const IDC: GradientRecipe = GradientRecipe { distance: Distance::Squared, layers: Layers::Convolutions };
}

/// What DSA may do to an image; without the flip for digits.
const DSA_OPERATIONS: &str = "color_crop_cutout_flip_scale_rotate";

/// What IDC does to an image.
const IDC_OPERATIONS: &str = "color_crop_cutout";

/// Updates for which a network serves, and epochs that it learns between two of them, by images per class as published.
const LOOPS: [(usize, usize, usize); 6] =
    [(1, 1, 1), (10, 10, 50), (20, 20, 25), (30, 30, 20), (40, 40, 15), (50, 50, 10)];

/// [`LOOPS`] for any number of images per class: straight lines between what is published, and beyond it the last.
fn loops(images_per_class: usize) -> (usize, usize) {
    let after = LOOPS.iter().position(|&(ipc, ..)| ipc >= images_per_class).unwrap_or(LOOPS.len() - 1);
    let (low, high) = (LOOPS[after.saturating_sub(1)], LOOPS[after]);
    let ipc = images_per_class.clamp(low.0, high.0);
    let share = (ipc - low.0) as f64 / (high.0 - low.0).max(1) as f64;
    let between = |low: usize, high: usize| (low as f64 + share * (high as f64 - low as f64)).round() as usize;
    (between(low.1, high.1), between(low.2, high.2))
}

/// DC as published: 1000 networks.
fn dc(images_per_class: usize) -> Recipe {
    let (restart, epochs) = loops(images_per_class);
    Recipe {
        images_per_class,
        iterations: 1000 * restart,
        seed: 0,
        labels: Labels::Hard,
        micro_batch: MicroBatch::Automatic,
        invariance: InvarianceRecipe::ALL,
        network: NetworkRecipe::convnet(128),
        pool: pool(),
        canvas: CanvasRecipe {
            factor: Factor::Of(1),
            init: Initialisation::Noise,
            // The published canvases are normalised images.
            units: Units::Spread,
            lr: 0.1,
            optimiser: Optimiser::Sgd { momentum: 0.5, weight_decay: 0.0 },
            plateau_patience: CanvasRecipe::PATIENT,
            averaging: 0.0,
        },
        real: RealRecipe { batch: 256, refresh: 1, augment: strategy(""), flavour: Flavour::One },
        sight: on_synthetic(restart, epochs, lessons(0.01, "")),
        method: named("dc", GradientRecipe::DC),
        choice: ChoiceRecipe::default(),
        evaluation: EvaluationRecipe::named("vico", 20),
    }
}

/// DSA as published: from real images, with augmentation in every place.
fn dsa(images_per_class: usize) -> Recipe {
    let (restart, epochs) = loops(images_per_class);
    let dc = dc(images_per_class);
    Recipe {
        canvas: CanvasRecipe { init: Initialisation::Random, ..dc.canvas },
        real: RealRecipe { augment: strategy(DSA_OPERATIONS), ..dc.real },
        sight: on_synthetic(restart, epochs, lessons(0.01, DSA_OPERATIONS)),
        method: named("dsa", GradientRecipe::DC),
        ..dc
    }
}

/// IDC as published for CIFAR-10: 2000 networks, each looked through 100 times.
fn idc(images_per_class: usize) -> Recipe {
    let dc = dc(images_per_class);
    let training = TrainingRecipe {
        batch: 64,
        schedule: Schedule::Constant,
        augment: strategy(IDC_OPERATIONS),
        ..TrainingRecipe::pool()
    };
    Recipe {
        iterations: 200_000,
        canvas: CanvasRecipe {
            factor: Factor::Of(2),
            init: Initialisation::Mix,
            units: Units::Pixels,
            lr: 5e-3 * images_per_class as f64 / 10.0,
            ..dc.canvas
        },
        real: RealRecipe { batch: 64, refresh: 1, augment: strategy(IDC_OPERATIONS), flavour: Flavour::All },
        sight: SightRecipe {
            inner: InnerTraining::Real { restart: 100, batches: 32, training },
            ..SightRecipe::plain(Parameters::Fresh)
        },
        method: named("idc", GradientRecipe::IDC),
        evaluation: EvaluationRecipe::named("ncfm", 10),
        ..dc
    }
}

/// DC for a few minutes on a laptop's CPU: from real images, since noise takes thousands of updates to become one, and
/// with larger steps.
fn dc_quick(images_per_class: usize) -> Recipe {
    let dc = dc(images_per_class);
    Recipe {
        iterations: 200,
        invariance: InvarianceRecipe::default(),
        network: NetworkRecipe::convnet(32),
        canvas: few_steps(CanvasRecipe { init: Initialisation::Random, ..dc.canvas }),
        real: RealRecipe { batch: 64, ..dc.real },
        sight: on_synthetic(5.min(images_per_class), 5, lessons(0.05, "")),
        choice: ChoiceRecipe::quick(),
        evaluation: EvaluationRecipe::named("quick", 2),
        ..dc
    }
}

/// DSA for a few minutes on a laptop's CPU.
fn dsa_quick(images_per_class: usize) -> Recipe {
    let (dsa, dc) = (dsa(images_per_class), dc_quick(images_per_class));
    Recipe {
        real: RealRecipe { batch: dc.real.batch, ..dsa.real },
        sight: on_synthetic(5.min(images_per_class), 5, lessons(0.05, DSA_OPERATIONS)),
        method: dsa.method,
        ..dc
    }
}

/// IDC for a few minutes on a laptop's CPU.
fn idc_quick(images_per_class: usize) -> Recipe {
    let idc = idc(images_per_class);
    let training = TrainingRecipe { lr: 0.05, cutmix: 0.0, ..TrainingRecipe::pool() };
    let training = TrainingRecipe { batch: 64, schedule: Schedule::Constant, ..training };
    Recipe {
        iterations: 150,
        invariance: InvarianceRecipe::default(),
        network: NetworkRecipe::convnet(32),
        canvas: few_steps(idc.canvas),
        sight: SightRecipe {
            inner: InnerTraining::Real { restart: 20, batches: 4, training },
            ..SightRecipe::plain(Parameters::Fresh)
        },
        choice: ChoiceRecipe::quick(),
        evaluation: EvaluationRecipe::named("quick", 2),
        ..idc
    }
}

/// Canvases that have few steps to get far: Adam's, which are as long for a small gradient as for a large one.
fn few_steps(canvas: CanvasRecipe) -> CanvasRecipe {
    let optimiser = Optimiser::Adam { weight_decay: 0.0 };
    CanvasRecipe { units: Units::Spread, lr: 0.03, optimiser, ..canvas }
}

/// A fresh network that learns from the canvases.
fn on_synthetic(restart: usize, epochs: usize, training: TrainingRecipe) -> SightRecipe {
    SightRecipe {
        inner: InnerTraining::Synthetic { restart, epochs, training },
        ..SightRecipe::plain(Parameters::Fresh)
    }
}

/// How the network learns from the canvases.
fn lessons(lr: f64, operations: &str) -> TrainingRecipe {
    TrainingRecipe {
        batch: 256,
        lr,
        optimiser: Optimiser::Sgd { momentum: 0.0, weight_decay: 0.0 },
        schedule: Schedule::Constant,
        augment: strategy(operations),
        flavour: Flavour::One,
        sharing: Sharing::PerImage,
        cutmix: 0.0,
    }
}

/// The pool is trained only if somebody asks for another sight or for soft labels.
fn pool() -> PoolRecipe {
    let training = TrainingRecipe { lr: 0.05, cutmix: 0.0, ..TrainingRecipe::pool() };
    PoolRecipe { networks: 2, epochs: 3, timing: PoolTiming::Before, training }
}

fn strategy(operations: &str) -> Strategy {
    operations.parse().unwrap_or_else(|_| unreachable!("a known strategy"))
}

fn named(name: &str, own: GradientRecipe) -> MethodRecipe {
    MethodRecipe::new(name, &own).unwrap_or_else(|_| unreachable!("names are settings"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_are_the_published_ones_and_fill_the_gaps() {
        for (ipc, outer, inner) in LOOPS {
            assert_eq!(loops(ipc), (outer, inner));
        }
        assert_eq!(loops(15), (15, 38));
        assert_eq!(loops(1000), (50, 10));
        for ipc in 1..120 {
            let (outer, inner) = loops(ipc);
            assert!((1..=50).contains(&outer) && (1..=50).contains(&inner), "{ipc}: {outer}, {inner}");
        }
    }
}
