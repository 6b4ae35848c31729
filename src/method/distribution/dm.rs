//! Distribution matching (DM; Zhao and Bilen, "Dataset condensation with distribution matching", WACV 2023).
//!
//! The mean feature of the canvases of a class comes near to that of real images of it, seen through networks that are
//! drawn anew for each window and never trained.

use super::{Comparison, MATCHING, Matching, published as common, quick as common_quick};
use crate::{
    error::Result,
    method::{Card, Kind, Method, Preset, Setting, Stage, no_settings},
    program::Program,
    recipe::{CanvasRecipe, MethodRecipe, Parameters, Recipe, SightRecipe},
    settings::Settings,
};

/// DM in the registry.
pub struct DmKind;

const LOSSES: &[&str] = &[MATCHING];

const MATCHED: Matching = Matching { comparison: Comparison::Means, classification: None, losses: LOSSES };

const CARD: Card = Card {
    name: "dm",
    about: "Distribution matching: mean features of real and synthetic images agree in many random networks (Zhao and Bilen, WACV 2023)",
    presets: &[
        Preset { name: "quick", about: "a few minutes on a laptop", recipe: quick },
        Preset { name: "published", about: "the settings of the method's authors; for GPUs", recipe: published },
    ],
    losses: LOSSES,
};

impl Kind for DmKind {
    fn card(&self) -> &Card {
        &CARD
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        no_settings(own)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        MATCHED.programs(setting)
    }

    fn build(&self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        MATCHED.begin(stage, canvases)
    }
}

fn quick(images_per_class: usize) -> Recipe {
    Recipe {
        sight: SightRecipe::plain(Parameters::Fresh),
        method: MethodRecipe::with_settings("dm", &Settings::default()),
        ..common_quick(images_per_class)
    }
}

/// The published rate is 1, and 10 from 100 images per class on.
fn published(images_per_class: usize) -> Recipe {
    let common = common(images_per_class);
    let rate = if images_per_class < 100 { 1.0 } else { 10.0 };
    Recipe {
        canvas: CanvasRecipe { lr: rate, ..common.canvas.clone() },
        sight: SightRecipe::plain(Parameters::Fresh),
        method: MethodRecipe::with_settings("dm", &Settings::default()),
        ..common
    }
}
