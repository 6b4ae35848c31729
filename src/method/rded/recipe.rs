//! The settings of RDED, and the recipes that it starts from.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    method::{Preset, selection},
    recipe::{CanvasRecipe, Factor, Labels, MethodRecipe, Recipe},
};

/// Where a run of RDED may start from.
pub(super) const PRESETS: &[Preset] = &[
    Preset { name: "quick", about: "within a minute on a laptop", recipe: quick },
    Preset { name: "published", about: "the settings of the method's authors; for GPUs", recipe: published },
];

/// Settings of RDED.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields, default)]
pub struct RdedRecipe {
    /// Images of a class that crops are taken of; more where as many are needed to fill the canvases.
    pub images: usize,
    /// Crops of each.
    pub crops: usize,
    /// The smallest share of an image's area that a crop shows, above 0 and up to 1. Objects that fill their images want
    /// large crops.
    pub least_area: f64,
}

impl RdedRecipe {
    /// As in the authors' scripts; the area is torchvision's default.
    pub fn published() -> RdedRecipe {
        RdedRecipe { images: 300, crops: 5, least_area: 0.08 }
    }

    /// Small pictures that their object fills are taken whole. The surest ones are alike: where one is taken it may be the
    /// surest of many, where ten are, the surer half. On a split of the sample's training images (two networks each), this
    /// and random images with the same labels: one a class .682 and .501, ten .752 and .737 (seeds 1 and 2); the surest ten
    /// of 40 give .728, of 100 .700 (seed 1).
    pub fn quick(images_per_class: usize) -> RdedRecipe {
        let images = (300 / images_per_class.max(1).pow(2)).max(2 * images_per_class);
        RdedRecipe { images, crops: 1, least_area: 1.0 }
    }

    /// Refuses numbers that no run can work with.
    pub(super) fn checked(self) -> Result<RdedRecipe> {
        for (key, value) in [("images", self.images), ("crops", self.crops)] {
            if value == 0 {
                return Err(Error::Recipe(format!("method.{key} is 0: give it at least 1")));
            }
        }
        let area = self.least_area;
        if !(area > 0.0 && area <= 1.0) {
            return Err(Error::Recipe(format!("method.least_area is {area}: give it a share above 0 and up to 1")));
        }
        Ok(self)
    }
}

impl Default for RdedRecipe {
    /// Those of the quick preset.
    fn default() -> RdedRecipe {
        RdedRecipe::quick(Recipe::IMAGES_PER_CLASS)
    }
}

/// Four small pictures share a canvas only where there are few canvases.
fn quick(images_per_class: usize) -> Recipe {
    let base = selection::quick(images_per_class, named(&RdedRecipe::quick(images_per_class)));
    let factor = if images_per_class < 10 { Factor::Automatic } else { Factor::Of(1) };
    Recipe { labels: Labels::Soft, canvas: CanvasRecipe { factor, ..base.canvas }, ..base }
}

/// The authors' factor for small images is 1.
fn published(images_per_class: usize) -> Recipe {
    let base = selection::published(images_per_class, named(&RdedRecipe::published()));
    Recipe { labels: Labels::Soft, ..base }
}

fn named(own: &RdedRecipe) -> MethodRecipe {
    MethodRecipe::new("rded", own).unwrap_or_else(|_| unreachable!("numbers are settings"))
}
