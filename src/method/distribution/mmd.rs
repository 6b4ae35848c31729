//! Matching in the space of a kernel (M3D; Zhang et al., "M3D: Dataset condensation by minimizing maximum mean
//! discrepancy", AAAI 2024).
//!
//! Mean features may agree while their distributions do not. The squared maximum mean discrepancy under a Gaussian kernel
//! is 0 only if all moments agree. No code was published with the paper; this is its equation with the protocol of IDM
//! that it follows (several small images a canvas), and
//!
//! - bandwidths are relative to the mean squared distance of a real from a synthetic feature, and the loss is in units of
//!   that distance, so that settings and rates hold for any network ([`Kernel`]);
//! - all real features of a batch are kept for each class until the window ends, so that the size of a micro-batch changes
//!   no pair.

use serde::{Deserialize, Serialize};

use super::{Comparison, MATCHING, Matching, named, published as common, quick as common_quick};
use crate::{
    error::{Error, Result},
    method::{Card, Kind, Method, Preset, Setting, Stage, completed},
    nn::discrepancy::Kernel,
    program::Program,
    recipe::{CanvasRecipe, Factor, Initialisation, Parameters, RealRecipe, Recipe, SightRecipe},
    settings::Settings,
};

/// Matching in the space of a kernel, in the registry.
pub struct MmdKind;

/// Settings of matching in the space of a kernel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields, default)]
pub struct MmdRecipe {
    #[cfg_attr(feature = "typescript", tsify(type = "Kernel"))]
    pub kernel: Kernel,
}

impl Default for MmdRecipe {
    /// Bandwidths on both sides of the mean squared distance.
    fn default() -> MmdRecipe {
        MmdRecipe { kernel: Kernel::Gaussian { bandwidths: vec![0.25, 0.5, 1.0, 2.0] } }
    }
}

impl MmdRecipe {
    /// Refuses numbers that no run can work with.
    fn checked(self) -> Result<MmdRecipe> {
        let fault = match &self.kernel {
            Kernel::Gaussian { bandwidths } if bandwidths.is_empty() => {
                Some("method.kernel.bandwidths is empty: give at least one".to_owned())
            }
            Kernel::Gaussian { bandwidths } => bandwidths
                .iter()
                .find(|bandwidth| !(bandwidth.is_finite() && **bandwidth > 0.0))
                .map(|bandwidth| format!("method.kernel.bandwidths has {bandwidth}: give positive numbers")),
            Kernel::Polynomial { degree: 0 } => Some("method.kernel.degree is 0: give it at least 1".to_owned()),
            Kernel::Linear | Kernel::Polynomial { .. } => None,
        };
        fault.map_or(Ok(self), |fault| Err(Error::Recipe(fault)))
    }
}

const LOSSES: &[&str] = &[MATCHING];

fn matching(setting: &Setting) -> Result<Matching> {
    let MmdRecipe { kernel } = setting.recipe.method.read()?;
    Ok(Matching { comparison: Comparison::Pairs(kernel), classification: None, losses: LOSSES })
}

const CARD: Card = Card {
    name: "mmd",
    about: "Maximum mean discrepancy: features of real and synthetic images agree in the space of a kernel (M3D; Zhang et al., AAAI 2024)",
    presets: &[
        Preset { name: "quick", about: "a few minutes on a laptop", recipe: quick },
        Preset { name: "published", about: "after the paper, which came without code; for GPUs", recipe: published },
    ],
    losses: LOSSES,
};

impl Kind for MmdKind {
    fn card(&self) -> &Card {
        &CARD
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        completed(own, MmdRecipe::checked)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        matching(setting)?.programs(setting)
    }

    fn build(&self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        matching(&stage.setting)?.begin(stage, canvases)
    }
}

fn quick(images_per_class: usize) -> Recipe {
    Recipe {
        sight: SightRecipe::plain(Parameters::Fresh),
        method: named("mmd", &MmdRecipe::default()),
        ..common_quick(images_per_class)
    }
}

/// Four small images a canvas, and several updates for each network, as in the paper; how many, and the rate, are ours.
fn published(images_per_class: usize) -> Recipe {
    let common = common(images_per_class);
    Recipe {
        canvas: CanvasRecipe { factor: Factor::Of(2), init: Initialisation::Mix, ..common.canvas.clone() },
        real: RealRecipe { refresh: 5, ..common.real.clone() },
        sight: SightRecipe::plain(Parameters::Fresh),
        method: named("mmd", &MmdRecipe::default()),
        ..common
    }
}
