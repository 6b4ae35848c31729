//! The settings of NCFM, and the recipes that it starts from.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    method::Preset,
    nn::{augment::Flavour, frequency::Weights, optim::Optimiser},
    recipe::{
        CanvasRecipe, ChoiceRecipe, EvaluationRecipe, Factor, Initialisation, InvarianceRecipe, Labels, MethodRecipe,
        MicroBatch, NetworkRecipe, Parameters, PoolRecipe, PoolTiming, RealRecipe, Recipe, SightRecipe, TrainingRecipe,
        Units,
    },
};

/// Where a run of NCFM may start from.
pub(super) const PRESETS: &[Preset] = &[
    Preset { name: "quick", about: "a few minutes on a laptop", recipe: quick },
    Preset { name: "published", about: "the settings of the method's authors; for GPUs", recipe: published },
];

/// Settings of NCFM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields, default)]
pub struct NcfmRecipe {
    /// Frequencies of the characteristic function.
    pub frequencies: usize,
    /// Their standard deviation, or the bound of those of the sampling network. Features have length 1, and those closer
    /// than about 1 / scale look the same: small scales match means, larger ones shapes, and too large ones noise.
    pub frequency_scale: f64,
    #[cfg_attr(feature = "typescript", tsify(type = "Sampling"))]
    pub sampling: Sampling,
    /// Weights of amplitude and phase.
    pub weights: Weights,
    /// Factor on the matching loss; Adam is blind to it, other optimisers and the plateau schedule are not.
    pub loss_scale: f64,
    /// Calibration updates after each matching update; 0 for none.
    pub calibrations: usize,
}

/// Where frequencies come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampling {
    /// Normal.
    Normal,
    /// The sampling network psi, trained by gradient ascent on the loss that the images descend: the min-max of the
    /// paper.
    Network { lr: f64, momentum: f64 },
}

impl NcfmRecipe {
    /// The published defaults.
    pub fn published() -> NcfmRecipe {
        NcfmRecipe {
            frequencies: 4096,
            frequency_scale: 1.0,
            sampling: Sampling::Normal,
            weights: Weights { alpha: 0.5, beta: 0.5 },
            loss_scale: 300.0,
            calibrations: 1,
        }
    }

    /// Few iterations see further with larger frequencies; their number costs time. (docs/defaults.md)
    pub fn quick() -> NcfmRecipe {
        NcfmRecipe { frequencies: 1024, frequency_scale: 2.0, ..NcfmRecipe::published() }
    }

    /// Refuses numbers that no run can work with.
    pub(super) fn checked(self) -> Result<NcfmRecipe> {
        let scale = self.frequency_scale;
        if self.frequencies == 0 {
            return Err(Error::Recipe("method.frequencies is 0: give it at least 1".into()));
        }
        if !(scale.is_finite() && scale > 0.0) {
            return Err(Error::Recipe(format!("method.frequency_scale is {scale}: give it a positive number")));
        }
        Ok(self)
    }
}

impl Default for NcfmRecipe {
    /// Those of the quick preset.
    fn default() -> NcfmRecipe {
        NcfmRecipe::quick()
    }
}

/// Settings chosen for a few minutes on a laptop's CPU.
fn quick(images_per_class: usize) -> Recipe {
    Recipe {
        images_per_class,
        iterations: 160,
        seed: 0,
        labels: Labels::Hard,
        micro_batch: MicroBatch::Automatic,
        invariance: InvarianceRecipe::default(),
        network: NetworkRecipe::convnet(32),
        // Few epochs want a higher rate than the published sixty, and whole images. (How few: docs/defaults.md.)
        pool: PoolRecipe {
            networks: 2,
            epochs: 3,
            timing: PoolTiming::Before,
            training: TrainingRecipe { lr: 0.05, cutmix: 0.0, ..TrainingRecipe::pool() },
        },
        // Few iterations want larger steps; in the data's own spread, so that they fit dim and bright images alike.
        canvas: CanvasRecipe { factor: Factor::Automatic, units: Units::Spread, lr: 0.03, averaging: 0.3, ..canvas() },
        real: RealRecipe { batch: 256, refresh: 4, ..real() },
        sight: SightRecipe::plain(Parameters::Between),
        method: named(&NcfmRecipe::quick()),
        choice: ChoiceRecipe::quick(),
        evaluation: EvaluationRecipe::named("quick", 2),
    }
}

/// The defaults of the published code, as far as they are meant (methods and accidents are told apart in
/// [`crate::method::ncfm`]): 20 networks of width 128 trained for 60 epochs, 20,000 iterations.
fn published(images_per_class: usize) -> Recipe {
    Recipe {
        iterations: 20_000,
        invariance: InvarianceRecipe::ALL,
        network: NetworkRecipe::convnet(128),
        pool: PoolRecipe { networks: 20, epochs: 60, timing: PoolTiming::Before, training: TrainingRecipe::pool() },
        canvas: canvas(),
        real: real(),
        method: named(&NcfmRecipe::published()),
        choice: ChoiceRecipe::default(),
        evaluation: EvaluationRecipe::named("ncfm", 10),
        ..quick(images_per_class)
    }
}

/// Canvases as published.
fn canvas() -> CanvasRecipe {
    CanvasRecipe {
        factor: Factor::Of(2),
        init: Initialisation::Mix,
        units: Units::Pixels,
        lr: 1e-3,
        optimiser: Optimiser::AdamW { weight_decay: 5e-4 },
        plateau_patience: 500,
        averaging: 0.0,
    }
}

/// Real batches as published.
fn real() -> RealRecipe {
    RealRecipe {
        batch: 1024,
        refresh: 1,
        augment: "color_crop_cutout".parse().unwrap_or_else(|_| unreachable!("a known strategy")),
        flavour: Flavour::All,
    }
}

fn named(own: &NcfmRecipe) -> MethodRecipe {
    MethodRecipe::new("ncfm", own).unwrap_or_else(|_| unreachable!("numbers and names are settings"))
}
