//! A network that learns between windows, on real images (IDC) or on the canvases themselves (DC).

use super::{Setting, THETA};
use crate::{
    engine::Executor,
    error::Result,
    graph::{Graph, Kind},
    method::stage::canvas,
    nn::decode,
    pool::PIXELS,
    program::Program,
    recipe::{InnerTraining, TrainingRecipe},
    train::{Course, Trainer, one_hot},
};

const NAME: &str = "sight.inner";
const CANVASES: &str = "sight.canvases";
const PICTURES: &str = "sight.pictures";

/// The training of the network that is looked through.
pub(super) struct Inner {
    trainer: Trainer,
    restart: u64,
    /// Batches between two windows.
    lessons: usize,
    on_synthetic: bool,
    /// The window whose canvases are decoded.
    decoded: Option<u64>,
}

/// What is learnt from.
struct Lessons<'a> {
    images: &'static str,
    kind: Kind,
    /// `[n, classes]`.
    targets: Vec<f32>,
    training: &'a TrainingRecipe,
    /// Epochs of one network, all windows together; a schedule of rates spans them.
    epochs: usize,
}

impl<'a> Lessons<'a> {
    fn of(setting: &'a Setting) -> Option<Lessons<'a>> {
        match &setting.recipe.sight.inner {
            InnerTraining::None => None,
            InnerTraining::Real { restart, batches, training } => {
                let seen = (restart - 1) * batches * training.batch;
                let targets = one_hot(&setting.labels, setting.classes());
                let epochs = seen.div_ceil(setting.real().max(1));
                Some(Lessons { images: PIXELS, kind: Kind::Pixels, targets, training, epochs })
            }
            InnerTraining::Synthetic { restart, epochs, training } => {
                let targets = one_hot(&picture_labels(setting), setting.classes());
                Some(Lessons { images: PICTURES, kind: Kind::F32, targets, training, epochs: (restart - 1) * epochs })
            }
        }
    }

    fn course<'c>(&'c self, setting: &'c Setting) -> Course<'c> {
        let course = setting.course(NAME, self.training, &self.targets);
        Course { images: self.images, epochs: self.epochs.max(1), ..course }
    }
}

/// Of the pictures decoded from the canvases of all classes, one class after another.
fn picture_labels(setting: &Setting) -> Vec<u32> {
    let ipc = setting.recipe.images_per_class;
    let sources = decode::sources(setting.classes() * ipc, setting.factor());
    sources.iter().map(|&canvas| canvas / ipc as u32).collect()
}

/// The programs of the training that the recipe asks for.
pub(super) fn programs(setting: &Setting) -> Result<Vec<Program>> {
    let Some(lessons) = Lessons::of(setting) else { return Ok(Vec::new()) };
    let mut programs = Trainer::plan(&lessons.course(setting), lessons.kind, setting.limits)?;
    if lessons.images == PICTURES {
        programs.push(decoding(setting)?);
    }
    Ok(programs)
}

/// The pictures of the canvases of all classes.
fn decoding(setting: &Setting) -> Result<Program> {
    let g = Graph::new();
    let canvases = setting.classes() * setting.recipe.images_per_class;
    let stored = g.input(CANVASES, setting.network.image().batch(canvases));
    g.output(PICTURES, setting.pictures(stored));
    Program::new(PICTURES, g)
}

impl Inner {
    /// The training that the recipe asks for, if any, with its programs loaded.
    pub(super) fn new(exec: &mut Executor, setting: &Setting) -> Result<Option<Inner>> {
        let Some(lessons) = Lessons::of(setting) else { return Ok(None) };
        if lessons.images == PICTURES {
            exec.load(decoding(setting)?)?;
        }
        let trainer = Trainer::new(exec, &lessons.course(setting))?;
        let (restart, lessons, on_synthetic) = match &setting.recipe.sight.inner {
            InnerTraining::None => return Ok(None),
            InnerTraining::Real { restart, batches, .. } => (*restart, *batches, false),
            InnerTraining::Synthetic { restart, epochs, .. } => (*restart, epochs * trainer.batches() as usize, true),
        };
        Ok(Some(Inner { trainer, restart: restart as u64, lessons, on_synthetic, decoded: None }))
    }

    /// Whether another network takes over in this window.
    pub(super) fn restarts(&self, number: u64) -> bool {
        number.is_multiple_of(self.restart)
    }

    /// Batches before this window.
    pub(super) fn lessons(&self, number: u64) -> usize {
        if self.restarts(number) { 0 } else { self.lessons }
    }

    /// One batch. The canvases are decoded at the first lesson before a window, or when the run was resumed in between.
    pub(super) async fn learn(&mut self, exec: &Executor, setting: &Setting, number: u64, lesson: usize) -> Result<()> {
        if self.on_synthetic && self.decoded != Some(number) {
            self.decode(exec, setting).await?;
            self.decoded = Some(number);
        }
        let served = (number % self.restart) as usize;
        let step = (served - 1) * self.lessons + lesson;
        self.trainer.step(exec, (number / self.restart) as usize, step as u64)?;
        if lesson + 1 == self.lessons {
            self.trainer.take_loss(exec, step as u64, self.lessons as u64).await?;
        }
        Ok(())
    }

    async fn decode(&self, exec: &Executor, setting: &Setting) -> Result<()> {
        let mut values = Vec::new();
        for class in 0..setting.classes() {
            values.extend(exec.get_f32(&canvas::canvas(class)).await?);
        }
        exec.set_f32(CANVASES, &values)?;
        exec.run(PICTURES, &[])
    }

    /// The network of [`THETA`] is the one that learns from now on.
    pub(super) fn begin(&self, exec: &Executor, number: u64) -> Result<()> {
        self.trainer.start(exec, (number / self.restart) as usize)?;
        exec.copy(THETA, &self.trainer.theta())
    }

    /// What has been learnt is what is looked through.
    pub(super) fn show(&self, exec: &Executor) -> Result<()> {
        exec.copy(&self.trainer.theta(), THETA)
    }

    pub(super) fn buffers(&self) -> Vec<String> {
        let mut names = self.trainer.state();
        names.push(THETA.into());
        names
    }
}
