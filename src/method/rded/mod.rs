//! RDED (Sun, Shi, Yu and Lin, "On the diversity and realism of distilled dataset: an efficient dataset distillation
//! paradigm", CVPR 2024): crops of real images that trained networks are sure of, `factor^2` of them on a canvas, with
//! the networks' own word for labels.
//!
//! Of some images of each class, several random crops each are scored by the cross-entropy of the class under the
//! trained networks of the pool. The best crop of each image competes (diversity), and those of the smallest
//! cross-entropy are taken (realism). Nothing is optimised. Where the published code departs from the paper or is an
//! accident, this does the sound thing:
//!
//! - Scores are means over the pool, where the published code has one teacher.
//! - A crop is scored as a student will see it, enlarged from its tile; the published code scores it at the size of its
//!   tile in the middle of an empty image.
//! - Soft labels are stored, one a picture, as those of any set (`labels = "soft"`). In the published code the teacher
//!   labels every augmented, mixed batch of a student's training at temperature 20, so that the set is worth nothing
//!   without the teacher, whose bytes nobody counts.
//! - More images are looked at than `images` where as many are needed to fill the canvases, and where a class has too few
//!   the second best crops of its images follow; the published code gives fewer canvases.
//! - Crops keep the sides' proportion, and are pixels as they are, not JPEG.

mod recipe;
#[cfg(test)]
mod tests;

pub use recipe::RdedRecipe;

use super::{
    Card, Kind, Method, Needs, Setting, Stage, completed,
    selection::{self, Candidate, Crop, Selection, Selector},
    stage::own_class,
};
use crate::{
    error::Result,
    graph::Graph,
    nn::{ImageSize, loss},
    pool::trained,
    program::Program,
    recipe::Recipe,
    rng::Draws,
    settings::Settings,
    sorted::insert_by_key,
    streams::Use,
};

/// RDED in the registry.
pub struct RdedKind;

const CARD: Card = Card {
    name: "rded",
    about: "RDED: crops of real images that trained networks are sure of, with their soft labels (Sun et al., CVPR 2024)",
    presets: recipe::PRESETS,
    losses: &[],
};

impl Kind for RdedKind {
    fn card(&self) -> &Card {
        &CARD
    }

    /// Networks that are trained, whatever the sight.
    fn needs(&self, recipe: &Recipe) -> Needs {
        match Needs::of_sight(recipe) {
            Needs::Nothing => Needs::Trained,
            needs => needs,
        }
    }

    fn complete(&self, own: &Settings) -> Result<Settings> {
        completed(own, RdedRecipe::checked)
    }

    fn programs(&self, setting: &Setting) -> Result<Vec<Program>> {
        selection::programs(&Rded { recipe: setting.recipe.method.read()? }, setting)
    }

    fn build(&self, stage: &mut Stage, _canvases: &[Vec<f32>]) -> Result<Box<dyn Method>> {
        let rded = Rded { recipe: stage.setting.recipe.method.read()? };
        Ok(Box::new(Selection::new(stage, Box::new(rded))?))
    }
}

/// What RDED adds to the loop of selection.
struct Rded {
    recipe: RdedRecipe,
}

const SCORE: &str = "rded.score";

/// The buffer of the sums of cross-entropies of a micro-batch, `[m]`.
const LOSSES: &str = "rded.losses";

impl Selector for Rded {
    /// Crops, image after image.
    fn candidates(&self, setting: &Setting, class: usize) -> Vec<Candidate> {
        let (rows, image, recipe) = (&setting.rows[class], setting.network.image(), &setting.recipe);
        let needed = recipe.images_per_class * setting.factor().pow(2);
        let mut draws = Use::Canvas.draws(recipe.seed, class, 0);
        let order = draws.permutation(rows.len());
        let looked_at = order.iter().take(self.recipe.images.max(needed));
        let crops = looked_at.flat_map(|&index| std::iter::repeat_n(rows[index as usize], self.recipe.crops));
        crops.map(|row| Candidate { row, crop: crop(&mut draws, image, self.recipe.least_area) }).collect()
    }

    fn program(&self, setting: &Setting) -> Result<Option<Program>> {
        let g = Graph::new();
        let theta = setting.network.parameters(&g, "rded.theta");
        let logits = setting.network.forward(theta, setting.looked_at(&g)).logits;
        let targets = own_class(&g, logits);
        let sum = g.input(LOSSES, [logits.dim(0)]);
        g.update(sum, sum + loss::rows_cross_entropy(logits, targets));
        Program::new(SCORE, g).map(Some)
    }

    fn measure(&self, stage: &Stage, class: usize) -> Result<&'static str> {
        let zeros = vec![0.0; stage.exec.buffer(LOSSES)?.shape().elements()];
        stage.exec.set_f32(LOSSES, &zeros)?;
        for network in 0..stage.trained {
            let bound = [("rded.theta", &*trained(network))];
            stage.exec.run_bound(SCORE, &bound, &[("class", class as f32)])?;
        }
        Ok(LOSSES)
    }

    fn choose(&self, _candidates: &[Candidate], measured: &[f32], count: usize) -> Vec<usize> {
        best(measured, self.recipe.crops, count)
    }
}

/// A part of an image whose share of the area is drawn uniformly from `least` to 1, anywhere in it (torchvision's
/// `RandomResizedCrop`).
fn crop(draws: &mut Draws, image: ImageSize, least: f64) -> Crop {
    let side = draws.range(least, 1.0).sqrt();
    let mut part = |whole: usize| {
        let length = ((whole as f64 * side).round() as usize).clamp(1, whole);
        (draws.below(whole - length + 1), length)
    };
    let ((top, height), (left, width)) = (part(image.height), part(image.width));
    Crop { top, left, height, width }
}

/// The places of `count` crops: the best of each image by its loss, then the second best, and so on. `losses` are those
/// of `crops` crops an image.
fn best(losses: &[f32], crops: usize, count: usize) -> Vec<usize> {
    // Cross-entropies are not negative, and bits of such floats are ordered as they are.
    let order = |place: usize| losses[place].abs().to_bits();
    let mut ranked = Vec::with_capacity(losses.len());
    for place in 0..losses.len() {
        let first = place / crops * crops;
        let own = first..losses.len().min(first + crops);
        let rank = own.filter(|&other| (order(other), other) < (order(place), place)).count();
        insert_by_key(&mut ranked, (rank, place), |&(rank, place)| (rank, order(place)));
    }
    ranked.into_iter().take(count).map(|(_, place)| place).collect()
}
