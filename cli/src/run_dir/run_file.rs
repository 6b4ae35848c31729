//! What a run needs besides its checkpoint to be gone on with.

use std::{path::PathBuf, time::Duration};

use attar::{Error, Phase, Recipe, Result, Settings, Source};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::source::{ReadAs, SourceName};

/// The file of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFile {
    pub source: SourceName,
    pub test: Option<SourceName>,
    pub reading: ReadAs,
    /// The file that the pool was read from.
    pub pool: Option<PathBuf>,
    /// What was read from source and test; `None` until it is.
    pub images: Option<Fingerprints>,
    pub engine: String,
    pub evaluate: bool,
    pub time_budget: Option<Duration>,
    pub stage: Stage,
    pub spent: Spent,
    /// As settings, spelt as everywhere.
    #[serde(serialize_with = "write_recipe", deserialize_with = "read_recipe")]
    pub recipe: Recipe,
}

fn write_recipe<S: Serializer>(recipe: &Recipe, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    recipe.settings().map_err(serde::ser::Error::custom)?.serialize(serializer)
}

fn read_recipe<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Recipe, D::Error> {
    Recipe::of(&Settings::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

/// Of images, labels and class names: what the rest of a run will read must be what it began with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprints {
    pub(super) training: String,
    pub(super) test: String,
}

impl Fingerprints {
    pub fn of(source: &Source) -> Fingerprints {
        Fingerprints { training: source.train.fingerprint(), test: source.test.fingerprint() }
    }

    /// That `found` is not what the run began with.
    ///
    /// # Errors
    /// [`Error::Data`] that says which images differ.
    pub fn recognise(&self, found: &Fingerprints) -> Result<()> {
        let what = match (self.training == found.training, self.test == found.test) {
            (true, true) => return Ok(()),
            (false, _) => "training images",
            (true, false) => "test images",
        };
        Err(Error::Data(format!(
            "these are not the {what} that the run began with, or their classes are called otherwise: put them back, or \
             start the run again"
        )))
    }
}

/// Which part of the work comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// From the checkpoint if there is one, else from the beginning.
    Distill,
    /// The distilled set is written.
    Evaluate,
    /// Nothing, unless more is asked for.
    Nothing,
}

/// Seconds of work so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Spent {
    pub pool: f64,
    pub distill: f64,
    /// Judging what may be kept.
    #[serde(default)]
    pub choose: f64,
}

impl Spent {
    /// Counts time spent in a phase.
    pub fn add(&mut self, phase: Phase, time: Duration) {
        let seconds = match phase {
            Phase::Pool => &mut self.pool,
            Phase::Distill => &mut self.distill,
            Phase::Choose => &mut self.choose,
        };
        *seconds += time.as_secs_f64();
    }

    /// What a time budget counts: the choice comes after it.
    pub fn total(self) -> Duration {
        Duration::from_secs_f64(self.pool + self.distill)
    }
}
