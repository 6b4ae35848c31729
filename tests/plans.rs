//! Lowering: what becomes of a network's step, in kernels and memory.

use attar::{
    graph::Graph,
    nn::{Architecture, ImageSize, Network, loss},
    program::{Place, Plan, Program, Step, Target, lower},
};

const TARGET: Target = Target { longest_row: 16 << 10, alignment: 16 };

/// What a step gives besides the loss.
#[derive(Clone, Copy, PartialEq)]
enum Gradients {
    None,
    Images,
    All,
}

/// A step of ConvNet-D3.
fn step(width: usize, batch: usize, gradients: Gradients) -> Program {
    let image = ImageSize { channels: 3, height: 32, width: 32 };
    let network = Network::new(Architecture::convnet(3, width), image, 10).expect("a network");
    let g = Graph::new();
    let (x, theta) = (g.input("x", image.batch(batch)), network.parameters(&g, "theta"));
    let loss = loss::cross_entropy(network.forward(theta, x).logits, g.input("targets", [batch, 10]));
    g.output("loss", loss);
    if gradients != Gradients::None {
        g.output("images", g.grad(loss, &[x])[0]);
    }
    if gradients == Gradients::All {
        g.output("parameters", g.grad(loss, &[theta])[0]);
    }
    Program::new("step", g).expect("a valid graph")
}

fn singles(plan: &Plan) -> usize {
    plan.steps.iter().filter(|step| matches!(step, Step::Single(_))).count()
}

/// Everything between two contractions is one kernel: norm, ReLU and pooling forwards, their derivatives backwards.
#[test]
fn what_lies_between_contractions_is_one_kernel() {
    let plan = lower(&step(32, 8, Gradients::None), &TARGET);
    assert_eq!((plan.kernels(), singles(&plan)), (8, 4), "{plan}");
    let plan = lower(&step(32, 8, Gradients::Images), &TARGET);
    assert_eq!((plan.kernels(), singles(&plan)), (15, 8), "{plan}");
    // Weight gradients add three convolutions and the classifier's product; sums over the batch a kernel each; and the
    // parts of the flat gradient are put together.
    let plan = lower(&step(32, 8, Gradients::All), &TARGET);
    assert!(plan.kernels() <= 29 && singles(&plan) == 13, "{plan}");
}

#[test]
fn little_passes_through_memory() {
    for gradients in [Gradients::None, Gradients::Images, Gradients::All] {
        let program = step(32, 8, gradients);
        let plan = lower(&program, &TARGET);
        assert!(plan.bytes() * 5 < program.cost().bytes, "{} of {}", plan.bytes(), program.cost().bytes);
    }
}

/// The memory of a step is that of a few of its largest values, not of all.
#[test]
fn memory_is_used_again() {
    let plan = lower(&step(32, 8, Gradients::All), &TARGET);
    let largest = 8 * 32 * 32 * 32;
    let all: usize = plan.values.iter().filter(|value| matches!(value.place, Place::Arena(_))).map(|v| v.len).sum();
    assert!(plan.arena < 3 * largest && plan.arena < all, "{} of {all}, largest {largest}", plan.arena);
}

#[test]
fn plans_are_printed() {
    let text = lower(&step(16, 4, Gradients::Images), &TARGET).to_string();
    for part in ["plan step: 15 kernels", "conv2d stride 1", "fused over 64 rows", "GFLOP", "MB of memory"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}
