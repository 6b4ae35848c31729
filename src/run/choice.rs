//! The choice: of the canvases that a run has at its end it keeps those that are best on training images which they never
//! saw. What they start from is among them, so that distilling is never worse than doing nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Distillation, Phase, Progress};
use crate::{
    data::{Dataset, Distilled},
    engine::Engine,
    error::{Error, Result},
    evaluate::{Evaluation, Protocol, TrainingSet},
    method::Stage,
    pool::{image_size, network_for},
    recipe::{EvaluationRecipe, Recipe},
    settings::Settings,
};

/// The most batches of a network that judges: enough to tell candidates apart, while somebody waits.
const MOST_STEPS: usize = 300;

/// What an evaluation within a checkpoint of a run is known by: what else it depends on, the run's seal vouches for.
const KEY: &str = "choice";

/// Canvases that a run may keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Candidate {
    /// Those that it starts from.
    Start,
    /// Those of the last iteration, where the result is an average.
    Last,
    /// What the run came to: the canvases of the last iteration or, with `canvas.averaging`, their average with earlier ones.
    Result,
}

impl Candidate {
    /// Those of a run of this recipe; of equal ones the first is kept.
    fn of(recipe: &Recipe) -> &'static [Candidate] {
        match recipe.canvas.averaging > 0.0 {
            true => &[Candidate::Result, Candidate::Last, Candidate::Start],
            false => &[Candidate::Result, Candidate::Start],
        }
    }
}

/// What a run kept, and why: accuracies, fractions in [0, 1], on the training images that were held out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Choice {
    pub kept: Candidate,
    /// Of the canvases that the run starts from.
    pub start: f64,
    /// Of those of the last iteration, where the result is an average.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<f64>,
    /// Of what the run came to.
    pub result: f64,
    /// Images that were held out.
    pub images: usize,
}

/// Where a distilled set tells of the choice.
#[derive(Serialize, Deserialize)]
struct Extras {
    choice: Choice,
}

impl Choice {
    /// The choice that a distilled set tells of; `None` if there was none.
    pub fn of(set: &Distilled) -> Option<Choice> {
        set.extras.read::<Extras>().ok().map(|extras| extras.choice)
    }

    /// As a distilled set tells it.
    pub(super) fn extras(self) -> Result<Settings> {
        Settings::of(&Extras { choice: self })
    }

    /// From the accuracies of the candidates of a run; `None` if one is not judged.
    fn by(candidates: &[Candidate], judged: &[f64], images: usize) -> Option<Choice> {
        let all = || candidates.iter().copied().zip(judged.iter().copied());
        let of = |wanted| all().find(|&(candidate, _)| candidate == wanted).map(|(_, accuracy)| accuracy);
        // Half the standard error of such an accuracy may be chance, and then what the run came to is kept.
        let ahead = |(candidate, accuracy): (Candidate, f64)| match candidate {
            Candidate::Result => accuracy + 0.5 * (accuracy * (1.0 - accuracy) / images.max(1) as f64).sqrt(),
            Candidate::Start | Candidate::Last => accuracy,
        };
        let (kept, _) = all().reduce(|best, next| if ahead(next) > ahead(best) { next } else { best })?;
        let complete = judged.len() >= candidates.len();
        let (start, result) = (of(Candidate::Start)?, of(Candidate::Result)?);
        complete.then_some(Choice { kept, start, last: of(Candidate::Last), result, images })
    }
}

/// A choice in progress: candidates are judged one after another, a batch a unit.
pub(super) struct Choosing {
    protocol: Protocol,
    held_out: Dataset,
    /// Accuracies of the candidates so far.
    judged: Vec<f64>,
    current: Current,
}

/// The evaluation of the next candidate.
#[derive(Default)]
enum Current {
    #[default]
    ToBegin,
    /// As a checkpoint holds it.
    Saved(Vec<u8>),
    Running(Box<Evaluation>),
}

/// What a checkpoint holds of a choice.
#[derive(Serialize, Deserialize)]
pub(super) struct Cursor {
    judged: Vec<f64>,
    evaluation: Option<Vec<u8>>,
}

impl Choosing {
    /// A choice by these rows of the data; `None` if there are none.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the network of the recipe's evaluation does not fit the images: it should not come to light when
    /// the distilling is done.
    pub(super) fn new(recipe: &Recipe, data: &Dataset, rows: &[u32]) -> Result<Option<Choosing>> {
        if rows.is_empty() {
            return Ok(None);
        }
        let evaluation = match recipe.evaluation.protocol == Protocol::QUICK {
            true => recipe.evaluation.clone(),
            false => EvaluationRecipe::named(Protocol::QUICK, 1),
        };
        let mut protocol = Protocol::of(&Recipe { evaluation, ..recipe.clone() })?;
        protocol.most_steps = protocol.most_steps.min(MOST_STEPS);
        network_for(protocol.network.architecture(image_size(data))?, data)?;
        let held_out = data.select(rows)?;
        Ok(Some(Choosing { protocol, held_out, judged: Vec::new(), current: Current::ToBegin }))
    }

    /// What a checkpoint holds.
    pub(super) async fn cursor(&self) -> Result<Cursor> {
        let evaluation = match &self.current {
            Current::ToBegin => None,
            Current::Saved(bytes) => Some(bytes.clone()),
            Current::Running(evaluation) => Some(evaluation.checkpoint(KEY).await?),
        };
        Ok(Cursor { judged: self.judged.clone(), evaluation })
    }

    /// Goes on from what [`Choosing::cursor`] gave.
    pub(super) fn restore(&mut self, cursor: Cursor) {
        self.judged = cursor.judged;
        self.current = cursor.evaluation.map_or(Current::ToBegin, Current::Saved);
    }

    /// Begins anew.
    fn forget(&mut self) {
        self.restore(Cursor { judged: Vec::new(), evaluation: None });
    }

    /// Begins or goes on with the evaluation of this candidate. Its labels are hard even where the result's will be soft:
    /// those are the word of a pool that may not be complete, and candidates differ in their images alone.
    fn begin(&mut self, set: &Distilled, recipe: &Recipe, engine: &Arc<dyn Engine>) -> Result<()> {
        // Not the networks that will judge the result: what was their luck here would be their luck there.
        let seed = !recipe.seed;
        let (set, networks, engine) = (TrainingSet::from(set), recipe.choice.networks, Arc::clone(engine));
        let mut evaluation = Evaluation::new(&self.protocol, &set, &self.held_out, networks, seed, engine)?;
        if let Current::Saved(bytes) = &self.current {
            evaluation.resume(KEY, bytes)?;
        }
        self.current = Current::Running(Box::new(evaluation));
        Ok(())
    }

    /// One batch of the evaluation that is running: batches done and batches in all, of this many candidates.
    async fn unit(&mut self, candidates: usize) -> Result<Option<(u64, u64)>> {
        let Current::Running(evaluation) = &mut self.current else { return Ok(None) };
        let (before, each) = (self.judged.len() as u64, evaluation.batches());
        let total = candidates as u64 * each;
        let accuracy = match evaluation.advance().await {
            Ok(Some((done, _))) if !evaluation.is_complete() => return Ok(Some((before * each + done, total))),
            Ok(_) => evaluation.accuracy().mean,
            // What no network can learn from is worth nothing.
            Err(Error::NonFinite { .. }) => 0.0,
            Err(error) => return Err(error),
        };
        self.judged.push(accuracy);
        self.current = Current::ToBegin;
        Ok(Some(((before + 1) * each, total)))
    }
}

impl Distillation {
    /// What the run keeps; `None` as long as it is not decided, or if there is nothing to choose by.
    pub fn choice(&self) -> Option<Choice> {
        let choosing = self.choosing.as_ref()?;
        Choice::by(Candidate::of(self.recipe()), &choosing.judged, choosing.held_out.len())
    }

    /// One batch of the choice; `None` if all is judged, or there is nothing but the start.
    pub(super) async fn choose(&mut self) -> Result<Option<Progress>> {
        let Some(candidate) = self.to_judge() else { return Ok(None) };
        let is_running = |choosing: &Choosing| matches!(choosing.current, Current::Running(_));
        let set = match self.choosing.as_ref().is_some_and(is_running) {
            true => None,
            false => Some(self.candidate(candidate).await?),
        };
        let (Stage { exec, setting, .. }, Some(choosing)) = (&self.stage, &mut self.choosing) else { return Ok(None) };
        if let Some(set) = set {
            choosing.begin(&set, &setting.recipe, exec.engine())?;
        }
        let progress = choosing.unit(Candidate::of(&setting.recipe).len()).await?;
        Ok(progress.map(|progress| Progress::unseen(Phase::Choose, progress)))
    }

    /// The candidate whose turn it is.
    fn to_judge(&self) -> Option<Candidate> {
        let judged = self.choosing.as_ref()?.judged.len();
        Candidate::of(self.recipe()).get(judged).copied().filter(|_| self.iteration() > 0)
    }

    /// Makes the iterations that the recipe allows, of which there may be more than before.
    pub(super) fn go_on_iterating(&mut self) {
        self.stopped = false;
        if !self.is_iterated() {
            self.choosing.iter_mut().for_each(Choosing::forget);
        }
    }
}

#[cfg(all(test, feature = "toml"))]
mod tests {
    use super::*;

    #[test]
    fn the_best_is_kept_and_of_equal_ones_what_the_run_came_to() {
        let averaged = Recipe::default().with("canvas.averaging=0.2").unwrap();
        let kept =
            |recipe: &Recipe, judged: &[f64]| Choice::by(Candidate::of(recipe), judged, 60).map(|made| made.kept);
        assert_eq!(kept(&averaged, &[0.5, 0.5, 0.5]), Some(Candidate::Result));
        assert_eq!(kept(&averaged, &[0.4, 0.5, 0.5]), Some(Candidate::Last));
        assert_eq!(kept(&averaged, &[0.4, 0.4, 0.5]), Some(Candidate::Start));
        assert_eq!(kept(&averaged, &[0.50, 0.52, 0.51]), Some(Candidate::Result), "one image of 60 is chance");
        assert_eq!(kept(&averaged, &[0.4, 0.4]), None, "one is not judged");
        let last = averaged.with("canvas.averaging=0.0").unwrap();
        assert_eq!(kept(&last, &[0.0, 0.0]), Some(Candidate::Result));
    }
}
