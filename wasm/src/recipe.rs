//! The recipe that suits images in a browser, and what a caller changes in it.

use attar::{
    Recipe, Settings,
    method::{self, KINDS, Kind},
    recipe::PoolTiming,
    settings::Value,
};
use serde::Serialize;
use tsify::Tsify;
use wasm_bindgen::prelude::*;

use crate::{error::Result, js::object};

/// The recipe's enums as settings write them: a name, or a table with it. serde's own form, which tsify would declare, is
/// another.
#[wasm_bindgen(typescript_custom_section)]
const ENUMS: &str = r#"
/** The method with its settings. */
export type MethodRecipe =
  | ({ name: "ncfm" } & NcfmRecipe)
  | { name: "dm" }
  | ({ name: "mmd" } & MmdRecipe)
  | ({ name: "idm" } & IdmRecipe)
  | ({ name: "dc" | "dsa" | "idc" } & GradientRecipe)
  | { name: "random" | "herding" | "k-center" }
  | ({ name: "rded" } & RdedRecipe);
/** A kernel of features. */
export type Kernel =
  | "linear"
  | { name: "gaussian"; bandwidths: number[] }
  | { name: "polynomial"; degree: number };
/** Where frequencies come from: a normal law, or the sampling network, trained by gradient ascent. */
export type Sampling = "normal" | { name: "network"; lr: number; momentum: number };
/** Where the parameters that a step looks through come from. */
export type Parameters =
  | "fresh"
  | "trained"
  | "between"
  | { name: "early"; epochs: number }
  | { name: "queue"; first: number; most: number; every: number; trained: number; steps: number };
/** Whether the network that is looked through learns between windows, and on which images. */
export type InnerTraining =
  | "none"
  | { name: "real"; restart: number; batches: number; training: TrainingRecipe }
  | { name: "synthetic"; restart: number; epochs: number; training: TrainingRecipe };
/** An update rule with its constants. */
export type Optimiser =
  | { name: "sgd"; momentum: number; weight_decay: number }
  | { name: "adam"; weight_decay: number }
  | { name: "adam-w"; weight_decay: number };
/** A rate as a function of the epoch; milestones are fractions of the epochs. */
export type Schedule = "constant" | "cosine" | { name: "multi-step"; milestones: number[]; gamma: number };
"#;

/// What a recipe is chosen by.
struct Facts {
    images: usize,
    /// Images of the smallest class and of the largest.
    smallest: usize,
    largest: usize,
    /// Pixels of the shorter side.
    side: usize,
}

/// A batch of the pool for each so many images, and bounds on it.
const IMAGES_A_BATCH: usize = 16;
const SMALLEST_BATCH: usize = 16;
/// Batches that a network of the pool is trained for, where the set is small.
const BATCHES_A_NETWORK: usize = 150;
const MOST_EPOCHS: usize = 60;

impl Facts {
    fn of(classes: usize, labels: &[u32], height: usize, width: usize) -> Facts {
        let mut counts = vec![0; classes];
        for &label in labels {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        let (smallest, largest) = (counts.iter().min(), counts.iter().max());
        Facts {
            images: labels.len(),
            smallest: smallest.copied().unwrap_or(0),
            largest: largest.copied().unwrap_or(0),
            side: height.min(width),
        }
    }

    /// Images per class unless the caller says otherwise: a quarter of the smallest class, at most ten.
    fn images_per_class(&self) -> usize {
        (self.smallest / 4).clamp(1, 10)
    }

    /// Real images of one unit of work, so that it takes well under a second on a CPU: the cost of an image grows with
    /// its pixels.
    fn affordable(&self) -> usize {
        match self.side {
            0..48 => 256,
            48..80 => 128,
            80..112 => 64,
            _ => 32,
        }
    }

    /// The recipe: the method's default one, with the pool trained alongside, so that images move at once, and with
    /// batches that a browser's CPU affords.
    fn recipe(&self, method: &dyn Kind, images_per_class: Option<usize>) -> Recipe {
        let ipc = images_per_class.unwrap_or_else(|| self.images_per_class());
        let mut recipe = (method.presets()[0].recipe)(ipc);
        let most = self.affordable() / 2;
        let batch = (self.images / IMAGES_A_BATCH).clamp(SMALLEST_BATCH, most);
        recipe.pool.timing = PoolTiming::Alongside;
        recipe.pool.training.batch = batch;
        let epoch = self.images.div_ceil(batch).max(1);
        recipe.pool.epochs = BATCHES_A_NETWORK.div_ceil(epoch).clamp(recipe.pool.epochs, MOST_EPOCHS);
        recipe.real.batch = recipe.real.batch.min(self.largest).clamp(1, self.affordable());
        recipe
    }
}

/// The recipe for images with these labels, with the keys of `changes` (a part of a recipe) replaced. The method is the one
/// that `changes` names, or the first of [`methods`].
///
/// Of the method's recipe for laptops it changes: the pool is trained alongside; batches are as large as leaves a unit of work
/// well under a second on a CPU, and the pool is trained for longer on a small set; images per class are, unless given, a
/// quarter of the smallest class and at most 10; four images share a canvas only where every class has enough.
#[wasm_bindgen(js_name = suitedRecipe, unchecked_return_type = "Recipe")]
pub fn suited(
    classes: usize,
    labels: &[u32],
    height: usize,
    width: usize,
    images_per_class: Option<usize>,
    #[wasm_bindgen(unchecked_param_type = "unknown")] changes: JsValue,
) -> Result<JsValue> {
    let changes = serde_wasm_bindgen::from_value::<Option<Settings>>(changes)?.unwrap_or_default();
    let method = match changes.get("method").or_else(|| changes.get("method.name")) {
        Some(Value::Text(name)) => method::kind(name)?,
        _ => KINDS[0],
    };
    let recipe = Facts::of(classes, labels, height, width).recipe(method, images_per_class);
    object(&recipe.merged(&changes)?.settings()?)
}

/// What there is to choose from.
#[derive(Serialize, Tsify)]
pub struct MethodInfo {
    #[tsify(type = "MethodRecipe[\"name\"]")]
    name: &'static str,
    /// One sentence, with the paper.
    about: &'static str,
    /// Names of the losses that it tells; none of a method that selects images.
    losses: &'static [&'static str],
}

/// Every method, the default one first.
#[wasm_bindgen(unchecked_return_type = "MethodInfo[]")]
pub fn methods() -> Result<JsValue> {
    let info = |kind: &&'static dyn Kind| MethodInfo { name: kind.name(), about: kind.about(), losses: kind.losses() };
    object(&KINDS.iter().map(info).collect::<Vec<_>>())
}

/// A whole recipe from JavaScript.
pub fn read(recipe: JsValue) -> Result<Recipe> {
    Ok(Recipe::of(&serde_wasm_bindgen::from_value(recipe)?)?)
}
