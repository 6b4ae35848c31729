//! How a run shows how far it is.

use attar::{Phase, Progress, Recipe};

use crate::{
    console::Console,
    format,
    progress::{Goal, Meter},
    run_dir::RunFile,
};

/// When the phase of this progress ends.
pub fn goal(progress: &Progress, run: &RunFile) -> Goal {
    match (progress.phase, run.time_budget) {
        (Phase::Distill, Some(budget)) if run.recipe.iterations == Recipe::UNTIL_STOPPED => {
            Goal::Time { budget, left: budget.saturating_sub(run.spent.total()) }
        }
        _ => Goal::Amount(progress.total),
    }
}

/// The meters of the phases of a run, one after the other.
pub struct Display<'a> {
    console: &'a Console,
    current: Option<(Phase, Meter<'a>)>,
    done: u64,
    /// What the losses are called.
    names: Vec<String>,
    /// Of the last iteration.
    losses: String,
}

impl<'a> Display<'a> {
    pub fn new(console: &'a Console, names: &[String]) -> Display<'a> {
        Display { console, current: None, done: 0, names: names.to_vec(), losses: String::new() }
    }

    pub fn show(&mut self, progress: &Progress, goal: Goal) {
        if self.current.as_ref().is_some_and(|(phase, _)| *phase != progress.phase) {
            self.finish();
        }
        if let Some(losses) = &progress.losses {
            self.losses = format::losses(&self.names, &losses.values);
        }
        let title = match progress.phase {
            Phase::Pool => "pool",
            Phase::Distill => "distillation",
            Phase::Choose => "choice",
        };
        let (_, meter) = self.current.get_or_insert_with(|| (progress.phase, Meter::new(self.console, title)));
        let pool = progress.pool.map(|(done, total)| format!("pool {done} of {total}")).unwrap_or_default();
        let losses = if progress.phase == Phase::Distill { self.losses.as_str() } else { "" };
        let details = [losses, &pool].into_iter().filter(|detail| !detail.is_empty());
        meter.update(progress.done, goal, &details.collect::<Vec<_>>().join(", "));
        self.done = progress.done;
    }

    /// Says how the current phase ended.
    pub fn finish(&mut self) {
        if let Some((phase, meter)) = self.current.take() {
            match phase {
                Phase::Pool | Phase::Choose => meter.finish(&format!("{} batches", self.done)),
                Phase::Distill if self.names.is_empty() => meter.finish("selected"),
                Phase::Distill => meter.finish(&format!("{} iterations, {}", self.done, self.losses)),
            }
        }
    }
}
