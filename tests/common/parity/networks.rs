//! Every network beside PyTorch's, with weights and images that both draw.

use std::sync::Arc;

use attar::{
    engine::Engine,
    graph::Graph,
    nn::{Architecture, ImageSize, Mode, Network, Norm, Pooling, loss},
    rng::Draws,
};

use crate::common::fixtures::{Topic, Trial};

/// Streams of what is drawn.
const PARAMETERS: u32 = 0;
const IMAGES: u32 = 1;
const STATISTICS: u32 = 2;

pub fn networks(topic: &Topic, engine: &Arc<dyn Engine>) {
    for case in topic.cases(".arch") {
        check(topic, engine, &case);
    }
}

fn check(topic: &Topic, engine: &Arc<dyn Engine>, case: &str) {
    let arch = topic.ints(&format!("{case}.arch"));
    let [channels, height, width, classes, images, channels_wide, depth, seed] = arch[..] else {
        panic!("{case}.arch has eight entries")
    };
    let image = ImageSize { channels, height, width };
    let network = Network::new(architecture(case, channels_wide, depth), image, classes).expect("it fits");
    let (g, mut trial) = (Graph::new(), Trial::new(topic, engine));
    let draws = |stream| Draws::new(seed as u64, stream, 0);
    let theta = trial.given(&g, "theta", [network.table().len()], parameters(&network, &mut draws(PARAMETERS)));
    let mut pixels = draws(IMAGES);
    let values = (0..images * image.elements()).map(|_| (1.5 * pixels.range(-1.0, 1.0)) as f32).collect();
    let x = trial.given(&g, "x", image.batch(images), values);
    let rows = (0..images).map(|image| (image % classes) as u32).collect();
    let targets = loss::one_hot(&g, trial.given_rows(&g, "labels", rows), classes);

    let forward = network.forward(theta, x);
    let loss = loss::cross_entropy(forward.logits, targets);
    let name = |part: &str| format!("{case}.{part}");
    trial.expect(&g, &name("features"), forward.features);
    trial.expect(&g, &name("logits"), forward.logits);
    trial.expect(&g, &name("loss"), loss);
    for (index, inner) in forward.inner.iter().enumerate() {
        let axes: &[usize] = if inner.rank() == 4 { &[0, 2, 3] } else { &[0] };
        trial.expect(&g, &name(&format!("inner.{index}")), inner.mean(axes));
    }
    if topic.has(&name("grad_x")) {
        let gradients = g.grad(loss, &[x, theta]);
        trial.expect(&g, &name("grad_x"), gradients[0]);
        trial.expect_flat(&g, network.table(), &name("grad."), gradients[1]);
    }
    if !network.statistics().is_empty() {
        let values = statistics(&network, &mut draws(STATISTICS));
        let before = trial.given(&g, "statistics", [values.len()], values);
        let moved = forward.moved(before);
        trial.expect_flat(&g, network.statistics(), &name("moved."), moved);
        let tested = network.forward_in(theta, x, Mode::Running(moved));
        trial.expect(&g, &name("tested.logits"), tested.logits);
    }
    trial.check(g);
}

/// The network that a case is named after: its name, and its norm if that is not instance norm.
fn architecture(case: &str, width: usize, depth: usize) -> Architecture {
    let (name, kind) = match case.strip_prefix("resnet_ap10") {
        Some(kind) => ("resnet_ap10", kind.trim_start_matches('_')),
        None => case.split_once('_').unwrap_or((case, "")),
    };
    let norm = match kind {
        "none" => Norm::None,
        "group" => Norm::Group,
        "layer" => Norm::Layer,
        "batch" | "middle" => Norm::Batch,
        _ => Norm::Instance,
    };
    let pooling = if matches!(kind, "none" | "group") { Pooling::Max } else { Pooling::Average };
    match name {
        "convnet" => Architecture::ConvNet { depth, width, norm, pooling },
        "mlp" => Architecture::Mlp { width },
        "lenet" => Architecture::LeNet,
        "alexnet" => Architecture::AlexNet { width },
        "vgg11" => Architecture::Vgg11 { width, norm },
        "resnet18" => Architecture::ResNet18 { width, norm },
        "resnet_ap10" => Architecture::ResNetAp10 { width, norm },
        other => panic!("no network `{other}` is known"),
    }
}

/// Parameters of the size that keeps activations in bounds; scales about 1.
fn parameters(network: &Network, draws: &mut Draws) -> Vec<f32> {
    let mut theta = Vec::new();
    for param in network.table().params() {
        let dims = param.shape.dims();
        let inputs: usize = dims[1..].iter().product();
        theta.extend((0..param.shape.elements()).map(|_| {
            let value = draws.range(-1.0, 1.0);
            let value = match dims.len() {
                _ if param.name.ends_with("bias") => value / 2.0,
                1 | 3 => 1.0 + value / 2.0,
                _ => 2.0 * value / (inputs as f64).sqrt(),
            };
            value as f32
        }));
    }
    theta
}

/// Means about 0 and variances about 1.
fn statistics(network: &Network, draws: &mut Draws) -> Vec<f32> {
    let mut values = Vec::new();
    for param in network.statistics().params() {
        let middle = if param.name.ends_with("mean") { 0.0 } else { 1.0 };
        values.extend((0..param.shape.elements()).map(|_| (middle + draws.range(-1.0, 1.0) / 2.0) as f32));
    }
    values
}
