//! How a network is trained on images.

use serde::{Deserialize, Serialize};

use crate::nn::{
    augment::{Flavour, Sharing, Strategy},
    optim::Optimiser,
    schedule::Schedule,
};

/// How a network is trained on images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    pub batch: usize,
    pub lr: f64,
    #[cfg_attr(feature = "typescript", tsify(type = "Optimiser"))]
    pub optimiser: Optimiser,
    #[cfg_attr(feature = "typescript", tsify(type = "Schedule"))]
    pub schedule: Schedule,
    /// Operations of the augmentation, joined by `_`.
    #[cfg_attr(feature = "typescript", tsify(type = "string"))]
    pub augment: Strategy,
    pub flavour: Flavour,
    pub sharing: Sharing,
    /// Probability that a batch is mixed by CutMix.
    pub cutmix: f64,
}

impl TrainingRecipe {
    /// How NCFM trains its pool (methods of the published code): SGD .01 with momentum .9 and weight decay 5e-4, the rate
    /// times .2 at 2/3 and 5/6, batch 128, colour and crop, CutMix on half of the batches.
    pub fn pool() -> TrainingRecipe {
        TrainingRecipe {
            batch: 128,
            lr: 0.01,
            optimiser: Optimiser::Sgd { momentum: 0.9, weight_decay: 5e-4 },
            schedule: Schedule::MultiStep { milestones: vec![2.0 / 3.0, 5.0 / 6.0], gamma: 0.2 },
            augment: "color_crop".parse().unwrap_or_else(|_| unreachable!("a known strategy")),
            flavour: Flavour::All,
            sharing: Sharing::PerImage,
            cutmix: 0.5,
        }
    }
}
