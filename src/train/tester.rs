//! Counting how many images of a labelled set a network tells right.

use super::one_hot;
use crate::{
    data::Normalisation,
    engine::{Data, Executor},
    error::Result,
    graph::{Graph, Kind},
    micro_batch::{Parts, padded},
    nn::{self, Network, loss},
    program::Program,
    recipe::MicroBatch,
};

/// Tests networks of one kind on one set.
pub(crate) struct Tester {
    name: String,
    count: usize,
    parts: Parts,
}

impl Tester {
    /// Loads the program and writes the images and labels under names that begin with `name`.
    pub(crate) fn new(
        exec: &mut Executor,
        name: &str,
        network: &Network,
        (pixels, labels): (&[u8], &[u32]),
        channels: &Normalisation,
        micro_batch: MicroBatch,
    ) -> Result<Tester> {
        let parts = micro_batch.parts(labels.len(), network, exec.engine().limits());
        let tester = Tester { name: name.into(), count: labels.len(), parts };
        let classes = network.classes();
        exec.ensure(&format!("{name}.images"), Kind::Pixels, network.image().batch(labels.len()))?;
        exec.ensure(&format!("{name}.targets"), Kind::F32, [labels.len(), classes])?;
        exec.set(&format!("{name}.images"), Data::Pixels(pixels))?;
        exec.set_f32(&format!("{name}.targets"), &one_hot(labels, classes))?;
        exec.load(tester.program(network, channels)?)?;
        Ok(tester)
    }

    /// Micro-batches of one test.
    pub(crate) fn steps(&self) -> u64 {
        self.parts.number as u64
    }

    /// Queues micro-batch number `step` for the parameters in buffer `theta` and, if the network has batch norm, the running
    /// statistics in buffer `statistics`.
    pub(crate) fn step(&self, exec: &Executor, theta: &str, statistics: Option<&str>, step: u64) -> Result<()> {
        let name = |part: &str| format!("{}.{part}", self.name);
        if step == 0 {
            exec.set_f32(&name("hits"), &[0.0])?;
        }
        let start = step as usize * self.parts.each;
        let rows: Vec<u32> = (start..(start + self.parts.each).min(self.count)).map(|row| row as u32).collect();
        let (rows, weights) = padded(&rows, 1.0, self.parts.each);
        exec.set_rows(&name("rows"), &rows)?;
        exec.set_f32(&name("weights"), &weights)?;
        let slots = [name("theta"), name("statistics")];
        let buffers = std::iter::once(theta).chain(statistics);
        let bindings: Vec<(&str, &str)> = slots.iter().map(String::as_str).zip(buffers).collect();
        exec.run_bound(&self.name, &bindings, &[])
    }

    /// The fraction told right in the micro-batches since step 0.
    pub(crate) async fn accuracy(&self, exec: &Executor) -> Result<f64> {
        let hits = exec.get_f32(&format!("{}.hits", self.name)).await?[0];
        Ok(f64::from(hits) / self.count as f64)
    }

    fn program(&self, network: &Network, channels: &Normalisation) -> Result<Program> {
        let g = Graph::new();
        let name = |part: &str| format!("{}.{part}", self.name);
        let rows = g.rows(&name("rows"), self.parts.each);
        let images = g.pixels(&name("images"), network.image().batch(self.count)).take(rows);
        let x = nn::normalise(images, &channels.mean, &channels.std);
        let targets = g.input(&name("targets"), [self.count, network.classes()]).take(rows);
        let theta = network.parameters(&g, &name("theta"));
        let logits = network.forward_in(theta, x, network.running(&g, &name("statistics"))).logits;
        let hits = (loss::hits(logits, targets) * g.input(&name("weights"), [self.parts.each])).sum_all().reshape([1]);
        let total = g.input(&name("hits"), [1]);
        g.update(total, total + hits);
        Program::new(self.name.clone(), g)
    }
}
