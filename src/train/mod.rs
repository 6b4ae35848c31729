//! Training one network after another on a set of images: the inner work of the pool and of evaluation.

mod programs;
mod tester;
#[cfg(test)]
mod tests;

pub(crate) use tester::Tester;

use crate::{
    data::Normalisation,
    engine::{Executor, Limits},
    error::{Error, Result},
    graph::Kind,
    micro_batch::{Parts, padded},
    nn::{
        Network,
        augment::{self, Parameters},
        mix::CutBox,
    },
    program::Program,
    recipe::{MicroBatch, TrainingRecipe},
    streams::Use,
};

/// Uses of random numbers that a trainer draws from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TrainingDraws {
    pub init: Use,
    pub batches: Use,
    pub augment: Use,
}

/// What a trainer adds up over batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tally {
    Loss,
    /// The share of images told right, too.
    LossAndHits,
}

/// What is trained, on what, and how.
pub(crate) struct Course<'a> {
    /// What the names of programs and buffers begin with.
    pub name: &'a str,
    /// Name of the buffer of images `[n, c, h, w]`, pixels or values in [0, 1].
    pub images: &'a str,
    /// `[n, classes]`.
    pub targets: &'a [f32],
    pub channels: &'a Normalisation,
    pub network: &'a Network,
    pub settings: &'a TrainingRecipe,
    pub epochs: usize,
    pub micro_batch: MicroBatch,
    pub seed: u64,
    pub draws: TrainingDraws,
    pub tally: Tally,
}

impl Course<'_> {
    /// Number of images.
    fn count(&self) -> usize {
        self.targets.len() / self.network.classes()
    }

    /// How a batch passes through the network, and how the last of an epoch, which may be smaller.
    fn parts(&self, limits: Limits) -> [Parts; 2] {
        let batch = self.settings.batch.min(self.count());
        // Batch norm normalises over what passes at once, so with it a batch passes whole, however much memory it takes.
        let whole = !self.network.statistics().is_empty();
        let micro_batch = if whole { MicroBatch::Images(batch) } else { self.micro_batch };
        let parts = micro_batch.parts(batch, self.network, limits);
        match self.count() % batch {
            0 => [parts; 2],
            rest => [parts, micro_batch.rest(rest, parts, self.network, limits)],
        }
    }
}

/// Trains networks of one kind on one set: programs and buffers are made once.
pub(crate) struct Trainer {
    name: String,
    network: Network,
    count: usize,
    settings: TrainingRecipe,
    epochs: usize,
    seed: u64,
    draws: TrainingDraws,
    tally: Tally,
    /// How a batch passes through the network, and how the last of an epoch, which may be smaller.
    parts: Parts,
    last: Parts,
    order: Option<Order>,
}

/// Buffer of the sum over batches of the share of images told right.
const HITS: &str = "hits";

/// The order of the images in an epoch. It is kept from step to step: to draw that of a large set takes as long as a GPU
/// takes for a step.
struct Order {
    member: usize,
    epoch: u64,
    rows: Vec<u32>,
}

impl Trainer {
    /// The programs of a course on images of this kind, as [`Trainer::new`] loads them on an engine with these limits.
    pub(crate) fn plan(course: &Course<'_>, kind: Kind, limits: Limits) -> Result<Vec<Program>> {
        let [parts, last] = course.parts(limits);
        let writer = programs::Writer { course, room: parts.room() };
        let mut programs = vec![writer.prepare(kind, course.count())?, writer.update()?, writer.gradient(parts)?];
        if last.each != parts.each {
            programs.push(writer.gradient(last)?);
        }
        Ok(programs)
    }

    /// Loads the programs and writes the targets; the images must be there.
    pub(crate) fn new(exec: &mut Executor, course: &Course<'_>) -> Result<Trainer> {
        let count = course.count();
        if count == 0 {
            return Err(Error::Data("there are no images to train on".into()));
        }
        let [parts, last] = course.parts(exec.engine().limits());
        let trainer = Trainer {
            name: course.name.into(),
            network: course.network.clone(),
            count,
            settings: course.settings.clone(),
            epochs: course.epochs,
            seed: course.seed,
            draws: course.draws,
            tally: course.tally,
            parts,
            last,
            order: None,
        };
        let kind = exec.buffer(course.images)?.kind();
        for program in Trainer::plan(course, kind, exec.engine().limits())? {
            exec.load(program)?;
        }
        exec.set_f32(&trainer.named("targets"), course.targets)?;
        for parts in [parts, last] {
            let program = gradient(&trainer.name, parts);
            for part in 0..parts.number {
                let (name, first) = (rows_of(&program, part), (part * parts.each) as u32);
                let rows: Vec<u32> = (first..).take(parts.each).collect();
                exec.ensure(&name, Kind::Rows, [parts.each])?;
                exec.set_rows(&name, &rows)?;
            }
        }
        Ok(trainer)
    }

    /// The programs that it runs.
    pub(crate) fn programs<'e>(&self, exec: &'e Executor) -> impl Iterator<Item = &'e Program> {
        let [all, last] = [self.parts, self.last].map(|parts| gradient(&self.name, parts));
        let mut names = vec![self.named("prepare"), all, last, self.named("update")];
        names.dedup();
        names.into_iter().filter_map(|name| exec.program(&name))
    }

    /// Name of the buffer of the parameters being trained.
    pub(crate) fn theta(&self) -> String {
        self.named("theta")
    }

    /// Name of the buffer of batch norm's running statistics, if the network has any.
    pub(crate) fn statistics(&self) -> Option<String> {
        (!self.network.statistics().is_empty()).then(|| self.named(STATISTICS))
    }

    /// Names of the buffers that hold a training between two steps.
    pub(crate) fn state(&self) -> Vec<String> {
        let mut names = vec![self.theta(), self.named("loss")];
        names.extend(self.statistics());
        if self.tally == Tally::LossAndHits {
            names.push(self.named(HITS));
        }
        names.extend(self.optimiser_states().iter().map(|state| format!("{}.{state}", self.theta())));
        names
    }

    /// Suffixes of the buffers of the optimiser's state, after the name of the parameters'.
    pub(crate) fn optimiser_states(&self) -> &'static [&'static str] {
        self.settings.optimiser.states()
    }

    /// Batches of one network's training.
    pub(crate) fn steps(&self) -> u64 {
        self.epochs as u64 * self.batches()
    }

    /// Whether `step` (from 0) is the last of its epoch.
    pub(crate) fn ends_epoch(&self, step: u64) -> bool {
        (step + 1).is_multiple_of(self.batches())
    }

    /// The parameters that network `member` starts from.
    pub(crate) fn initial(&self, member: usize) -> Vec<f32> {
        self.network.init(&mut self.draws.init.draws(self.seed, member, 0))
    }

    /// Starts the training of network `member`.
    pub(crate) fn start(&self, exec: &Executor, member: usize) -> Result<()> {
        let theta = self.initial(member);
        exec.set_f32(&self.theta(), &theta)?;
        for state in self.settings.optimiser.states() {
            exec.set_f32(&format!("{}.{state}", self.theta()), &vec![0.0; theta.len()])?;
        }
        if let Some(statistics) = self.statistics() {
            exec.set_f32(&statistics, &self.network.initial_statistics())?;
        }
        exec.set_f32(&self.named("loss"), &[0.0])
    }

    /// Queues batch number `step` of network `member`: a function of (seed, member, step) and the state.
    pub(crate) fn step(&mut self, exec: &Executor, member: usize, step: u64) -> Result<()> {
        let rows = self.rows(member, step);
        self.prepare(exec, member, step, &rows)?;
        let parts = if self.ends_epoch(step) { self.last } else { self.parts };
        let program = gradient(&self.name, parts);
        for part in 0..parts.number {
            exec.run_bound(&program, &[(&rows_slot(&program), &rows_of(&program, part))], &[])?;
        }
        let lr = self.settings.lr * self.settings.schedule.factor((step / self.batches()) as usize, self.epochs);
        exec.run(&self.named("update"), &self.settings.optimiser.scalars(step + 1, lr))
    }

    /// Queues the making of the batch of these rows.
    fn prepare(&self, exec: &Executor, member: usize, step: u64, rows: &[u32]) -> Result<()> {
        let (image, settings, room) = (self.network.image(), &self.settings, self.parts.room());
        let (padded_rows, weights) = padded(rows, 1.0 / rows.len() as f32, room);
        exec.set_rows(&self.named("rows"), &padded_rows)?;
        exec.set_f32(&self.named("batch.weights"), &weights)?;
        let mut draws = self.draws.augment.draws(self.seed, member, step);
        let mut parameters = settings.augment.draw(&mut draws, rows.len(), image, settings.flavour, settings.sharing);
        parameters.resize(room, Parameters::NEUTRAL);
        for (name, values) in augment::values(&self.named("augment"), &settings.augment, &parameters) {
            exec.set_f32(&name, &values)?;
        }
        if settings.cutmix > 0.0 {
            let cut = if draws.chance(settings.cutmix) { CutBox::draw(&mut draws, image) } else { CutBox::default() };
            let mut partners = draws.permutation(rows.len());
            partners.resize(room, 0);
            exec.set_rows(&self.named("partner"), &partners)?;
            exec.set_f32(&self.named("cut"), &cut.values())?;
            exec.set_f32(&self.named("kept"), &[cut.kept(image) as f32])?;
        }
        exec.run(&self.named("prepare"), &[])
    }

    /// Mean loss over the `batches` since it was last asked for; checks that the training has not diverged.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if it is no number, or more than ten times what guessing costs.
    pub(crate) async fn take_loss(&self, exec: &Executor, step: u64, batches: u64) -> Result<f32> {
        let name = self.named("loss");
        let loss = exec.get_f32(&name).await?[0] / batches as f32;
        exec.set_f32(&name, &[0.0])?;
        let guessing = (self.network.classes() as f32).ln().max(1.0);
        if loss.is_finite() && loss < 10.0 * guessing {
            return Ok(loss);
        }
        Err(Error::NonFinite { what: format!("the training loss of `{}`", self.name), unit: step })
    }

    /// The share of images told right in the `batches` since it was last asked for.
    pub(crate) async fn take_hits(&self, exec: &Executor, batches: u64) -> Result<f32> {
        let name = self.named(HITS);
        let hits = exec.get_f32(&name).await?[0] / batches as f32;
        exec.set_f32(&name, &[0.0])?;
        Ok(hits)
    }

    fn batch(&self) -> usize {
        self.settings.batch.min(self.count)
    }

    /// Batches of an epoch.
    pub(crate) fn batches(&self) -> u64 {
        self.count.div_ceil(self.batch()) as u64
    }

    /// The images of batch number `step` of network `member`.
    fn rows(&mut self, member: usize, step: u64) -> Vec<u32> {
        let (epoch, first) = (step / self.batches(), (step % self.batches()) as usize * self.batch());
        let last = self.count.min(first + self.batch());
        let kept = self.order.take().filter(|order| (order.member, order.epoch) == (member, epoch));
        let draw = || self.draws.batches.draws(self.seed, member, epoch).permutation(self.count);
        let order = kept.unwrap_or_else(|| Order { member, epoch, rows: draw() });
        self.order.insert(order).rows[first..last].to_vec()
    }

    fn named(&self, part: &str) -> String {
        named(&self.name, part)
    }
}

/// The part of a trainer that is the running statistics.
const STATISTICS: &str = "statistics";

/// The name of a program or buffer of the trainer `name`.
fn named(name: &str, part: &str) -> String {
    format!("{name}.{part}")
}

fn numbered(name: &str, number: usize) -> String {
    format!("{name}.{number}")
}

/// The name of the program of a micro-batch of this size of the trainer `name`.
fn gradient(name: &str, parts: Parts) -> String {
    numbered(&named(name, "gradient"), parts.each)
}

/// The name of the slot of `program` for the rows of its micro-batch within a batch.
fn rows_slot(program: &str) -> String {
    named(program, "rows")
}

/// The name of the buffer of the rows of micro-batch number `part` for `program`.
fn rows_of(program: &str, part: usize) -> String {
    numbered(&rows_slot(program), part)
}

/// Hard labels as targets `[n, classes]`.
pub(crate) fn one_hot(labels: &[u32], classes: usize) -> Vec<f32> {
    let mut targets = vec![0.0; labels.len() * classes];
    for (row, &label) in labels.iter().enumerate() {
        targets[row * classes + label as usize] = 1.0;
    }
    targets
}
