//! A queue of networks that learn on real images while the canvases are matched (Zhao et al., "Improved distribution
//! matching for dataset condensation", CVPR 2023, section 3.3).
//!
//! A window looks through one of them; before the next window a few learn some batches. New ones join untrained and old
//! ones leave, so that there are always networks of every age. Who is in the queue, who is looked through and who learns
//! follows from the number of the window; parameters, optimiser states and accuracies are in buffers, a room a network.

use std::ops::Range;

use super::{ACCURACY, Setting, THETA};
use crate::{
    engine::Executor,
    error::Result,
    graph::Kind,
    nn::schedule::Schedule,
    program::Program,
    recipe::{QueueRecipe, TrainingRecipe},
    streams::Use,
    train::{Course, Tally, Trainer, one_hot},
};

const NAME: &str = "sight.queue";

/// Members of the stream of [`Use::Network`]: the pool's choice is member 0.
const LOOKED_THROUGH: usize = 1;
const LEARNERS: usize = 2;

impl QueueRecipe {
    /// Networks that have joined when a window opens.
    fn joined(&self, number: u64) -> usize {
        self.first.min(self.most) + (number / self.every as u64) as usize
    }

    /// Those in the queue in a window, by their number in the order in which they joined.
    fn present(&self, number: u64) -> Range<usize> {
        let joined = self.joined(number);
        joined.saturating_sub(self.most)..joined
    }

    /// The room of a network: that of the one that left when it joined.
    fn room(&self, network: usize) -> String {
        format!("{NAME}.{}", network % self.most)
    }

    /// Those that learn before a window opens.
    fn learners(&self, seed: u64, number: u64) -> Vec<usize> {
        let Some(before) = number.checked_sub(1) else { return Vec::new() };
        let present = self.present(before);
        let order = Use::Network.draws(seed, LEARNERS, number).permutation(present.len());
        order.iter().take(self.trained).map(|&index| present.start + index as usize).collect()
    }
}

/// Puts the network that a window looks through into [`THETA`], and its accuracy into [`ACCURACY`].
pub(super) fn place(exec: &Executor, setting: &Setting, recipe: QueueRecipe, number: u64) -> Result<()> {
    let present = recipe.present(number);
    let index = Use::Network.draws(setting.recipe.seed, LOOKED_THROUGH, number).below(present.len());
    let room = recipe.room(present.start + index);
    exec.copy(&room, THETA)?;
    exec.copy(&accuracy(&room), ACCURACY)
}

fn accuracy(room: &str) -> String {
    format!("{room}.accuracy")
}

/// The queue in mid-run.
pub(super) struct Queue {
    trainer: Trainer,
    recipe: QueueRecipe,
    seed: u64,
    /// Rooms that the run will ever fill.
    rooms: usize,
    learnt: Learnt,
}

/// Batches that each network has learnt before a window, which follow from the windows before it.
#[derive(Default)]
struct Learnt {
    /// The first window whose lessons are not counted.
    until: u64,
    batches: Vec<u64>,
}

/// What the networks learn from.
struct Lessons {
    /// `[n, classes]`.
    targets: Vec<f32>,
    training: TrainingRecipe,
}

impl Lessons {
    fn of(setting: &Setting) -> Lessons {
        // How long a network will learn is not known.
        let training = TrainingRecipe { schedule: Schedule::Constant, ..setting.recipe.pool.training.clone() };
        Lessons { targets: one_hot(&setting.labels, setting.classes()), training }
    }

    fn course<'c>(&'c self, setting: &'c Setting) -> Course<'c> {
        let course = setting.course("sight.queue.training", &self.training, &self.targets);
        Course { tally: Tally::LossAndHits, ..course }
    }
}

/// The programs of the networks' training.
pub(super) fn programs(setting: &Setting) -> Result<Vec<Program>> {
    Trainer::plan(&Lessons::of(setting).course(setting), Kind::Pixels, setting.limits)
}

impl Queue {
    /// An empty queue, with its programs loaded.
    pub(super) fn new(exec: &mut Executor, setting: &Setting, recipe: QueueRecipe) -> Result<Queue> {
        let trainer = Trainer::new(exec, &Lessons::of(setting).course(setting))?;
        let windows = setting.recipe.iterations.div_ceil(setting.recipe.real.refresh) as u64;
        let rooms = recipe.joined(windows.saturating_sub(1)).min(recipe.most);
        let queue = Queue { trainer, recipe, seed: setting.recipe.seed, rooms, learnt: Learnt::default() };
        for network in 0..rooms {
            for (_, kept) in queue.states(network) {
                exec.ensure(&kept, Kind::F32, [setting.network.table().len()])?;
            }
            exec.ensure(&accuracy(&recipe.room(network)), Kind::F32, [1])?;
        }
        Ok(queue)
    }

    pub(super) fn lessons(&self, number: u64) -> usize {
        self.recipe.learners(self.seed, number).len() * self.recipe.steps
    }

    /// One batch of one network, which enters the trainer with its first one and is back in its room after the last.
    pub(super) async fn learn(&mut self, exec: &Executor, number: u64, lesson: usize) -> Result<()> {
        let steps = self.recipe.steps;
        let network = self.recipe.learners(self.seed, number)[lesson / steps];
        let learnt = self.learnt.before(&self.recipe, self.seed, number, network);
        if lesson.is_multiple_of(steps) {
            for (trained, kept) in self.states(network) {
                exec.copy(&kept, &trained)?;
            }
        }
        let step = learnt + (lesson % steps) as u64;
        self.trainer.step(exec, network, step)?;
        if (lesson + 1).is_multiple_of(steps) {
            self.trainer.take_loss(exec, step, steps as u64).await?;
            let hits = self.trainer.take_hits(exec, steps as u64).await?;
            exec.set_f32(&accuracy(&self.recipe.room(network)), &[hits])?;
            self.store(exec, network)?;
        }
        Ok(())
    }

    /// Fresh networks join when a window opens.
    pub(super) fn join(&self, exec: &Executor, number: u64) -> Result<()> {
        let there = number.checked_sub(1).map_or(0, |before| self.recipe.joined(before));
        for network in there..self.recipe.joined(number) {
            self.trainer.start(exec, network)?;
            self.store(exec, network)?;
            exec.set_f32(&accuracy(&self.recipe.room(network)), &[0.0])?;
        }
        Ok(())
    }

    pub(super) fn buffers(&self) -> Vec<String> {
        let mut names = self.trainer.state();
        for network in 0..self.rooms {
            names.extend(self.states(network).into_iter().map(|(_, kept)| kept));
            names.push(accuracy(&self.recipe.room(network)));
        }
        names
    }

    fn store(&self, exec: &Executor, network: usize) -> Result<()> {
        self.states(network).iter().try_for_each(|(trained, kept)| exec.copy(trained, kept))
    }

    /// The trainer's buffers of parameters and optimiser state, each with that of a network's room.
    fn states(&self, network: usize) -> Vec<(String, String)> {
        let theta = self.trainer.theta();
        let room = self.recipe.room(network);
        let states = self.trainer.optimiser_states();
        let states = states.iter().map(|state| (format!("{theta}.{state}"), format!("{room}.{state}")));
        std::iter::once((theta.clone(), room.clone())).chain(states).collect()
    }
}

impl Learnt {
    /// Batches that a network has learnt before the lessons of a window.
    fn before(&mut self, recipe: &QueueRecipe, seed: u64, number: u64, network: usize) -> u64 {
        while self.until < number {
            for learner in recipe.learners(seed, self.until) {
                self.batches.resize(self.batches.len().max(learner + 1), 0);
                self.batches[learner] += recipe.steps as u64;
            }
            self.until += 1;
        }
        self.batches.get(network).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RECIPE: QueueRecipe = QueueRecipe { first: 3, most: 5, every: 2, trained: 2, steps: 4 };

    #[test]
    fn networks_join_and_the_oldest_leave() {
        let present = [0, 1, 2, 4, 6].map(|number| RECIPE.present(number));
        assert_eq!(present, [0..3, 0..3, 0..4, 0..5, 1..6]);
        assert_eq!(RECIPE.room(5), RECIPE.room(0));
        assert_eq!(QueueRecipe { most: 2, ..RECIPE }.present(0), 0..2);
    }

    #[test]
    fn learners_are_distinct_and_have_been_there() {
        assert!(RECIPE.learners(1, 0).is_empty());
        for number in 1..50 {
            let learners = RECIPE.learners(1, number);
            assert!(learners.len() == 2 && learners[0] != learners[1], "{learners:?}");
            assert!(learners.iter().all(|network| RECIPE.present(number - 1).contains(network)));
        }
        assert_eq!(QueueRecipe { trained: 9, ..RECIPE }.learners(1, 1).len(), 3);
    }

    #[test]
    fn batches_are_counted_alike_by_one_who_was_there_and_one_who_came_later() {
        let mut there = Learnt::default();
        for number in 1..40 {
            for network in RECIPE.learners(7, number) {
                let learnt = there.before(&RECIPE, 7, number, network);
                assert_eq!(learnt, Learnt::default().before(&RECIPE, 7, number, network));
                let visits = (0..number).filter(|&before| RECIPE.learners(7, before).contains(&network)).count();
                assert_eq!(learnt, 4 * visits as u64);
            }
        }
    }
}
