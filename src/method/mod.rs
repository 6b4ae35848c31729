//! Methods: what makes the images of a distilled set. A method is one folder and one line in [`KINDS`]; nothing above
//! this floor knows its name.
//!
//! [`Kind`] is what there is to know of a method before it runs: names, presets, programs. [`Method`] is one in mid-run:
//! a few named buffers, a small cursor, and [`Method::advance`], which does one bounded unit of work. What methods share
//! is in [`stage`]; those that match class by class give an [`Objective`](rounds::Objective) to the common loop, and those
//! that select a [`Selector`](selection::Selector) to theirs.

pub mod coreset;
pub mod distribution;
pub mod gradient;
pub mod ncfm;
mod presets;
pub mod rded;
pub mod rounds;
pub mod selection;
pub mod stage;

use std::{future::Future, pin::Pin};

use serde::{Serialize, de::DeserializeOwned};

use crate::{
    error::{Error, Result},
    program::Program,
    recipe::{Parameters, Recipe},
    settings::Settings,
};
pub use stage::{Setting, Stage};

/// Every method, the default one first. Command line, browser, TypeScript types, documentation and tests read this list.
pub const KINDS: &[&dyn Kind] = &[
    &ncfm::NcfmKind,
    &distribution::DmKind,
    &distribution::MmdKind,
    &distribution::IdmKind,
    &gradient::DC,
    &gradient::DSA,
    &gradient::IDC,
    &coreset::RANDOM,
    &coreset::HERDING,
    &coreset::K_CENTER,
    &rded::RdedKind,
];

/// What people are told of a method.
pub struct Card {
    /// The name in recipes and on the command line.
    pub name: &'static str,
    /// One sentence: what it does, and the paper.
    pub about: &'static str,
    /// Recipes to start from; the first is the default.
    pub presets: &'static [Preset],
    /// Names of the losses that each iteration tells; none of a method that selects images and optimises nothing.
    pub losses: &'static [&'static str],
}

/// A method before it runs.
pub trait Kind: Send + Sync {
    /// What people are told of it.
    fn card(&self) -> &Card;

    /// [`Card::name`].
    fn name(&self) -> &'static str {
        self.card().name
    }

    /// [`Card::about`].
    fn about(&self) -> &'static str {
        self.card().about
    }

    /// [`Card::presets`].
    fn presets(&self) -> &'static [Preset] {
        self.card().presets
    }

    /// [`Card::losses`].
    fn losses(&self) -> &'static [&'static str] {
        self.card().losses
    }

    /// Whether it takes pictures from the real set as they are. It then ends by itself, begins when all of its pool is
    /// trained, and takes what images a class has.
    fn selects(&self) -> bool {
        self.losses().is_empty()
    }

    /// What the pool must hold.
    fn needs(&self, recipe: &Recipe) -> Needs {
        Needs::of_sight(recipe)
    }

    /// The method's own settings, checked, with what is missing filled in: [`completed`] of its struct.
    ///
    /// # Errors
    /// [`Error::Recipe`] with the key that is unknown or whose value does not fit.
    fn complete(&self, own: &Settings) -> Result<Settings>;

    /// The programs that it runs besides those of [`Stage`].
    ///
    /// # Errors
    /// [`Error::Shape`] if the settings do not fit together.
    fn programs(&self, setting: &Setting) -> Result<Vec<Program>>;

    /// The method at its beginning. The real set and the pool are in the stage's buffers; `canvases` are the values that
    /// the run starts from, class by class, each `[ipc, c, h, w]` in [0, 1].
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] from the engine.
    fn build(&self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>>;
}

/// A recipe to start from.
pub struct Preset {
    /// `quick`, `published`.
    pub name: &'static str,
    /// When to use it, in a few words.
    pub about: &'static str,
    /// The recipe for this many images per class.
    pub recipe: fn(usize) -> Recipe,
}

/// What the pool must hold before a method can look through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// No pool is trained.
    Nothing,
    /// Networks trained as the recipe's pool says.
    Trained,
    /// Networks trained for this many epochs only.
    Early { epochs: usize },
}

impl Needs {
    /// What the sight of a recipe needs.
    pub fn of_sight(recipe: &Recipe) -> Needs {
        match recipe.sight.kind {
            Parameters::Fresh | Parameters::Queue(_) => Needs::Nothing,
            Parameters::Trained | Parameters::Between => Needs::Trained,
            Parameters::Early { epochs } => Needs::Early { epochs },
        }
    }
}

/// A future of one unit's outcome.
pub type Unit<'a> = Pin<Box<dyn Future<Output = Result<Advance>> + Send + 'a>>;

/// What came of a unit of work.
#[derive(Debug, Clone, PartialEq)]
pub enum Advance {
    /// A unit that updates rest on: the canvases are as they were, and the iteration is not done.
    Prepared,
    /// The canvases of a class were updated; the iteration is not done.
    Updated,
    /// The last unit of an iteration: its mean losses over classes, in the order of [`Kind::losses`].
    Iteration(Vec<f32>),
}

/// A method in mid-run. Between units all of its state is in the stage's buffers named by [`Method::buffers`] and in
/// [`Method::cursor`]; everything else is a function of these and of the recipe.
pub trait Method: Send {
    /// Does one unit of work.
    fn advance<'a>(&'a mut self, stage: &'a mut Stage) -> Unit<'a>;

    /// Iterations finished.
    fn iteration(&self) -> usize;

    /// Whether nothing is left to do, however many iterations the recipe allows.
    fn is_complete(&self) -> bool {
        false
    }

    /// Names of the buffers that a checkpoint holds.
    fn buffers(&self) -> Vec<String>;

    /// What a result is made of: as things are, or as they were when all was finite.
    fn yields(&self, moment: Moment) -> Yield;

    /// The host's part of the state.
    fn cursor(&self) -> Vec<u8>;

    /// Puts the cursor back and rebuilds what follows from it; the buffers have been written already.
    ///
    /// # Errors
    /// [`Error::Format`] if the bytes are no cursor of this method; errors of the engine.
    fn restore(&mut self, stage: &mut Stage, cursor: &[u8]) -> Result<()>;

    /// Goes on with this rate of the canvases' optimiser.
    ///
    /// # Errors
    /// [`Error::Recipe`] if it has none, as a method that selects.
    fn set_rate(&mut self, _lr: f64) -> Result<()> {
        Err(Error::Recipe("this method moves no canvases, so that it has no canvas.lr to change".into()))
    }
}

/// Which state of a run a result shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// As it is now.
    Now,
    /// That of the last iteration whose losses were finite, or its mean with those of iterations before.
    Kept,
}

/// What a result is made of, on the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Yield {
    /// Names of the buffers of canvases, class by class, each `[n, c, h, w]` in [0, 1]. The numbers n may differ.
    pub canvases: Vec<String>,
}

/// The method of this name.
///
/// # Errors
/// [`Error::Recipe`], with the names there are, if there is none.
pub fn kind(name: &str) -> Result<&'static dyn Kind> {
    KINDS.iter().copied().find(|kind| kind.name() == name).ok_or_else(|| {
        let names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
        Error::Recipe(format!("there is no method `{name}`: choose one of {}", names.join(", ")))
    })
}

/// Settings read as a method's struct, checked by it, and written again: with a default for what was missing.
///
/// # Errors
/// [`Error::Recipe`] with the key that is unknown or whose value does not fit; those of the check.
pub fn completed<T: Serialize + DeserializeOwned>(
    own: &Settings,
    checked: impl FnOnce(T) -> Result<T>,
) -> Result<Settings> {
    Settings::of(&checked(own.read().map_err(|error| Error::Recipe(format!("method.{error}")))?)?)
}

/// The bytes of a loop's part of the state, for [`Method::cursor`].
pub(crate) fn cursor_bytes(cursor: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(cursor).unwrap_or_default()
}

/// What [`cursor_bytes`] wrote.
///
/// # Errors
/// [`no_cursor`].
pub(crate) fn read_cursor<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    postcard::from_bytes(bytes).map_err(|_| no_cursor())
}

/// That a checkpoint's cursor is none of this method.
pub(crate) fn no_cursor() -> Error {
    Error::Format("the checkpoint holds no run of this method: start again without --resume".into())
}

/// The settings of a method that has none of its own.
///
/// # Errors
/// [`Error::Recipe`] with the first key.
pub fn no_settings(own: &Settings) -> Result<Settings> {
    match own.entries().first() {
        None => Ok(Settings::default()),
        Some((key, _)) => Err(Error::Recipe(format!("method.{key}: this method has no settings of its own"))),
    }
}
