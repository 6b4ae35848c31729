//! Recipes by the names of methods and presets, and the checks that need to know the method.

use super::{KINDS, Kind, Preset, kind};
use crate::{
    error::{Error, Result},
    nn::NetworkChoice,
    recipe::{InnerTraining, MethodRecipe, Parameters, Recipe},
    settings::Settings,
};

/// Keys that recipes had before methods shared tables, and what they are called now.
const RENAMED: [(&str, &str); 9] = [
    ("method.augment", "real.augment"),
    ("method.averaging", "canvas.averaging"),
    ("method.factor", "canvas.factor"),
    ("method.init", "canvas.init"),
    ("method.lr", "canvas.lr"),
    ("method.optimiser", "canvas.optimiser"),
    ("method.plateau_patience", "canvas.plateau_patience"),
    ("method.real_batch", "real.batch"),
    ("method.real_refresh", "real.refresh"),
];

impl Default for Recipe {
    /// The default method, for a few minutes on a laptop, ten images per class.
    fn default() -> Recipe {
        (KINDS[0].presets()[0].recipe)(Recipe::IMAGES_PER_CLASS)
    }
}

impl Recipe {
    /// Images per class unless somebody asks for another number.
    pub const IMAGES_PER_CLASS: usize = 10;

    /// The default preset of a method.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no method of this name.
    pub fn named(method: &str) -> Result<Recipe> {
        Ok((kind(method)?.presets()[0].recipe)(Recipe::IMAGES_PER_CLASS))
    }

    /// A preset of a method, for this many images per class.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no such method, or no such preset of it.
    pub fn preset(method: &str, preset: &str, images_per_class: usize) -> Result<Recipe> {
        let presets: &[Preset] = kind(method)?.presets();
        let found = presets.iter().find(|found| found.name == preset).ok_or_else(|| {
            let names: Vec<&str> = presets.iter().map(|preset| preset.name).collect();
            Error::Recipe(format!("{method} has no preset `{preset}`: choose one of {}", names.join(", ")))
        })?;
        Ok((found.recipe)(images_per_class))
    }

    /// The recipe that consists of these settings. What is missing of the method's own is filled in.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key that is unknown or missing, or whose value does not fit.
    pub fn of(settings: &Settings) -> Result<Recipe> {
        settings.read::<Recipe>().and_then(Recipe::checked).map_err(|error| renamed(settings).unwrap_or(error))
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

    /// Fills in what is missing of the method's own settings, and refuses numbers that no run can work with.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key.
    pub fn checked(self) -> Result<Recipe> {
        let kind = kind(self.method.name())?;
        self.checked_by(kind)
    }

    /// As [`Recipe::checked`], of a recipe for this method, which need not be in the list.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key.
    pub fn checked_by(mut self, kind: &dyn Kind) -> Result<Recipe> {
        let own = kind.complete(&self.method.own())?;
        self.network.check()?;
        if let Some(network) = &self.evaluation.network {
            network.parse::<NetworkChoice>()?;
        }
        self.method = MethodRecipe::with_settings(kind.name(), &own);
        self.common_fault().map_or(Ok(self), |fault| Err(Error::Recipe(fault)))
    }

    /// What is wrong with the tables that all methods share.
    fn common_fault(&self) -> Option<String> {
        let count = |key, value: usize| (key, value as f64, value > 0, "at least 1");
        let measure = |key, value: f64| (key, value, value.is_finite() && value > 0.0, "a positive number");
        let share = |key, value: f64| (key, value, (0.0..=1.0).contains(&value), "a share, 0 to 1");
        let held_out = self.choice.held_out;
        let mut numbers = vec![
            count("images_per_class", self.images_per_class),
            count("pool.networks", self.pool.networks),
            count("pool.training.batch", self.pool.training.batch),
            count("real.batch", self.real.batch),
            count("real.refresh", self.real.refresh),
            count("evaluation.repeats", self.evaluation.repeats),
            measure("pool.training.lr", self.pool.training.lr),
            measure("canvas.lr", self.canvas.lr),
            share("canvas.averaging", self.canvas.averaging),
            share("sight.perturb", self.sight.perturb),
            ("choice.held_out", held_out, (0.0..=0.5).contains(&held_out), "a share, 0 to 0.5"),
            count("choice.networks", self.choice.networks),
        ];
        if let Some((restart, training)) = self.sight.inner.training() {
            numbers.extend([
                count("sight.inner.restart", restart),
                count("sight.inner.training.batch", training.batch),
                measure("sight.inner.training.lr", training.lr),
            ]);
        }
        if let Parameters::Queue(queue) = self.sight.kind {
            if self.sight.inner != InnerTraining::None {
                return Some(
                    "the networks of a queue learn already: set sight.inner to none, or sight.kind to another".into(),
                );
            }
            numbers.extend([
                count("sight.kind.first", queue.first),
                count("sight.kind.most", queue.most),
                count("sight.kind.every", queue.every),
            ]);
        }
        if let Some((key, value, _, wanted)) = numbers.iter().find(|(_, _, fits, _)| !fits) {
            return Some(format!("{key} is {value}: give it {wanted}"));
        }
        let too_large = i64::try_from(self.seed).is_err();
        too_large.then(|| format!("seed {} is too large: use one below 2^63", self.seed))
    }
}

/// That a key was renamed, if one of these settings was.
fn renamed(settings: &Settings) -> Option<Error> {
    let has = |key: &str| {
        let table = format!("{key}.");
        settings.entries().iter().any(|(found, _)| found == key || found.starts_with(&table))
    };
    let (old, new) = RENAMED.iter().find(|(old, _)| has(old))?;
    Some(Error::Recipe(format!("`{old}` is now `{new}`: write that")))
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;
    use crate::{
        method::ncfm::{NcfmRecipe, Sampling},
        nn::optim::Optimiser,
        recipe::{ChoiceRecipe, MicroBatch},
    };

    #[test]
    fn presets_survive_toml() {
        for kind in KINDS {
            for preset in kind.presets() {
                let recipe = (preset.recipe)(7);
                let text = recipe.settings().unwrap().to_toml();
                assert_eq!(Recipe::of(&Settings::from_toml(&text).unwrap()).unwrap(), recipe, "{text}");
            }
        }
    }

    #[test]
    fn laptops_choose_and_published_runs_do_not() {
        for kind in KINDS {
            for preset in kind.presets() {
                let chooses = preset.name == "quick" && !kind.selects();
                assert_eq!((preset.recipe)(7).choice.held_out > 0.0, chooses, "{} {}", kind.name(), preset.name);
            }
        }
    }

    #[test]
    fn a_recipe_of_before_there_was_a_choice_chooses_nothing() {
        let settings = Recipe::default().settings().unwrap();
        let before = settings.entries().iter().filter(|(key, _)| !key.starts_with("choice.")).cloned().collect();
        assert_eq!(Recipe::of(&Settings::from_entries(before)).unwrap().choice, ChoiceRecipe::default());
    }

    #[test]
    fn assignments_reach_nested_keys() {
        let recipe = Recipe::default().with("real.refresh=9").unwrap().with("evaluation.protocol=vico").unwrap();
        assert_eq!((recipe.real.refresh, recipe.evaluation.protocol.as_str()), (9, "vico"));
        let sampled = recipe.with("method.sampling={name=\"network\", lr=1e-3, momentum=0.5}").unwrap();
        assert!(matches!(sampled.method.read::<NcfmRecipe>().unwrap().sampling, Sampling::Network { .. }));
        let changes = Settings::from_toml("[canvas.optimiser]\nname = \"sgd\"\nmomentum = 0.5\nweight_decay = 0.0");
        let descended = recipe.merged(&changes.unwrap()).unwrap();
        assert_eq!(descended.canvas.optimiser, Optimiser::Sgd { momentum: 0.5, weight_decay: 0.0 });
        assert_eq!(recipe.with("micro_batch=32").unwrap().micro_batch, MicroBatch::Images(32));
        assert_eq!(recipe.with("micro_batch=auto").unwrap().micro_batch, MicroBatch::Automatic);
    }

    #[test]
    fn another_method_begins_with_its_own_settings() {
        let bare = Recipe::default().with("method=mmd").unwrap();
        assert_eq!(bare.method, Recipe::named("mmd").unwrap().method);
        let tabled = Recipe::default().with("method={name=\"idm\", classification=3.0}").unwrap();
        assert_eq!(tabled.method.own().entries().len(), 1);
    }

    #[test]
    fn mistakes_are_named() {
        let message = |assignment: &str| Recipe::default().with(assignment).unwrap_err().to_string();
        assert!(message("network.widht=3").contains("widht"));
        assert!(message("network").contains("key=value"));
        assert!(message("real.batch=0").contains("at least 1"));
        assert!(message("canvas.lr=-1.0").contains("positive"));
        assert!(message("canvas.averaging=1.5").contains("a share, 0 to 1"));
        assert!(message("choice.held_out=0.6").contains("a share, 0 to 0.5"));
        assert!(message("choice.networks=0").contains("at least 1"));
        assert!(message("canvas.factor=0").contains("at least 1"));
        assert!(message("canvas.factor=some").contains("\"auto\""));
        assert!(message("method.frequency_scale=0.0").contains("positive"));
        assert!(message("method.no=1").contains("method."));
        assert!(message("micro_batch=0").contains("at least 1"));
        assert!(message("micro_batch=1.5").contains("\"auto\""));
        assert!(message("images_per_class=many").contains("images_per_class"));
        assert!(message("seed=-1").contains("seed"));
    }
}
