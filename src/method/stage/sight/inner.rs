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
    recipe::InnerRecipe,
    streams::Use,
    train::{Course, Tally, Trainer, TrainingDraws, one_hot},
};

const NAME: &str = "sight.inner";
const CANVASES: &str = "sight.canvases";
const PICTURES: &str = "sight.pictures";

const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::SightInit, batches: Use::SightBatches, augment: Use::SightAugment };

/// The training of the network that is looked through.
pub(super) struct Inner {
    trainer: Trainer,
    restart: u64,
    steps: usize,
    /// Whether the images are the decoded canvases.
    on_synthetic: bool,
    /// The window whose canvases are decoded.
    decoded: Option<u64>,
}

impl Inner {
    pub(super) fn on_real(exec: &mut Executor, setting: &Setting, recipe: &InnerRecipe) -> Result<Inner> {
        Inner::new(exec, setting, recipe, (PIXELS, &setting.real_labels(), false))
    }

    pub(super) fn on_synthetic(exec: &mut Executor, setting: &Setting, recipe: &InnerRecipe) -> Result<Inner> {
        let ipc = setting.recipe.images_per_class;
        let canvases = setting.classes() * ipc;
        let sources = decode::sources(canvases, setting.factor());
        let labels: Vec<u32> = sources.iter().map(|&canvas| canvas / ipc as u32).collect();
        let g = Graph::new();
        let stored = g.input(CANVASES, setting.network.image().batch(canvases));
        g.output(PICTURES, setting.pictures(stored));
        exec.ensure(PICTURES, Kind::F32, setting.network.image().batch(labels.len()))?;
        exec.load(Program::new(PICTURES, g)?)?;
        Inner::new(exec, setting, recipe, (PICTURES, &labels, true))
    }

    fn new(
        exec: &mut Executor,
        setting: &Setting,
        recipe: &InnerRecipe,
        (images, labels, on_synthetic): (&str, &[u32], bool),
    ) -> Result<Inner> {
        let course = Course {
            name: NAME,
            images,
            targets: &one_hot(labels, setting.classes()),
            channels: &setting.normalisation,
            network: &setting.network,
            settings: &recipe.training,
            epochs: (recipe.restart * recipe.steps * recipe.training.batch).div_ceil(labels.len().max(1)).max(1),
            micro_batch: setting.recipe.micro_batch,
            seed: setting.recipe.seed,
            draws: DRAWS,
            tally: Tally::Loss,
        };
        let trainer = Trainer::new(exec, &course)?;
        Ok(Inner { trainer, restart: recipe.restart as u64, steps: recipe.steps, on_synthetic, decoded: None })
    }

    /// Whether another network takes over in this window.
    pub(super) fn restarts(&self, number: u64) -> bool {
        number.is_multiple_of(self.restart)
    }

    pub(super) fn lessons(&self, number: u64) -> usize {
        if self.restarts(number) { 0 } else { self.steps }
    }

    /// One batch. The canvases are decoded at the first lesson before a window, or when the run was resumed in between.
    pub(super) async fn learn(&mut self, exec: &Executor, setting: &Setting, number: u64, lesson: usize) -> Result<()> {
        if self.on_synthetic && self.decoded != Some(number) {
            let mut values = Vec::new();
            for class in 0..setting.classes() {
                values.extend(exec.get_f32(&canvas::canvas(class)).await?);
            }
            exec.set_f32(CANVASES, &values)?;
            exec.run(PICTURES, &[])?;
            self.decoded = Some(number);
        }
        let served = (number % self.restart) as usize;
        let step = (served - 1) * self.steps + lesson;
        self.trainer.step(exec, (number / self.restart) as usize, step as u64)?;
        if lesson + 1 == self.steps {
            self.trainer.take_loss(exec, step as u64, self.steps as u64).await?;
        }
        Ok(())
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
