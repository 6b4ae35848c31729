//! Core-sets: real images as they are. The baselines that the field measures distillation against.
//!
//! - `random` takes any: the very images that an evaluation with the same seed compares with.
//! - `herding` keeps the mean of the chosen features near that of all (Welling, "Herding dynamical weights to learn",
//!   ICML 2009; for choosing images: Rebuffi et al., "iCaRL", CVPR 2017, algorithm 4).
//! - `k-center` keeps every image near a chosen one (Sener and Savarese, "Active learning for convolutional neural
//!   networks: a core-set approach", ICLR 2018, algorithm 1).
//!
//! Features are those of the sight, by default of a trained network of the pool, and have length 1. The tables of the
//! field (Zhao et al., "Dataset condensation with gradient matching", ICLR 2021, and all since) leave open where k-center
//! begins: here with the image next to the mean. With `canvas.factor` above 1 the chosen images share canvases, shrunk.

mod choice;

use self::choice::{herding, k_center};
use super::{
    Card, Kind, Method, Needs, Preset, Setting, Stage, no_settings,
    selection::{self, Candidate, Crop, Selection, Selector},
    stage::{
        Sight,
        sight::{THETA, Window},
    },
};
use crate::{
    error::Result,
    graph::Graph,
    program::Program,
    recipe::{MethodRecipe, Recipe},
    settings::Settings,
    streams::Use,
};

/// A core-set method in the registry.
pub struct CoresetKind {
    choice: Choice,
    card: Card,
}

/// Random images.
pub const RANDOM: CoresetKind = CoresetKind {
    choice: Choice::Random,
    card: Card {
        name: Choice::Random.name(),
        about: "Random real images: what every distilled set is compared with (as in Zhao et al., ICLR 2021)",
        presets: &[
            Preset { name: "quick", about: QUICK, recipe: |ipc| quick(Choice::Random, ipc) },
            Preset { name: "published", about: PUBLISHED, recipe: |ipc| published(Choice::Random, ipc) },
        ],
        losses: &[],
    },
};

/// Herding.
pub const HERDING: CoresetKind = CoresetKind {
    choice: Choice::Herding,
    card: Card {
        name: Choice::Herding.name(),
        about: "Herding: real images whose mean feature stays near that of all (Welling, ICML 2009)",
        presets: &[
            Preset { name: "quick", about: QUICK, recipe: |ipc| quick(Choice::Herding, ipc) },
            Preset { name: "published", about: PUBLISHED, recipe: |ipc| published(Choice::Herding, ipc) },
        ],
        losses: &[],
    },
};

/// k-center.
pub const K_CENTER: CoresetKind = CoresetKind {
    choice: Choice::KCenter,
    card: Card {
        name: Choice::KCenter.name(),
        about: "k-center: real images that leave no other far from all of them (Sener and Savarese, ICLR 2018)",
        presets: &[
            Preset { name: "quick", about: QUICK, recipe: |ipc| quick(Choice::KCenter, ipc) },
            Preset { name: "published", about: PUBLISHED, recipe: |ipc| published(Choice::KCenter, ipc) },
        ],
        losses: &[],
    },
};

const QUICK: &str = "within a minute on a laptop";
const PUBLISHED: &str = "the network and protocol of the field's tables; for GPUs";

/// Which images are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Random,
    Herding,
    KCenter,
}

fn quick(choice: Choice, images_per_class: usize) -> Recipe {
    selection::quick(images_per_class, named(choice))
}

fn published(choice: Choice, images_per_class: usize) -> Recipe {
    selection::published(images_per_class, named(choice))
}

fn named(choice: Choice) -> MethodRecipe {
    MethodRecipe::with_settings(choice.name(), &Settings::default())
}

impl Kind for CoresetKind {
    fn card(&self) -> &Card {
        &self.card
    }

    fn needs(&self, recipe: &Recipe) -> Needs {
        match self.choice {
            Choice::Random => Needs::Nothing,
            Choice::Herding | Choice::KCenter => Needs::of_sight(recipe),
        }
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        no_settings(own)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        selection::programs(&Coreset { choice: self.choice, sight: None }, setting)
    }

    fn build(&self, stage: &mut Stage, _canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        let sight = match self.choice {
            Choice::Random => None,
            Choice::Herding | Choice::KCenter => Some(Sight::new(&mut stage.exec, &stage.setting)?),
        };
        Ok(Box::new(Selection::new(stage, Box::new(Coreset { choice: self.choice, sight }))?))
    }
}

/// A core-set being chosen.
struct Coreset {
    choice: Choice,
    /// What the features are seen through.
    sight: Option<Sight>,
}

/// The buffer of the features of a micro-batch, `[m, d]`.
const FEATURES: &str = "coreset.features";

impl Choice {
    const fn name(self) -> &'static str {
        match self {
            Choice::Random => "random",
            Choice::Herding => "herding",
            Choice::KCenter => "k-center",
        }
    }
}

impl Selector for Coreset {
    fn candidates(&self, setting: &Setting, class: usize) -> Vec<Candidate> {
        let (rows, crop) = (&setting.rows[class], Crop::whole(setting.network.image()));
        let candidate = |row: u32| Candidate { row, crop };
        match self.choice {
            Choice::Random => {
                let order = Use::RandomReal.draws(setting.recipe.seed, class, 0).permutation(rows.len());
                order.iter().map(|&index| candidate(rows[index as usize])).collect()
            }
            Choice::Herding | Choice::KCenter => rows.iter().copied().map(candidate).collect(),
        }
    }

    fn program(&self, setting: &Setting) -> Result<Option<Program>> {
        if self.choice == Choice::Random {
            return Ok(None);
        }
        let g = Graph::new();
        let seen = setting.network.forward(setting.network.parameters(&g, THETA), setting.looked_at(&g));
        g.output(FEATURES, seen.features.normalize(1));
        Program::new(FEATURES, g).map(Some)
    }

    fn open(&self, stage: &Stage) -> Result<()> {
        let window = Window { number: 0, trained: stage.trained };
        self.sight.as_ref().map_or(Ok(()), |sight| sight.open(&stage.exec, &stage.setting, window))
    }

    fn measure(&self, stage: &Stage, _class: usize) -> Result<&'static str> {
        stage.exec.run(FEATURES, &[])?;
        Ok(FEATURES)
    }

    fn choose(&self, candidates: &[Candidate], measured: &[f32], count: usize) -> Vec<usize> {
        let width = measured.len() / candidates.len().max(1);
        match self.choice {
            Choice::Random => (0..count).collect(),
            Choice::Herding => herding(measured, width, count),
            Choice::KCenter => k_center(measured, width, count),
        }
    }
}
