//! The network of the field, forward and backward.

use std::sync::Arc;

use super::{Figure, IMAGE, Meter, Stopwatch, noise};
use crate::{
    engine::{Engine, Executor},
    error::Result,
    graph::Graph,
    nn::{Architecture, ImageSize, Network, loss},
    program::Program,
    rng::Draws,
};

const CLASSES: usize = 10;

/// ConvNet-D3 on a batch of 32x32 images that passes through it in micro-batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConvNet {
    /// Channels of the images.
    pub channels: usize,
    /// Channels of each block.
    pub width: usize,
    /// Images of a round, rounded up to whole micro-batches.
    pub batch: usize,
    /// Images of a run.
    pub micro_batch: usize,
}

/// What is computed of each image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// Logits.
    Forward,
    /// Cross-entropy and its gradient to the images: what distillation does with its canvases.
    InputGradient,
    /// Cross-entropy and its gradients to all parameters, added up over the micro-batches: a training step but for the
    /// optimiser.
    TrainingStep,
}

impl Default for ConvNet {
    /// The field's colour images, width of 128 and batch of 256, in micro-batches whose activations stay in a core's cache.
    fn default() -> ConvNet {
        ConvNet { channels: IMAGE.channels, width: 128, batch: 256, micro_batch: 16 }
    }
}

impl ConvNet {
    /// The default at this width; on an engine that has no cache to keep to, a GPU, the whole batch passes at once.
    pub fn on(engine: &dyn Engine, width: usize) -> ConvNet {
        let net = ConvNet { width, ..ConvNet::default() };
        match engine.limits().cache_bytes {
            Some(_) => net,
            None => ConvNet { micro_batch: net.batch, ..net },
        }
    }

    /// Measures one batch.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn measure(&self, pass: Pass, engine: &Arc<dyn Engine>, watch: &Stopwatch<'_>) -> Result<Figure> {
        let meter = Meter::new(engine);
        let mut exec = Executor::new(meter.engine());
        let batch = self.prepare(pass, &mut exec)?;
        watch.measure(&meter, 1, async || batch.time(&exec, watch.clock).await).await
    }

    /// The seconds of each of `count` batches after two that warm up, for comparisons by medians.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rounds(
        &self,
        pass: Pass,
        engine: &Arc<dyn Engine>,
        clock: &dyn Fn() -> f64,
        count: usize,
    ) -> Result<Vec<f64>> {
        let mut exec = Executor::new(Arc::clone(engine));
        let batch = self.prepare(pass, &mut exec)?;
        let mut rounds = Vec::new();
        for _ in 0..count + 2 {
            rounds.push(batch.time(&exec, clock).await?);
        }
        Ok(rounds.split_off(2))
    }

    /// Loads the program and fills its buffers.
    pub(super) fn prepare(&self, pass: Pass, exec: &mut Executor) -> Result<Batch> {
        let network = self.network()?;
        let mut draws = Draws::new(1, 0, 0);
        exec.load(self.program(&network, pass)?)?;
        exec.set_f32("theta", &network.init(&mut draws))?;
        if pass != Pass::Forward {
            let targets = (0..self.micro_batch * CLASSES).map(|at| f32::from(u8::from(at % CLASSES == 0)));
            exec.set_f32("targets", &targets.collect::<Vec<_>>())?;
        }
        let images: Vec<String> = (0..self.batch.div_ceil(self.micro_batch)).map(|part| format!("x.{part}")).collect();
        for name in &images {
            noise(exec, name, self.image().batch(self.micro_batch), &mut draws)?;
        }
        Ok(Batch { images, read: if pass == Pass::Forward { "logits" } else { "loss" } })
    }

    pub(super) fn network(&self) -> Result<Network> {
        Network::new(Architecture::convnet(3, self.width), self.image(), CLASSES)
    }

    fn image(&self) -> ImageSize {
        ImageSize { channels: self.channels, ..IMAGE }
    }

    /// One micro-batch.
    fn program(&self, network: &Network, pass: Pass) -> Result<Program> {
        let g = Graph::new();
        let theta = network.parameters(&g, "theta");
        let x = g.input("x", self.image().batch(self.micro_batch));
        let logits = network.forward(theta, x).logits;
        if pass == Pass::Forward {
            g.output("logits", logits);
            return Program::new("bench.convnet", g);
        }
        let loss = loss::cross_entropy(logits, g.input("targets", [self.micro_batch, CLASSES]));
        g.output("loss", loss.reshape([1]));
        match pass {
            Pass::TrainingStep => {
                let total = g.input("gradient", theta.shape());
                g.update(total, total + g.grad(loss, &[theta])[0]);
            }
            _ => g.output("gradient", g.grad(loss, &[x])[0]),
        }
        Program::new("bench.convnet", g)
    }
}

/// A batch in the buffers of an executor.
pub(super) struct Batch {
    images: Vec<String>,
    /// The smallest buffer that a run writes.
    read: &'static str,
}

impl Batch {
    /// Queues all micro-batches.
    pub(super) fn run(&self, exec: &Executor) -> Result<()> {
        self.images.iter().try_for_each(|images| exec.run_bound("bench.convnet", &[("x", images)], &[]))
    }

    /// The seconds that all micro-batches take, to the end of the queue.
    async fn time(&self, exec: &Executor, clock: &dyn Fn() -> f64) -> Result<f64> {
        let start = clock();
        self.run(exec)?;
        exec.get_f32(self.read).await?;
        Ok(clock() - start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Width 128: 2 (32^2 27 + 16^2 1152 + 8^2 1152) 128 + 2 2048 10, so 101.4 million an image.
    #[test]
    fn an_image_costs_what_the_field_says() {
        let flops = |pass| {
            let net = ConvNet { micro_batch: 4, ..ConvNet::default() };
            let network = net.network().expect("it fits");
            net.program(&network, pass).expect("a valid graph").cost().contraction_flops / 4
        };
        assert_eq!(flops(Pass::Forward), 101_490_688);
        // Every contraction has two operands, each with a gradient of the same cost; that to the images is spared in
        // training, those to the parameters when the images move.
        let first = 2 * 32 * 32 * 27 * 128;
        assert_eq!(flops(Pass::InputGradient), 2 * 101_490_688);
        assert_eq!(flops(Pass::TrainingStep), 3 * 101_490_688 - first);
    }
}
