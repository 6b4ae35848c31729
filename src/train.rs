//! Training one network after another on a set of images: the inner work of the pool and of evaluation.

use crate::{
    data::Normalisation,
    engine::{Data, Executor},
    error::{Error, Result},
    graph::{Graph, Kind},
    nn::{
        self, ImageSize, Network,
        augment::{self, Slots},
        loss,
        mix::{self, CutBox},
    },
    program::Program,
    recipe::TrainingRecipe,
    streams::Use,
};

/// Uses of random numbers that a trainer draws from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrainingDraws {
    pub init: Use,
    pub batches: Use,
    pub augment: Use,
}

/// Trains networks of one kind on one set: programs and buffers are made once, under names that begin with `name`.
pub(crate) struct Trainer {
    name: String,
    images: String,
    network: Network,
    count: usize,
    settings: TrainingRecipe,
    epochs: usize,
    seed: u64,
    draws: TrainingDraws,
}

impl Trainer {
    /// Loads the programs for the images in buffer `images` (`[n, c, h, w]`, pixels or values in [0, 1]) and writes their
    /// targets `[n, classes]`.
    pub(crate) fn new(
        exec: &mut Executor,
        (name, images): (&str, &str),
        network: Network,
        targets: &[f32],
        channels: &Normalisation,
        (settings, epochs): (TrainingRecipe, usize),
        (seed, draws): (u64, TrainingDraws),
    ) -> Result<Trainer> {
        let count = targets.len() / network.classes();
        if count == 0 {
            return Err(Error::Data("there are no images to train on".into()));
        }
        let kind = exec.buffer(images)?.kind();
        let trainer =
            Trainer { name: name.into(), images: images.into(), network, count, settings, epochs, seed, draws };
        exec.ensure(&format!("{name}.targets"), Kind::F32, [count, trainer.network.classes()])?;
        exec.set_f32(&format!("{name}.targets"), targets)?;
        for batch in trainer.batch_sizes() {
            exec.load(trainer.program(batch, kind, channels)?)?;
        }
        Ok(trainer)
    }

    /// The programs that it runs, one a size of batch.
    pub(crate) fn programs<'e>(&self, exec: &'e Executor) -> impl Iterator<Item = &'e Program> {
        self.batch_sizes().into_iter().filter_map(|batch| exec.program(&self.program_name(batch)))
    }

    /// Name of the buffer of the parameters being trained.
    pub(crate) fn theta(&self) -> String {
        format!("{}.theta", self.name)
    }

    /// Names of the buffers that hold a training between two steps.
    pub(crate) fn state(&self) -> Vec<String> {
        let mut names = vec![self.theta(), format!("{}.loss", self.name)];
        names.extend(self.settings.optimiser.states().iter().map(|state| format!("{}.{state}", self.theta())));
        names
    }

    /// Batches of one network's training.
    pub(crate) fn steps(&self) -> u64 {
        (self.epochs * self.batches()) as u64
    }

    /// Whether `step` (from 0) is the last of its epoch.
    pub(crate) fn ends_epoch(&self, step: u64) -> bool {
        (step + 1).is_multiple_of(self.batches() as u64)
    }

    /// Starts the training of network `member`.
    pub(crate) fn start(&self, exec: &Executor, member: usize) -> Result<()> {
        let theta = self.network.init(&mut self.draws.init.draws(self.seed, member, 0));
        exec.set_f32(&self.theta(), &theta)?;
        for state in self.settings.optimiser.states() {
            exec.set_f32(&format!("{}.{state}", self.theta()), &vec![0.0; theta.len()])?;
        }
        exec.set_f32(&format!("{}.loss", self.name), &[0.0])
    }

    /// Queues batch number `step` of network `member`: a function of (seed, member, step) and the state.
    pub(crate) fn step(&self, exec: &Executor, member: usize, step: u64) -> Result<()> {
        let (epoch, batch) = ((step / self.batches() as u64) as usize, (step % self.batches() as u64) as usize);
        let order = self.draws.batches.draws(self.seed, member, epoch as u64).permutation(self.count);
        let rows = &order[batch * self.batch()..((batch + 1) * self.batch()).min(self.count)];
        let slot = |part: &str| format!("{}.{}.{part}", self.name, rows.len());
        exec.set_rows(&slot("rows"), rows)?;
        let mut draws = self.draws.augment.draws(self.seed, member, step);
        let image = self.network.image();
        let settings = &self.settings;
        let parameters = settings.augment.draw(&mut draws, rows.len(), image, settings.flavour, settings.sharing);
        for (name, values) in augment::values(&slot("augment"), &settings.augment, &parameters) {
            exec.set_f32(&name, &values)?;
        }
        if settings.cutmix > 0.0 {
            let cut = if draws.chance(settings.cutmix) { CutBox::draw(&mut draws, image) } else { CutBox::default() };
            exec.set_rows(&slot("partner"), &draws.permutation(rows.len()))?;
            exec.set_f32(&slot("cut"), &cut.values())?;
            exec.set_f32(&slot("kept"), &[cut.kept(image) as f32])?;
        }
        let lr = settings.lr * settings.schedule.factor(epoch, self.epochs);
        exec.run(&self.program_name(rows.len()), &settings.optimiser.scalars(step + 1, lr))
    }

    /// Mean loss over the batches since it was last asked for; checks that the training has not diverged.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if it is no number, or more than ten times what guessing costs.
    pub(crate) async fn take_loss(&self, exec: &Executor, step: u64) -> Result<f32> {
        let name = format!("{}.loss", self.name);
        let loss = exec.get_f32(&name).await?[0] / self.batches() as f32;
        exec.set_f32(&name, &[0.0])?;
        let guessing = (self.network.classes() as f32).ln().max(1.0);
        if loss.is_finite() && loss < 10.0 * guessing {
            return Ok(loss);
        }
        Err(Error::NonFinite { what: format!("the training loss of `{}`, {loss},", self.name), unit: step })
    }

    fn batch(&self) -> usize {
        self.settings.batch.min(self.count)
    }

    fn batches(&self) -> usize {
        self.count.div_ceil(self.batch())
    }

    /// The sizes of an epoch's batches: the full one and what remains.
    fn batch_sizes(&self) -> Vec<usize> {
        let rest = self.count % self.batch();
        if rest == 0 { vec![self.batch()] } else { vec![self.batch(), rest] }
    }

    fn program_name(&self, batch: usize) -> String {
        format!("{}.step{batch}", self.name)
    }

    /// One step on `batch` images: take, normalise, augment, mix, loss, gradient, update.
    fn program(&self, batch: usize, kind: Kind, channels: &Normalisation) -> Result<Program> {
        let g = Graph::new();
        let slot = |part: &str| format!("{}.{batch}.{part}", self.name);
        let all = self.network.image().batch(self.count);
        let images = if kind == Kind::Pixels { g.pixels(&self.images, all) } else { g.input(&self.images, all) };
        let rows = g.rows(&slot("rows"), batch);
        let mut targets = g.input(&format!("{}.targets", self.name), [self.count, self.network.classes()]).take(rows);
        let slots = Slots::declare(&g, &slot("augment"), &self.settings.augment, batch);
        let mut x =
            self.settings.augment.apply(nn::normalise(images.take(rows), &channels.mean, &channels.std), &slots);
        if self.settings.cutmix > 0.0 {
            let partner = g.rows(&slot("partner"), batch);
            x = mix::cutmix(x, x.take(partner), g.input(&slot("cut"), [4]));
            let kept = g.input(&slot("kept"), [1]).reshape([]);
            targets = mix::mixup(targets, targets.take(partner), kept);
        }
        let theta = self.network.parameters(&g, &self.theta());
        let loss = loss::cross_entropy(self.network.forward(theta, x).logits, targets);
        let gradient = g.grad(loss, &[theta])[0];
        self.settings.optimiser.update(&g, &self.theta(), theta, gradient);
        let total = g.input(&format!("{}.loss", self.name), [1]);
        g.update(total, total + loss.reshape([1]));
        Program::new(self.program_name(batch), g)
    }
}

/// Counts how many images of a labelled set a network tells right.
pub(crate) struct Tester {
    name: String,
    count: usize,
    batch: usize,
}

impl Tester {
    /// Loads the program and writes the images and labels under names that begin with `name`.
    pub(crate) fn new(
        exec: &mut Executor,
        name: &str,
        network: &Network,
        (pixels, labels): (&[u8], &[u32]),
        channels: &Normalisation,
        batch: usize,
    ) -> Result<Tester> {
        let tester = Tester { name: name.into(), count: labels.len(), batch: batch.min(labels.len()).max(1) };
        let (classes, image) = (network.classes(), network.image());
        exec.ensure(&format!("{name}.images"), Kind::Pixels, image.batch(labels.len()))?;
        exec.ensure(&format!("{name}.targets"), Kind::F32, [labels.len(), classes])?;
        exec.set(&format!("{name}.images"), Data::Pixels(pixels))?;
        exec.set_f32(&format!("{name}.targets"), &one_hot(labels, classes))?;
        exec.load(tester.program(network, image, channels)?)?;
        Ok(tester)
    }

    /// Batches of one test.
    pub(crate) fn steps(&self) -> u64 {
        self.count.div_ceil(self.batch) as u64
    }

    /// Queues batch number `step` for the parameters in buffer `theta`. A ragged last batch repeats row 0 with weight 0.
    pub(crate) fn step(&self, exec: &Executor, theta: &str, step: u64) -> Result<()> {
        let name = |part: &str| format!("{}.{part}", self.name);
        if step == 0 {
            exec.set_f32(&name("hits"), &[0.0])?;
        }
        let start = step as usize * self.batch;
        let inside = |i: usize| start + i < self.count;
        let rows: Vec<u32> = (0..self.batch).map(|i| if inside(i) { (start + i) as u32 } else { 0 }).collect();
        let weights: Vec<f32> = (0..self.batch).map(|i| f32::from(u8::from(inside(i)))).collect();
        exec.set_rows(&name("rows"), &rows)?;
        exec.set_f32(&name("weights"), &weights)?;
        exec.run_bound(&self.name, &[(&name("theta"), theta)], &[])
    }

    /// The fraction told right in the batches since step 0.
    pub(crate) async fn accuracy(&self, exec: &Executor) -> Result<f64> {
        let hits = exec.get_f32(&format!("{}.hits", self.name)).await?[0];
        Ok(f64::from(hits) / self.count as f64)
    }

    fn program(&self, network: &Network, image: ImageSize, channels: &Normalisation) -> Result<Program> {
        let g = Graph::new();
        let name = |part: &str| format!("{}.{part}", self.name);
        let rows = g.rows(&name("rows"), self.batch);
        let x =
            nn::normalise(g.pixels(&name("images"), image.batch(self.count)).take(rows), &channels.mean, &channels.std);
        let targets = g.input(&name("targets"), [self.count, network.classes()]).take(rows);
        let logits = network.forward(network.parameters(&g, &name("theta")), x).logits;
        let hits = (loss::hits(logits, targets) * g.input(&name("weights"), [self.batch])).sum_all().reshape([1]);
        let total = g.input(&name("hits"), [1]);
        g.update(total, total + hits);
        Program::new(self.name.clone(), g)
    }
}

/// Hard labels as targets `[n, classes]`.
pub(crate) fn one_hot(labels: &[u32], classes: usize) -> Vec<f32> {
    let mut targets = vec![0.0; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        targets[row * classes + label as usize] = 1.0;
    }
    targets
}
