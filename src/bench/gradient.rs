//! A step of gradient matching: the derivative of a derivative.

use std::sync::Arc;

use super::{ConvNet, Figure, IMAGE, Meter, Pass, Stopwatch, noise};
use crate::{
    engine::{Engine, Executor},
    error::Result,
    graph::Graph,
    nn::{Network, loss},
    program::Program,
    rng::Draws,
};

const SYNTHETIC: usize = 10;

/// Measures one step of gradient matching on one class, with a ConvNet-D3 of this width: the parameter gradient of 256
/// real 3x32x32 images, that of 10 synthetic ones, and the gradient of the squared distance of the two to the synthetic
/// images.
///
/// # Errors
/// Those of the engine.
pub async fn gradient_step(width: usize, engine: &Arc<dyn Engine>, watch: &Stopwatch<'_>) -> Result<Figure> {
    let meter = Meter::new(engine);
    let mut exec = Executor::new(meter.engine());
    let net = ConvNet { width, ..ConvNet::default() };
    let network = net.network()?;
    let real = net.prepare(Pass::TrainingStep, &mut exec)?;
    exec.load(matching(&network)?)?;
    noise(&mut exec, "synthetic", IMAGE.batch(SYNTHETIC), &mut Draws::new(2, 0, 0))?;
    let zeros = vec![0.0; network.table().len()];
    watch
        .measure(&meter, 1, async || {
            let start = (watch.clock)();
            exec.set_f32("gradient", &zeros)?;
            real.run(&exec)?;
            exec.run("bench.gradient", &[("share", (net.micro_batch as f32) / (net.batch as f32))])?;
            exec.get_f32("distance").await?;
            Ok((watch.clock)() - start)
        })
        .await
}

/// `share` turns the sum over micro-batches into a mean.
fn matching(network: &Network) -> Result<Program> {
    let g = Graph::new();
    let theta = network.parameters(&g, "theta");
    let images = g.input("synthetic", IMAGE.batch(SYNTHETIC));
    let logits = network.forward(theta, images).logits;
    let targets = g.iota(1, logits.shape()).equal(g.fill(0.0, []));
    let synthetic = g.grad(loss::cross_entropy(logits, targets), &[theta])[0];
    let real = g.input("gradient", theta.shape()) * g.scalar("share");
    let distance = (real - synthetic).square().sum_all();
    g.output("distance", distance.reshape([1]));
    g.output("synthetic.gradient", g.grad(distance, &[images])[0]);
    Program::new("bench.gradient", g)
}
