//! Gradient matching: the canvases of a class move so that they pull a network's parameters the way that real images do.
//! One loop serves three methods, which differ in settings alone:
//!
//! - `dc`: dataset condensation (Zhao, Mopuri and Bilen, "Dataset condensation with gradient matching", ICLR 2021). The
//!   network learns from the canvases between the updates, so that it is looked through at all ages.
//! - `dsa`: with differentiable siamese augmentation (Zhao and Bilen, "Dataset condensation with differentiable siamese
//!   augmentation", ICML 2021): one operation, the same for real and synthetic images; canvases begin as real images.
//! - `idc` (Kim et al., "Dataset condensation via efficient synthetic-data parameterization", ICML 2022): several small
//!   pictures to a canvas, gradients of convolutions compared value by value, and a network that learns from real images.
//!
//! ```text
//! real_c = grad_theta mean CE(real batch of c);  synthetic_c = grad_theta mean CE(canvases of c)
//! canvases of c  <-  optimiser step down  grad_canvases distance(real_c, synthetic_c)
//! theta          <-  some batches of training;  a new network after `sight.inner.restart` windows
//! ```
//!
//! Where this departs from the published code:
//!
//! - Any number of images per class: the published code has pairs of loops for six numbers and exits for others. Between
//!   these the presets interpolate.
//! - Canvases live in [0, 1] and are clamped there. DC's and DSA's live in normalised space without bounds, so their
//!   rate counts in the spread of the real images.
//! - Noise to begin with is that of the range of pixels, for the same reason.
//! - IDC compares at most 128 synthetic pictures in an update; here it is all of them.
//! - The random numbers of siamese augmentation come from a stream of the run, not from the clock.
//! - Network norms that keep running statistics see those of their batch.

mod distance;
mod programs;
mod recipe;
#[cfg(test)]
mod tests;

pub use distance::{Distance, Layers};
pub use recipe::GradientRecipe;

use super::{
    Card, Kind, Method, Setting, Stage, completed,
    rounds::{Objective, Rounds, Turn},
    stage::{Canvases, sight::Window},
};
use crate::{error::Result, graph, program::Program, settings::Settings};

/// A method that matches gradients, in the registry.
pub struct GradientKind {
    card: Card,
    /// What is meant where a recipe says nothing.
    own: GradientRecipe,
}

/// Dataset condensation.
pub static DC: GradientKind = GradientKind {
    card: Card {
        name: "dc",
        about: "Dataset condensation: gradients of real and synthetic images agree as a network learns (Zhao et al., ICLR 2021)",
        presets: recipe::DC,
        losses: LOSSES,
    },
    own: GradientRecipe::DC,
};

/// Dataset condensation with siamese augmentation.
pub static DSA: GradientKind = GradientKind {
    card: Card {
        name: "dsa",
        about: "Differentiable siamese augmentation: DC with the same change to real and synthetic images (Zhao and Bilen, ICML 2021)",
        presets: recipe::DSA,
        losses: LOSSES,
    },
    own: GradientRecipe::DC,
};

/// IDC.
pub static IDC: GradientKind = GradientKind {
    card: Card {
        name: "idc",
        about: "Efficient condensation: DC with several pictures a canvas and networks that learn from real images (Kim et al., ICML 2022)",
        presets: recipe::IDC,
        losses: LOSSES,
    },
    own: GradientRecipe::IDC,
};

/// The loss.
const LOSSES: &[&str] = &["matching"];

/// The program of the real side, and the slot of a class's sum of gradients.
const REAL: &str = "gradient.real";

/// The program of an update, and what the names of its augmentation begin with.
const MATCH: &str = "gradient.match";

impl Kind for GradientKind {
    fn card(&self) -> &Card {
        &self.card
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        completed::<GradientRecipe>(&Settings::of(&self.own)?.merged(own), Ok)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        programs::all(setting.recipe.method.read()?, setting)
    }

    fn build(&self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        for program in self.programs(&stage.setting)? {
            stage.exec.load(program)?;
        }
        for class in 0..stage.setting.classes() {
            stage.exec.ensure(&sum(class), graph::Kind::F32, [stage.setting.network.table().len()])?;
        }
        Ok(Box::new(Rounds::new(stage, Box::new(Gradient), canvases)?))
    }
}

/// What gradient matching adds to the common loop.
struct Gradient;

impl Objective for Gradient {
    fn losses(&self) -> &'static [&'static str] {
        LOSSES
    }

    fn real(&self, stage: &Stage, class: usize, window: Window) -> Result<()> {
        let sum = sum(class);
        stage.exec.set_f32(&sum, &vec![0.0; stage.setting.network.table().len()])?;
        stage.setting.add_real(&stage.exec, REAL, (class, window.number), &[(REAL, &sum)])
    }

    fn update(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()> {
        let (setting, class) = (&stage.setting, turn.class);
        setting.augment_pictures(&stage.exec, MATCH, (class, turn.window.number))?;
        let scalars = [("class", class as f32), ("real_scale", 1.0 / setting.real_count(class) as f32)];
        canvases.update(&stage.exec, setting, (MATCH, class), &[(REAL, &sum(class))], &scalars)
    }

    fn buffers(&self, stage: &Stage) -> Vec<String> {
        (0..stage.setting.classes()).map(sum).collect()
    }
}

/// Name of the buffer of the sum of the gradients of a class's real images.
fn sum(class: usize) -> String {
    format!("{REAL}.{class}")
}
