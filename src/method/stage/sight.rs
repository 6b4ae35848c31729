//! The sight: the network that a matching step looks through.
//!
//! A window is a number of updates that share a network. When one opens, the parameters come from where
//! [`SightRecipe`](crate::recipe::SightRecipe) says and are perhaps perturbed; or the network of the window before has
//! learnt some batches more (a *lesson* each) and serves on; or one is taken from a queue of networks that have lessons of
//! their own.

mod inner;
mod perturb;
mod queue;

use self::{inner::Inner, queue::Queue};
use super::Setting;
use crate::{
    engine::Executor,
    error::Result,
    graph::{Graph, Kind},
    pool::{PIXELS, initial, trained},
    program::Program,
    recipe::{Parameters, TrainingRecipe},
    streams::Use,
    train::{Course, Tally, TrainingDraws},
};

/// The buffer of the parameters that are looked through.
pub const THETA: &str = "sight.theta";

/// The buffer of how well the network that is looked through knows the classes, `[1]`: for one of a queue the share of
/// images that it told right when it last learnt, else 1 if it was trained and 0 if not.
pub const ACCURACY: &str = "sight.accuracy";

const BETWEEN: &str = "sight.between";

const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::SightInit, batches: Use::SightBatches, augment: Use::SightAugment };

/// The sight in mid-run. Of its state a checkpoint holds the buffers that it names; the rest follows from the window.
pub struct Sight {
    learning: Learning,
}

/// What learns between windows.
enum Learning {
    Nothing,
    /// The network that is looked through, as it serves several.
    Inner(Box<Inner>),
    Queue(Box<Queue>),
}

/// A window: its number, and how many networks of the pool were finished when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    pub number: u64,
    pub trained: usize,
}

impl Setting {
    /// The programs of the sight.
    pub(super) fn sight_programs(&self) -> Result<Vec<Program>> {
        let mut programs = self.opening_programs()?;
        programs.extend(inner::programs(self)?);
        if let Parameters::Queue(_) = self.recipe.sight.kind {
            programs.extend(queue::programs(self)?);
        }
        Ok(programs)
    }

    /// Those that a window is opened with; what learns between windows has its own.
    fn opening_programs(&self) -> Result<Vec<Program>> {
        let mut programs = Vec::new();
        if self.recipe.sight.kind == Parameters::Between {
            programs.push(self.between_program()?);
        }
        if self.recipe.sight.perturb > 0.0 {
            programs.push(perturb::program(self)?);
        }
        Ok(programs)
    }

    /// The training, on the real images, of a network that is looked through; of one epoch, whose rate stays.
    fn course<'c>(&'c self, name: &'c str, settings: &'c TrainingRecipe, targets: &'c [f32]) -> Course<'c> {
        Course {
            name,
            images: PIXELS,
            targets,
            channels: &self.normalisation,
            network: &self.network,
            settings,
            epochs: 1,
            micro_batch: self.recipe.micro_batch,
            seed: self.recipe.seed,
            draws: DRAWS,
            tally: Tally::Loss,
        }
    }

    /// `mix initial + (1 - mix) trained`, to the network that is looked through.
    fn between_program(&self) -> Result<Program> {
        let g = Graph::new();
        let [from, to] = ["sight.initial", "sight.trained"].map(|name| self.network.parameters(&g, name));
        let mix = g.scalar("mix");
        g.output(THETA, from * mix + to * (1.0 - mix));
        Program::new(BETWEEN, g)
    }

    /// The network of the pool that a window takes, and how much of its initial parameters: all, as long as no network is
    /// trained.
    pub fn pick(&self, window: Window) -> (usize, f32) {
        let mut draws = Use::Network.draws(self.recipe.seed, 0, window.number);
        match window.trained {
            0 => (draws.below(self.networks.max(1)), 1.0),
            trained => (draws.below(trained), draws.uniform() as f32),
        }
    }
}

impl Sight {
    /// Loads the programs and makes the buffers.
    ///
    /// # Errors
    /// [`Error::Limit`](crate::Error::Limit) or [`Error::OutOfMemory`](crate::Error::OutOfMemory) from the engine.
    pub fn new(exec: &mut Executor, setting: &Setting) -> Result<Sight> {
        exec.ensure(THETA, Kind::F32, [setting.network.table().len()])?;
        exec.ensure(ACCURACY, Kind::F32, [1])?;
        for program in setting.opening_programs()? {
            exec.load(program)?;
        }
        let inner = Inner::new(exec, setting)?;
        let learning = match (inner, setting.recipe.sight.kind) {
            (Some(inner), _) => Learning::Inner(Box::new(inner)),
            (None, Parameters::Queue(recipe)) => Learning::Queue(Box::new(Queue::new(exec, setting, recipe)?)),
            (None, _) => Learning::Nothing,
        };
        Ok(Sight { learning })
    }

    /// Lessons before this window opens.
    pub fn lessons(&self, number: u64) -> usize {
        match &self.learning {
            Learning::Nothing => 0,
            Learning::Inner(inner) => inner.lessons(number),
            Learning::Queue(queue) => queue.lessons(number),
        }
    }

    /// Lesson number `lesson` before the window.
    ///
    /// # Errors
    /// [`Error::NonFinite`](crate::Error::NonFinite) if the network diverges; those of the engine.
    pub async fn learn(&mut self, exec: &Executor, setting: &Setting, number: u64, lesson: usize) -> Result<()> {
        match &mut self.learning {
            Learning::Nothing => Ok(()),
            Learning::Inner(inner) => inner.learn(exec, setting, number, lesson).await,
            Learning::Queue(queue) => queue.learn(exec, number, lesson).await,
        }
    }

    /// Puts the network of the window into the buffer [`THETA`].
    ///
    /// # Errors
    /// Those of the engine.
    pub fn open(&self, exec: &Executor, setting: &Setting, window: Window) -> Result<()> {
        match &self.learning {
            Learning::Inner(inner) if !inner.restarts(window.number) => return inner.show(exec),
            Learning::Queue(queue) => queue.join(exec, window.number)?,
            _ => {}
        }
        place(exec, setting, window)?;
        match &self.learning {
            Learning::Inner(inner) => inner.begin(exec, window.number),
            _ => Ok(()),
        }
    }

    /// Makes again what no checkpoint holds, in a window that was open.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn reopen(&self, exec: &Executor, setting: &Setting, window: Window) -> Result<()> {
        match self.learning {
            Learning::Inner(_) => Ok(()),
            _ => place(exec, setting, window),
        }
    }

    /// Names of the buffers that a checkpoint holds.
    pub fn buffers(&self) -> Vec<String> {
        match &self.learning {
            Learning::Nothing => Vec::new(),
            Learning::Inner(inner) => inner.buffers(),
            Learning::Queue(queue) => queue.buffers(),
        }
    }
}

/// Puts a network of its source into [`THETA`], perhaps perturbed.
fn place(exec: &Executor, setting: &Setting, window: Window) -> Result<()> {
    let (network, mix) = setting.pick(window);
    let is_trained = window.trained > 0 && setting.recipe.sight.kind != Parameters::Fresh;
    exec.set_f32(ACCURACY, &[f32::from(u8::from(is_trained))])?;
    match setting.recipe.sight.kind {
        Parameters::Fresh => {
            let mut draws = Use::SightInit.draws(setting.recipe.seed, 0, window.number);
            exec.set_f32(THETA, &setting.network.init(&mut draws))?;
        }
        Parameters::Between => {
            let bound = [("sight.initial", &*initial(network)), ("sight.trained", &*trained(network))];
            exec.run_bound(BETWEEN, &bound, &[("mix", mix)])?;
        }
        Parameters::Trained | Parameters::Early { .. } if window.trained == 0 => exec.copy(&initial(network), THETA)?,
        Parameters::Trained | Parameters::Early { .. } => exec.copy(&trained(network), THETA)?,
        Parameters::Queue(recipe) => queue::place(exec, setting, recipe, window.number)?,
    }
    if setting.recipe.sight.perturb > 0.0 {
        perturb::run(exec, setting, window.number)?;
    }
    Ok(())
}
