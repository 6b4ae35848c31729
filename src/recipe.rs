//! The recipe: everything a run depends on besides the data and the engine. Serde only; TOML files, command-line flags
//! and `key=value` pairs merge into the same [`Settings`], and a distilled set carries them.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    nn::{
        Architecture, ImageSize, Norm, Pooling,
        augment::{Flavour, Sharing, Strategy},
        frequency::Weights,
        optim::Optimiser,
        schedule::Schedule,
    },
    settings::Settings,
};

pub use crate::micro_batch::MicroBatch;

/// What to distil, and how. Start from a preset, change what matters.
///
/// ```
/// use attar::Recipe;
/// let recipe = Recipe::ncfm().images_per_class(5).iterations(50).seed(7);
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
    /// Passes over all classes; [`Recipe::UNTIL_STOPPED`] to go on until the caller has no more time.
    pub iterations: usize,
    /// Key of every random draw.
    pub seed: u64,
    pub labels: Labels,
    /// Images that pass through a network at once: in the pool, in the method and in evaluation.
    #[cfg_attr(feature = "typescript", tsify(type = "\"auto\" | number"))]
    pub micro_batch: MicroBatch,
    pub network: NetworkRecipe,
    pub pool: PoolRecipe,
    #[cfg_attr(feature = "typescript", tsify(type = "MethodRecipe"))]
    pub method: MethodRecipe,
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

/// The network that distillation looks through.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct NetworkRecipe {
    /// Blocks of the ConvNet; 0 takes the field's usual depth for the image size.
    pub depth: usize,
    /// Channels of each block.
    pub width: usize,
    pub norm: Norm,
    pub pooling: Pooling,
}

impl NetworkRecipe {
    /// The architecture for images of this size.
    pub fn architecture(&self, image: ImageSize) -> Architecture {
        let depth = if self.depth == 0 { Architecture::usual_depth(image.height.min(image.width)) } else { self.depth };
        Architecture::ConvNet { depth, width: self.width, norm: self.norm, pooling: self.pooling }
    }
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

/// The method with its settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum MethodRecipe {
    /// Neural characteristic function matching (Wang et al., CVPR 2025).
    Ncfm(NcfmRecipe),
}

impl MethodRecipe {
    /// The name on the command line.
    pub fn name(&self) -> &'static str {
        match self {
            MethodRecipe::Ncfm(_) => "ncfm",
        }
    }
}

/// Settings of NCFM.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct NcfmRecipe {
    /// factor^2 small images share one canvas.
    pub factor: usize,
    pub init: Initialisation,
    /// Real images of a class that one update is matched to, drawn without replacement.
    pub real_batch: usize,
    /// Updates for which one network, one set of frequencies and the real side's sums are kept; the real side costs most
    /// of a step.
    pub real_refresh: usize,
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
    pub lr: f64,
    #[cfg_attr(feature = "typescript", tsify(type = "Optimiser"))]
    pub optimiser: Optimiser,
    /// The rate halves when the sum of the losses has not improved for more than this many iterations.
    pub plateau_patience: u32,
    /// Share of the run, counted from its end, over which the canvases that are kept are averaged, 0 to 1: the weight of
    /// iteration t grows like t^(1 / averaging - 1). 0 keeps the last ones.
    pub averaging: f64,
    /// Operations of the augmentation, common to the real and the synthetic images of an update.
    #[cfg_attr(feature = "typescript", tsify(type = "string"))]
    pub augment: Strategy,
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

/// How a distilled set is judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct EvaluationRecipe {
    /// The named protocol, see [`crate::evaluate::Protocol`].
    pub protocol: String,
    /// Networks trained on each set.
    pub repeats: usize,
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
        EvaluationRecipe { protocol: protocol.into(), repeats, width: None, epochs: None, most_steps: None }
    }
}

impl Recipe {
    /// More iterations than any run makes.
    pub const UNTIL_STOPPED: usize = u32::MAX as usize;

    /// NCFM with settings chosen for a few minutes on a laptop's CPU.
    pub fn ncfm() -> Recipe {
        Recipe {
            images_per_class: 10,
            iterations: 80,
            seed: 0,
            labels: Labels::Hard,
            micro_batch: MicroBatch::Automatic,
            network: NetworkRecipe { depth: 0, width: 32, norm: Norm::Instance, pooling: Pooling::Average },
            // Few epochs want a higher rate than the published sixty, and whole images. (How few: docs/defaults.md.)
            pool: PoolRecipe {
                networks: 2,
                epochs: 3,
                timing: PoolTiming::Before,
                training: TrainingRecipe { lr: 0.05, cutmix: 0.0, ..TrainingRecipe::pool() },
            },
            // Few iterations want larger steps and see further with larger frequencies; the rest is what costs time.
            // (docs/defaults.md)
            method: MethodRecipe::Ncfm(NcfmRecipe {
                real_batch: 256,
                real_refresh: 4,
                frequencies: 1024,
                frequency_scale: 2.0,
                lr: 1e-2,
                ..NcfmRecipe::published()
            }),
            evaluation: EvaluationRecipe::named("quick", 2),
        }
    }

    /// The defaults of NCFM's published code, as far as they are meant (methods and accidents are told apart in
    /// [`crate::method::ncfm`]): 20 networks of width 128 trained for 60 epochs, 20,000 iterations. For GPUs.
    pub fn ncfm_published() -> Recipe {
        Recipe {
            iterations: 20_000,
            network: NetworkRecipe { depth: 0, width: 128, norm: Norm::Instance, pooling: Pooling::Average },
            pool: PoolRecipe { networks: 20, epochs: 60, timing: PoolTiming::Before, training: TrainingRecipe::pool() },
            method: MethodRecipe::Ncfm(NcfmRecipe::published()),
            evaluation: EvaluationRecipe::named("ncfm", 10),
            ..Recipe::ncfm()
        }
    }

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
    /// [`Error::Recipe`] if the seed is 2^63 or more.
    pub fn settings(&self) -> Result<Settings> {
        Settings::of(self)
    }

    /// The recipe that consists of these settings.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key that is unknown or missing, or whose value does not fit.
    pub fn of(settings: &Settings) -> Result<Recipe> {
        settings.read::<Recipe>()?.checked()
    }

    /// This recipe with the settings that `changes` gives replaced.
    ///
    /// # Errors
    /// As [`Recipe::of`].
    pub fn merged(&self, changes: &Settings) -> Result<Recipe> {
        Recipe::of(&self.settings()?.merged(changes))
    }

    /// This recipe with one key replaced: `key=value`, dots between nested keys; a bare word is a string.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no `=`, the key is unknown or the value does not fit.
    #[cfg(feature = "toml")]
    pub fn with(&self, assignment: &str) -> Result<Recipe> {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| Error::Recipe(format!("`{assignment}` is no key=value, for instance network.width=64")))?;
        let changes = Settings::from_toml(&format!("{key} = {value}"))
            .or_else(|_| Settings::from_toml(&format!("{key} = {value:?}")));
        changes
            .and_then(|changes| self.merged(&changes))
            .map_err(|error| Error::Recipe(format!("`{assignment}`: {error}")))
    }

    /// Refuses numbers that no run can work with.
    pub(crate) fn checked(self) -> Result<Recipe> {
        let MethodRecipe::Ncfm(ncfm) = &self.method;
        let count = |key, value: usize| (key, value as f64, value > 0, "at least 1");
        let measure = |key, value: f64| (key, value, value.is_finite() && value > 0.0, "a positive number");
        let share = |key, value: f64| (key, value, (0.0..=1.0).contains(&value), "a share, 0 to 1");
        let numbers = [
            count("images_per_class", self.images_per_class),
            count("network.width", self.network.width),
            count("pool.networks", self.pool.networks),
            count("pool.training.batch", self.pool.training.batch),
            count("method.factor", ncfm.factor),
            count("method.real_batch", ncfm.real_batch),
            count("method.real_refresh", ncfm.real_refresh),
            count("method.frequencies", ncfm.frequencies),
            count("evaluation.repeats", self.evaluation.repeats),
            measure("pool.training.lr", self.pool.training.lr),
            measure("method.lr", ncfm.lr),
            measure("method.frequency_scale", ncfm.frequency_scale),
            share("method.averaging", ncfm.averaging),
        ];
        if let Some((key, value, _, wanted)) = numbers.iter().find(|(_, _, fits, _)| !fits) {
            return Err(Error::Recipe(format!("{key} is {value}: give it {wanted}")));
        }
        if i64::try_from(self.seed).is_err() {
            return Err(Error::Recipe(format!("seed {} is too large: use one below 2^63", self.seed)));
        }
        Ok(self)
    }
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

impl NcfmRecipe {
    /// The published defaults.
    pub fn published() -> NcfmRecipe {
        NcfmRecipe {
            factor: 2,
            init: Initialisation::Mix,
            real_batch: 1024,
            real_refresh: 1,
            frequencies: 4096,
            frequency_scale: 1.0,
            sampling: Sampling::Normal,
            weights: Weights { alpha: 0.5, beta: 0.5 },
            loss_scale: 300.0,
            calibrations: 1,
            lr: 1e-3,
            optimiser: Optimiser::AdamW { weight_decay: 5e-4 },
            plateau_patience: 500,
            averaging: 0.0,
            augment: "color_crop_cutout".parse().unwrap_or_else(|_| unreachable!("a known strategy")),
        }
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;

    #[test]
    fn presets_survive_toml() {
        for recipe in [Recipe::ncfm(), Recipe::ncfm_published()] {
            let text = recipe.settings().unwrap().to_toml();
            assert_eq!(Recipe::of(&Settings::from_toml(&text).unwrap()).unwrap(), recipe, "{text}");
        }
    }

    #[test]
    fn assignments_reach_nested_keys() {
        let recipe = Recipe::ncfm().with("method.real_refresh=9").unwrap().with("evaluation.protocol=vico").unwrap();
        let MethodRecipe::Ncfm(ncfm) = &recipe.method;
        assert_eq!((ncfm.real_refresh, recipe.evaluation.protocol.as_str()), (9, "vico"));
        let sampled = recipe.with("method.sampling={name=\"network\", lr=1e-3, momentum=0.5}").unwrap();
        let MethodRecipe::Ncfm(ncfm) = &sampled.method;
        assert!(matches!(ncfm.sampling, Sampling::Network { .. }));
        let changes = Settings::from_toml("[method.optimiser]\nname = \"sgd\"\nmomentum = 0.5\nweight_decay = 0.0");
        let descended = recipe.merged(&changes.unwrap()).unwrap();
        let MethodRecipe::Ncfm(ncfm) = &descended.method;
        assert_eq!((ncfm.real_refresh, ncfm.optimiser), (9, Optimiser::Sgd { momentum: 0.5, weight_decay: 0.0 }));
        assert_eq!(recipe.with("micro_batch=32").unwrap().micro_batch, MicroBatch::Images(32));
        assert_eq!(recipe.with("micro_batch=auto").unwrap().micro_batch, MicroBatch::Automatic);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |assignment: &str| Recipe::ncfm().with(assignment).unwrap_err().to_string();
        assert!(message("network.widht=3").contains("widht"));
        assert!(message("network").contains("key=value"));
        assert!(message("network.width=0").contains("at least 1"));
        assert!(message("method.lr=-1.0").contains("positive"));
        assert!(message("method.frequency_scale=0.0").contains("positive"));
        assert!(message("method.averaging=1.5").contains("a share, 0 to 1"));
        assert!(message("micro_batch=0").contains("at least 1"));
        assert!(message("micro_batch=all").contains("\"auto\""));
        assert!(message("micro_batch=1.5").contains("\"auto\""));
        assert!(message("images_per_class=many").contains("images_per_class"));
    }
}
