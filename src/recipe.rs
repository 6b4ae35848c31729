//! The recipe: everything a run depends on besides the data and the engine. Serde only; TOML files, command-line flags
//! and `key=value` pairs merge into the same value, and a distilled set carries it.

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
};

pub use crate::micro_batch::MicroBatch;

/// What to distil, and how. Start from a preset, change what matters.
///
/// ```
/// use attar::Recipe;
/// let recipe = Recipe::ncfm().images_per_class(5).iterations(50).seed(7);
/// let text = recipe.to_toml();
/// assert_eq!(Recipe::from_toml(&text)?, recipe);
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
    /// A batch with each unit of the method, which begins with initial networks and looks through trained ones as they
    /// are finished: the first canvases can be seen at once. What is not trained when the iterations end stays so, unless
    /// the labels are to be soft.
    Alongside,
}

/// How a network is trained on images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct TrainingRecipe {
    pub batch: usize,
    pub lr: f64,
    pub optimiser: Optimiser,
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
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(tag = "name", rename_all = "kebab-case", deny_unknown_fields)]
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
    pub sampling: Sampling,
    /// Weights of amplitude and phase.
    pub weights: Weights,
    /// Factor on the matching loss; Adam is blind to it, other optimisers and the plateau schedule are not.
    pub loss_scale: f64,
    /// Calibration updates after each matching update; 0 for none.
    pub calibrations: usize,
    pub lr: f64,
    pub optimiser: Optimiser,
    /// The rate halves when the sum of the losses has not improved for more than this many iterations.
    pub plateau_patience: u32,
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
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(tag = "law", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Sampling {
    /// Standard normal.
    Normal,
    /// The sampling network psi, trained by gradient ascent on the loss that the images descend: the min-max of the
    /// paper. `scale` stretches its output, which lies in (-1, 1)^d.
    Network { lr: f64, momentum: f64, scale: f64 },
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
            // Few epochs want a higher rate than the published sixty, and whole images.
            pool: PoolRecipe {
                networks: 3,
                epochs: 4,
                timing: PoolTiming::Before,
                training: TrainingRecipe { lr: 0.05, cutmix: 0.0, ..TrainingRecipe::pool() },
            },
            // Few iterations want larger steps; the rest is what costs time.
            method: MethodRecipe::Ncfm(NcfmRecipe {
                real_batch: 256,
                real_refresh: 4,
                frequencies: 1024,
                lr: 5e-3,
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

    /// The recipe as TOML.
    pub fn to_toml(&self) -> String {
        toml::to_string(self).expect("a recipe holds only what TOML can")
    }

    /// Reads a whole recipe.
    ///
    /// # Errors
    /// [`Error::Recipe`], with the line if it is no TOML, with the key if that is unknown or missing, or its value does
    /// not fit.
    pub fn from_toml(text: &str) -> Result<Recipe> {
        Recipe::from_table(text.parse().map_err(|error| unreadable(&error, text))?)
    }

    /// The one way from TOML to a recipe: code that reads all its types is large, and would be there again for text.
    fn from_table(table: toml::Table) -> Result<Recipe> {
        Recipe::checked(table.try_into().map_err(|error| unreadable(&error, ""))?)
    }

    /// This recipe with the keys that `text` gives replaced.
    ///
    /// # Errors
    /// [`Error::Recipe`] if it is no TOML, a key is unknown, or a value does not fit.
    pub fn merged(&self, text: &str) -> Result<Recipe> {
        let mut table = toml::Table::try_from(self).map_err(|error| Error::Recipe(error.to_string()))?;
        merge(&mut table, text.parse().map_err(|error| unreadable(&error, text))?);
        Recipe::from_table(table)
    }

    /// This recipe with one key replaced: `key=value`, dots between nested keys; a bare word is a string.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no `=`, the key is unknown or the value does not fit.
    pub fn with(&self, assignment: &str) -> Result<Recipe> {
        let (key, value) = assignment
            .split_once('=')
            .ok_or_else(|| Error::Recipe(format!("`{assignment}` is no key=value, for instance network.width=64")))?;
        let quoted = format!("{key} = {value:?}");
        let literal = format!("{key} = {value}");
        let text = if literal.parse::<toml::Table>().is_ok() { literal } else { quoted };
        self.merged(&text).map_err(|error| Error::Recipe(format!("`{assignment}`: {error}")))
    }

    /// Refuses numbers that no run can work with.
    fn checked(self) -> Result<Recipe> {
        let MethodRecipe::Ncfm(ncfm) = &self.method;
        let positive = [
            ("images_per_class", self.images_per_class),
            ("network.width", self.network.width),
            ("pool.networks", self.pool.networks),
            ("pool.training.batch", self.pool.training.batch),
            ("method.factor", ncfm.factor),
            ("method.real_batch", ncfm.real_batch),
            ("method.real_refresh", ncfm.real_refresh),
            ("method.frequencies", ncfm.frequencies),
            ("evaluation.repeats", self.evaluation.repeats),
        ];
        if let Some((key, _)) = positive.iter().find(|(_, value)| *value == 0) {
            return Err(Error::Recipe(format!("{key} is 0: give it at least 1")));
        }
        let rates = [("pool.training.lr", self.pool.training.lr), ("method.lr", ncfm.lr)];
        if let Some((key, value)) = rates.iter().find(|(_, value)| !value.is_finite() || *value <= 0.0) {
            return Err(Error::Recipe(format!("{key} is {value}: give it a positive number")));
        }
        if i64::try_from(self.seed).is_err() {
            return Err(Error::Recipe(format!("seed {} does not fit TOML: use one below 2^63", self.seed)));
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
            sampling: Sampling::Normal,
            weights: Weights { alpha: 0.5, beta: 0.5 },
            loss_scale: 300.0,
            calibrations: 1,
            lr: 1e-3,
            optimiser: Optimiser::AdamW { weight_decay: 5e-4 },
            plateau_patience: 500,
            augment: "color_crop_cutout".parse().unwrap_or_else(|_| unreachable!("a known strategy")),
        }
    }
}

/// One sentence, with the line of `text` where the error knows it and the key where not.
fn unreadable(error: &toml::de::Error, text: &str) -> Error {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return Error::Recipe(error.to_string().trim_end().replace('\n', " "));
    };
    Error::Recipe(format!("line {}: {}", before.matches('\n').count() + 1, error.message()))
}

/// Replaces values of `table` by those of `other`, key by key. A table whose tag changes is replaced whole.
fn merge(table: &mut toml::Table, other: toml::Table) {
    for (key, value) in other {
        match (table.get_mut(&key), value) {
            (Some(toml::Value::Table(old)), toml::Value::Table(new)) if !retagged(old, &new) => merge(old, new),
            (_, value) => {
                table.insert(key, value);
            }
        }
    }
}

/// Whether the tag of an enum changes. A key of that name whose value is a table belongs to the level below.
fn retagged(old: &toml::Table, new: &toml::Table) -> bool {
    ["name", "law", "optimiser", "schedule"]
        .iter()
        .any(|tag| new.get(*tag).is_some_and(|value| value.is_str() && old.get(*tag) != Some(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_survive_toml() {
        for recipe in [Recipe::ncfm(), Recipe::ncfm_published()] {
            assert_eq!(Recipe::from_toml(&recipe.to_toml()).unwrap(), recipe);
        }
    }

    #[test]
    fn assignments_reach_nested_keys() {
        let recipe = Recipe::ncfm().with("method.real_refresh=9").unwrap().with("evaluation.protocol=vico").unwrap();
        let MethodRecipe::Ncfm(ncfm) = &recipe.method;
        assert_eq!((ncfm.real_refresh, recipe.evaluation.protocol.as_str()), (9, "vico"));
        let sampled = recipe.with("method.sampling={law=\"network\", lr=1e-3, momentum=0.5, scale=1.0}").unwrap();
        let MethodRecipe::Ncfm(ncfm) = &sampled.method;
        assert!(matches!(ncfm.sampling, Sampling::Network { .. }));
        let descended =
            recipe.merged("[method.optimiser]\noptimiser = \"sgd\"\nmomentum = 0.5\nweight_decay = 0.0").unwrap();
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
        assert!(message("micro_batch=0").contains("at least 1"));
        assert!(message("micro_batch=all").contains("\"auto\""));
        assert!(message("micro_batch=1.5").contains("\"auto\""));
        assert!(message("images_per_class=many").contains("images_per_class"));
        let broken = Recipe::ncfm().merged("[network]\nwidth = \n").unwrap_err().to_string();
        assert!(broken.starts_with("line 2: ") && !broken.contains('\n'), "{broken}");
    }
}
