//! The method: what there is to know of it before it runs, and what it adds to the loop of methods that match class by class.

use attar::{
    Recipe, Result, Settings,
    graph::Kind::F32,
    method::{
        Card, Kind, Method, Preset, Setting, Stage, completed,
        rounds::{Objective, Rounds, Turn},
        stage::{Canvases, sight::Window},
    },
    program::Program,
    recipe::{Initialisation, MethodRecipe, Parameters, SightRecipe},
};
use serde::{Deserialize, Serialize};

use super::programs;

pub const LOSSES: &[&str] = &["moments"];

/// The method's own numbers, in a recipe's table `[method]`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MomentsRecipe {
    /// What the squares count beside the features themselves.
    pub squares: f64,
}

impl Default for MomentsRecipe {
    fn default() -> MomentsRecipe {
        MomentsRecipe { squares: 0.5 }
    }
}

pub struct MomentsKind;

const CARD: Card = Card {
    name: "moments",
    about: "Two moments of features agree under random networks (after Zhao and Bilen, WACV 2023)",
    presets: &[Preset { name: "quick", about: "a second on a laptop", recipe: quick }],
    losses: LOSSES,
};

impl Kind for MomentsKind {
    fn card(&self) -> &Card {
        &CARD
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        completed::<MomentsRecipe>(own, Ok)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        Ok(vec![programs::real(setting)?, programs::update(setting)?])
    }

    fn build(&self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        self.programs(&stage.setting)?.into_iter().try_for_each(|program| stage.exec.load(program))?;
        let moments = 2 * stage.setting.network.features();
        (0..stage.setting.classes()).try_for_each(|class| stage.exec.ensure(&sum(class), F32, [moments]))?;
        Ok(Box::new(Rounds::new(stage, Box::new(Moments), canvases)?))
    }
}

/// Everything but the method itself is a table that all methods share.
pub fn quick(images_per_class: usize) -> Recipe {
    let mut recipe = Recipe::default().images_per_class(images_per_class).iterations(60);
    recipe.method = MethodRecipe::new("moments", &MomentsRecipe::default()).expect("a number is a setting");
    recipe.sight = SightRecipe::plain(Parameters::Fresh);
    (recipe.network.depth, recipe.network.width) = (2, 16);
    (recipe.canvas.init, recipe.canvas.lr) = (Initialisation::Noise, 0.1);
    recipe
}

/// The buffer of the real side of a class.
fn sum(class: usize) -> String {
    format!("moments.sum.{class}")
}

struct Moments;

impl Objective for Moments {
    fn losses(&self) -> &'static [&'static str] {
        LOSSES
    }

    fn real(&self, stage: &Stage, class: usize, window: Window) -> Result<()> {
        let Stage { exec, setting, .. } = stage;
        exec.set_f32(&sum(class), &vec![0.0; 2 * setting.network.features()])?;
        setting.add_real(exec, "moments.real", (class, window.number), &[("moments.sum", &sum(class))])
    }

    fn update(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()> {
        let Stage { exec, setting, .. } = stage;
        setting.augment_pictures(exec, "moments.update", (turn.class, turn.window.number))?;
        let share = [("share", 1.0 / setting.real_count(turn.class) as f32)];
        let bound = [("moments.sum", &*sum(turn.class))];
        canvases.update(exec, setting, ("moments.update", turn.class), &bound, &share)
    }

    fn buffers(&self, stage: &Stage) -> Vec<String> {
        (0..stage.setting.classes()).map(sum).collect()
    }
}
