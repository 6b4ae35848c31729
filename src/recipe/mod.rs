//! The recipe: everything a run depends on besides the data and the engine. Serde only; TOML files, command-line flags
//! and `key=value` pairs merge into the same [`Settings`], and a distilled set carries them.
//!
//! Here are the tables that all methods share. What only one method knows stands in its own folder, behind
//! [`MethodRecipe`]; reading and checking a recipe needs the registry of methods and is done there
//! ([`crate::method`]).

mod factor;
mod invariance;
mod method;
mod network;
mod sight;
mod training;

use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    nn::{
        augment::{Flavour, Strategy},
        optim::Optimiser,
    },
    settings::Settings,
};

pub use crate::micro_batch::MicroBatch;
pub use factor::Factor;
pub use invariance::{InvarianceRecipe, Keeps};
pub use method::MethodRecipe;
pub use network::NetworkRecipe;
pub use sight::{InnerTraining, Parameters, QueueRecipe, SightRecipe};
pub use training::TrainingRecipe;

/// What to distil, and how. Start from a preset, change what matters.
///
/// ```
/// use attar::Recipe;
/// let recipe = Recipe::named("ncfm")?.images_per_class(5).iterations(50).seed(7);
/// assert_eq!(Recipe::of(&recipe.settings()?)?, recipe);
/// let wider = recipe.with("network.width=64")?;
/// assert_eq!(wider.network.width, 64);
/// # Ok::<(), attar::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// Stored canvases per class (IPC).
    pub images_per_class: usize,
    /// Passes over all classes; [`Recipe::UNTIL_STOPPED`] to go on until the caller has no more time. Methods that select
    /// end by themselves.
    pub iterations: usize,
    /// Key of every random draw.
    pub seed: u64,
    pub labels: Labels,
    /// Images that pass through a network at once: in the pool, in the method and in evaluation.
    #[cfg_attr(feature = "typescript", tsify(type = "\"auto\" | number"))]
    pub micro_batch: MicroBatch,
    #[serde(default)]
    pub invariance: InvarianceRecipe,
    pub network: NetworkRecipe,
    pub pool: PoolRecipe,
    pub canvas: CanvasRecipe,
    pub real: RealRecipe,
    pub sight: SightRecipe,
    #[cfg_attr(feature = "typescript", tsify(type = "MethodRecipe"))]
    pub method: MethodRecipe,
    /// A recipe that does not say chooses nothing, as it did before there was a choice.
    #[serde(default)]
    pub choice: ChoiceRecipe,
    pub evaluation: EvaluationRecipe,
}

/// What stands beside the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Labels {
    /// The class.
    Hard,
    /// Class probabilities of each decoded picture, mean over the trained networks of the pool.
    Soft,
}

/// The pool of networks, trained on the real set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct PoolRecipe {
    /// How many networks.
    pub networks: usize,
    /// Epochs each is trained for.
    pub epochs: usize,
    pub timing: PoolTiming,
    pub training: TrainingRecipe,
}

/// When the pool is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum PoolTiming {
    /// Before the first iteration.
    Before,
    /// A batch with each unit of the method after its first iteration, which begins with initial networks and looks through
    /// trained ones as they are finished: the first canvases can be seen at once. What is not trained when the iterations
    /// end stays so, unless the labels are to be soft.
    Alongside,
}

/// What is stored, and how it moves.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct CanvasRecipe {
    /// factor^2 small images share one canvas.
    #[cfg_attr(feature = "typescript", tsify(type = "\"auto\" | number"))]
    pub factor: Factor,
    pub init: Initialisation,
    /// What the rate counts in.
    pub units: Units,
    pub lr: f64,
    #[cfg_attr(feature = "typescript", tsify(type = "Optimiser"))]
    pub optimiser: Optimiser,
    /// The rate halves when the sum of the losses has not improved for more than this many iterations.
    pub plateau_patience: u32,
    /// Share of the run, counted from its end, over which the canvases that are kept are averaged, 0 to 1: the weight of
    /// iteration t grows like t^(1 / averaging - 1). 0 keeps the last ones.
    pub averaging: f64,
}

impl CanvasRecipe {
    /// A patience that no run exhausts: the rate stays.
    pub const PATIENT: u32 = u32::MAX;
}

/// What a canvas's values are to the optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Units {
    /// Pixels from 0 to 1.
    Pixels,
    /// Standard deviations of the real images, channel by channel: as if the optimiser saw normalised images. A dim set is
    /// not painted over, and a channel that never changes stays.
    Spread,
}

/// The real images that canvases are compared with.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct RealRecipe {
    /// Real images of a class that one update is matched to, drawn without replacement.
    pub batch: usize,
    /// Updates for which one network and the real side's sums are kept; the real side costs most of a step.
    pub refresh: usize,
    /// Operations of the augmentation, common to the real and the synthetic images of an update.
    #[cfg_attr(feature = "typescript", tsify(type = "string"))]
    pub augment: Strategy,
    pub flavour: Flavour,
}

/// What canvases start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Initialisation {
    /// `factor^2` real images share a canvas, shrunk.
    Mix,
    /// One real image a canvas.
    Random,
    /// `clamp(N(0, 1) / 4 + 1/2, 0, 1)`.
    Noise,
}

/// What a run keeps at its end: of what it starts from and what it came to, that which is best on training images that are
/// held out. Methods that select choose nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct ChoiceRecipe {
    /// Share of each class's training images that the canvases never see and that judge them, 0 to 0.5. 0 holds nothing
    /// out and keeps what the run came to.
    pub held_out: f64,
    /// Networks trained on each candidate.
    pub networks: usize,
}

impl ChoiceRecipe {
    /// One network each, on a tenth of the images.
    pub fn quick() -> ChoiceRecipe {
        ChoiceRecipe { held_out: 0.1, ..ChoiceRecipe::default() }
    }
}

impl Default for ChoiceRecipe {
    /// Nothing is held out, and nothing chosen.
    fn default() -> ChoiceRecipe {
        ChoiceRecipe { held_out: 0.0, networks: 1 }
    }
}

/// How a distilled set is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct EvaluationRecipe {
    /// The named protocol, see [`crate::evaluate::Protocol`].
    pub protocol: String,
    /// Networks trained on each set.
    pub repeats: usize,
    /// Another network than the protocol's, one of [`Architecture::NAMES`](crate::nn::Architecture::NAMES), with `-bn` for batch norm
    /// and `:16` for another width.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// Another width than the protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Other epochs than the protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<usize>,
    /// Another bound on the batches of one training than the protocol's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_steps: Option<usize>,
}

impl EvaluationRecipe {
    /// The protocol of this name as it stands.
    pub fn named(protocol: &str, repeats: usize) -> EvaluationRecipe {
        let protocol = protocol.into();
        EvaluationRecipe { protocol, repeats, network: None, width: None, epochs: None, most_steps: None }
    }
}

impl Recipe {
    /// More iterations than any run makes.
    pub const UNTIL_STOPPED: usize = u32::MAX as usize;

    /// With this many canvases per class.
    #[must_use]
    pub fn images_per_class(self, images_per_class: usize) -> Recipe {
        Recipe { images_per_class, ..self }
    }

    /// With this many passes over all classes.
    #[must_use]
    pub fn iterations(self, iterations: usize) -> Recipe {
        Recipe { iterations, ..self }
    }

    /// With this key of every random draw.
    #[must_use]
    pub fn seed(self, seed: u64) -> Recipe {
        Recipe { seed, ..self }
    }

    /// The settings that it consists of.
    ///
    /// # Errors
    /// [`Error::Recipe`](crate::Error::Recipe) if the seed is 2^63 or more.
    pub fn settings(&self) -> Result<Settings> {
        Settings::of(self)
    }
}
