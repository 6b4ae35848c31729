//! Lowering: what becomes of a network's step, in kernels and memory.

use attar::{
    graph::Graph,
    nn::{Architecture, ImageSize, Network, loss},
    program::{Plan, Program, Target, lower},
};

const TARGET: Target = Target { longest_row: 16 << 10, alignment: 16 };

/// The gradient of a ConvNet-D3's loss in its images, its parameters, or both.
fn step(width: usize, batch: usize, images: bool, parameters: bool) -> Plan {
    let image = ImageSize { channels: 3, height: 32, width: 32 };
    let network = Network::new(Architecture::convnet(3, width), image, 10).unwrap();
    let g = Graph::new();
    let (x, theta) = (g.input("x", image.batch(batch)), network.parameters(&g, "theta"));
    let loss = loss::cross_entropy(network.forward(theta, x).logits, g.input("targets", [batch, 10]));
    g.output("loss", loss);
    if images {
        g.output("images", g.grad(loss, &[x])[0]);
    }
    if parameters {
        g.output("parameters", g.grad(loss, &[theta])[0]);
    }
    lower(&Program::new("step", g).unwrap(), &TARGET)
}

#[test]
fn show() {
    println!("{}", step(128, 16, false, false));
    println!("{}", step(128, 16, true, false));
    println!("{}", step(128, 16, true, true));
}

mod common;

#[test]
fn debug_random() {
    let wanted = std::env::var("CASE").unwrap_or_default();
    for case in common::generator::cases(1).take(60) {
        if case.program.name() == wanted {
            println!("{}\n{}", case.program, lower(&case.program, &TARGET));
        }
    }
}
