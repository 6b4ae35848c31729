//! Neural characteristic function matching (NCFM; Wang et al., "Dataset distillation with neural characteristic function:
//! a minmax perspective", CVPR 2025).
//!
//! The canvases of a class move so that the characteristic function of their features, seen through a network between
//! its initial and trained parameters, comes near to that of real images; then so that the trained network knows their
//! class (calibration). Where the published code is an accident, this does the sound thing:
//!
//! - Real batches are drawn anew without replacement; the published loader always shows the first 1024 images of a class.
//! - Every class has its own optimiser state; the published code shares one among the classes of a device, so that its
//!   results depend on the number of devices.
//! - Gradients are taken at the canvases as they are; the published queue shows canvases up to ten updates old.
//! - With the sampling network, psi climbs the loss (`zero_grad` before its own backward pass; in the published code its
//!   gradient cancels to zero), and it gives as many distinct frequencies as asked for, not four repeated.
//! - Canvases are clamped to [0, 1] after each update, the last one too.
//! - Frequencies are drawn once for all classes of an iteration, and, with `real.refresh` > 1, kept with the network and
//!   the real side's sums for that many iterations: the real side costs most of a step.
//! - Evaluation reports the last epoch, not the best on the test set.

mod programs;
mod recipe;
#[cfg(test)]
mod tests;

pub use recipe::{NcfmRecipe, Sampling};

use super::{
    Card, Kind, Method, Setting, Stage, completed,
    rounds::{Objective, Rounds, Turn},
    stage::{
        Canvases,
        canvas::{self, canvas},
        sight::Window,
    },
};
use crate::{
    engine::Draw,
    error::Result,
    graph,
    nn::{augment::Sharing, frequency::SamplingNetwork, optim::Optimiser},
    pool::trained,
    program::Program,
    settings::Settings,
    streams::Use,
};

/// NCFM in the registry.
pub struct NcfmKind;

/// The losses, in the order in which they are told.
const LOSSES: &[&str] = &["matching", "calibration"];

/// The passes of an iteration: the first is the matching update, the others are calibration.
const MATCHING: usize = 0;

const CARD: Card = Card {
    name: "ncfm",
    about: "Neural characteristic function matching: features of real and synthetic images agree in distribution (Wang et al., CVPR 2025)",
    presets: recipe::PRESETS,
    losses: LOSSES,
};

impl Kind for NcfmKind {
    fn card(&self) -> &Card {
        &CARD
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        completed(own, NcfmRecipe::checked)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        programs::all(&setting.recipe.method.read()?, setting)
    }

    fn build(&self, stage: &mut Stage, canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        let ncfm = Ncfm::new(stage)?;
        Ok(Box::new(Rounds::new(stage, Box::new(ncfm), canvases)?))
    }
}

/// What NCFM adds to the common loop.
struct Ncfm {
    recipe: NcfmRecipe,
}

impl Ncfm {
    /// Loads the programs and makes the buffers.
    fn new(stage: &mut Stage) -> Result<Ncfm> {
        let ncfm = Ncfm { recipe: stage.setting.recipe.method.read()? };
        for program in programs::all(&ncfm.recipe, &stage.setting)? {
            stage.exec.load(program)?;
        }
        for name in (0..stage.setting.classes()).flat_map(sums) {
            stage.exec.ensure(&name, graph::Kind::F32, [ncfm.recipe.frequencies])?;
        }
        if let Sampling::Network { .. } = ncfm.recipe.sampling {
            let table = SamplingNetwork::new(stage.setting.network.features()).table().clone();
            let mut draws = Use::SamplingInit.draws(stage.setting.recipe.seed, 0, 0);
            stage.exec.set_f32("ncfm.psi", &table.init(&mut draws))?;
        }
        Ok(ncfm)
    }

    /// Calibration passes of an iteration: none before a network is trained.
    fn calibrations(&self, window: Window) -> usize {
        if window.trained == 0 { 0 } else { self.recipe.calibrations }
    }

    fn draw_frequencies(&self, stage: &Stage, window: Window) -> Result<()> {
        stage.exec.run_drawing("ncfm.frequencies", &[], &[], draw(stage, window))
    }

    fn matching(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()> {
        let (setting, class) = (&stage.setting, turn.class);
        setting.augment_pictures(&stage.exec, "ncfm.match", (class, turn.window.number))?;
        let [re, im] = sums(class);
        let bound = [("ncfm.re", &*re), ("ncfm.im", &*im)];
        let scale = [("real_scale", 1.0 / setting.real_count(class) as f32)];
        canvases.update(&stage.exec, setting, ("ncfm.match", class), &bound, &scale)
    }

    fn calibration(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()> {
        let (setting, class) = (&stage.setting, turn.class);
        let unit = turn.iteration * self.recipe.calibrations as u64 + (turn.pass - 1) as u64;
        let mut draws = Use::CalibrationAugment.draws(setting.recipe.seed, class, unit);
        let (image, pictures) = (setting.network.image(), setting.pictures_per_class());
        let augment = &setting.recipe.real.augment;
        let parameters = augment.draw(&mut draws, pictures, image, setting.recipe.real.flavour, Sharing::Common);
        setting.augment(&stage.exec, "ncfm.calibrate", &parameters)?;
        let theta = trained(setting.pick(turn.window).0);
        let scalars = [("class", class as f32)];
        canvases.update(&stage.exec, setting, ("ncfm.calibrate", class), &[("ncfm.trained", &theta)], &scalars)
    }

    /// One step of gradient ascent of the sampling network, on a micro-batch of the class whose turn it is.
    fn ascend(&self, stage: &Stage, window: Window) -> Result<()> {
        let Sampling::Network { lr, momentum, .. } = self.recipe.sampling else { return Ok(()) };
        let setting = &stage.setting;
        let class = (window.number % setting.classes() as u64) as usize;
        setting.first_real(&stage.exec, (class, window.number))?;
        setting.augment_pictures(&stage.exec, "ncfm.match", (class, window.number))?;
        let scalars = Optimiser::Sgd { momentum, weight_decay: 0.0 }.scalars(window.number + 1, lr);
        let bound = [(canvas::SLOT, &*canvas(class))];
        stage.exec.run_drawing("ncfm.ascend", &bound, &scalars, draw(stage, window))
    }
}

impl Objective for Ncfm {
    fn losses(&self) -> &'static [&'static str] {
        LOSSES
    }

    fn open(&self, stage: &Stage, window: Window) -> Result<()> {
        self.draw_frequencies(stage, window)
    }

    fn prepares(&self) -> bool {
        self.recipe.sampling != Sampling::Normal
    }

    fn prepare(&self, stage: &Stage, window: Window) -> Result<()> {
        self.ascend(stage, window)?;
        // The frequencies of this window come from the network as it now is.
        self.draw_frequencies(stage, window)
    }

    fn real(&self, stage: &Stage, class: usize, window: Window) -> Result<()> {
        let [re, im] = sums(class);
        let zeros = vec![0.0; self.recipe.frequencies];
        stage.exec.set_f32(&re, &zeros)?;
        stage.exec.set_f32(&im, &zeros)?;
        let bound = [("ncfm.re", &*re), ("ncfm.im", &*im)];
        stage.setting.add_real(&stage.exec, "ncfm.real", (class, window.number), &bound)
    }

    fn passes(&self, window: Window) -> usize {
        1 + self.calibrations(window)
    }

    fn update(&self, stage: &Stage, canvases: &Canvases, turn: Turn) -> Result<()> {
        match turn.pass {
            MATCHING => self.matching(stage, canvases, turn),
            _ => self.calibration(stage, canvases, turn),
        }
    }

    fn terms(&self, loss: usize, window: Window) -> usize {
        if loss == MATCHING { 1 } else { self.calibrations(window) }
    }

    /// Losses without calibration are no measure for those with it.
    fn is_comparable(&self, window: Window) -> bool {
        window.trained > 0
    }

    fn buffers(&self, stage: &Stage) -> Vec<String> {
        let mut names: Vec<String> = (0..stage.setting.classes()).flat_map(sums).collect();
        if let Sampling::Network { momentum, .. } = self.recipe.sampling {
            names.push("ncfm.psi".into());
            if momentum != 0.0 {
                names.push("ncfm.psi.momentum".into());
            }
        }
        names
    }
}

/// What the noise of a window is drawn by.
fn draw(stage: &Stage, window: Window) -> Draw {
    Draw { seed: stage.setting.recipe.seed, unit: window.number as u32 }
}

/// Names of the buffers of the real side's sums of a class.
fn sums(class: usize) -> [String; 2] {
    [format!("ncfm.re.{class}"), format!("ncfm.im.{class}")]
}
