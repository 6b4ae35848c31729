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

/// What the programs of a run of NCFM as published come to on a GPU, beside a dispatch for every node.
#[cfg(feature = "webgpu")]
mod on_webgpu {
    use attar::{
        Dataset, Distillation, Recipe,
        data::Images,
        engine::{reference::Reference, webgpu::Traffic},
        program::Program,
    };

    /// The programs of a run on 3x32x32 images with a ConvNet-D3 of width 128, ten images per class.
    fn programs() -> Vec<Program> {
        let (classes, size) = (10, 3 * 32 * 32);
        let names = (0..classes).map(|class| class.to_string()).collect();
        let rows = 64 * classes;
        let pixels = (0..rows * size).map(|at| (at * 7 % 251) as u8).collect();
        let images = Images::new(3, 32, 32, pixels).expect("as many values as pixels");
        let labels = (0..rows).map(|row| (row % classes) as u32).collect();
        let data = Dataset::new(names, images, labels).expect("labels of classes");
        let settings = ["network.width=128", "micro_batch=64"];
        let recipe = Recipe::default().images_per_class(10);
        let recipe = settings.iter().fold(recipe, |recipe, setting| recipe.with(setting).expect("a known key"));
        let engine = std::sync::Arc::new(Reference::f32());
        let run = Distillation::new(recipe, &data, engine).expect("the recipe fits");
        run.programs().expect("the programs of a run")
    }

    #[test]
    fn few_dispatches_and_little_memory() {
        for program in programs() {
            let (fused, unfused) = (Traffic::of(&program), Traffic::one_by_one(&program));
            println!(
                "{}: {} dispatches binding {:.1} MB; one by one {} binding {:.1} MB",
                program.name(),
                fused.dispatches,
                fused.bound_bytes as f64 / 1e6,
                unfused.dispatches,
                unfused.bound_bytes as f64 / 1e6,
            );
            let most = match program.name() {
                "ncfm.match" => 45,
                "ncfm.real" => 14,
                "ncfm.calibrate" => 35,
                _ => continue,
            };
            assert!(fused.dispatches <= most, "{}: {} dispatches", program.name(), fused.dispatches);
            assert!(4 * fused.dispatches <= unfused.dispatches, "{}: {fused:?} of {unfused:?}", program.name());
            assert!(3 * fused.bound_bytes <= unfused.bound_bytes, "{}: {fused:?} of {unfused:?}", program.name());
        }
    }
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

/// States of equal size that are little work are updated by one kernel, though they have nothing in common.
#[test]
fn small_neighbours_share_a_kernel() {
    let g = Graph::new();
    for name in ["re", "im"] {
        let total = g.input(name, [1024]);
        g.update(total, total + g.input(&format!("{name}.sum"), [1024]).sin());
    }
    let plan = lower(&Program::new("totals", g).expect("a valid graph"), &TARGET);
    assert_eq!(plan.kernels(), 1, "{plan}");
}

#[test]
fn plans_are_printed() {
    let text = lower(&step(16, 4, Gradients::Images), &TARGET).to_string();
    for part in ["plan step: 15 kernels", "conv2d stride 1", "fused over 64 rows", "GFLOP", "MB of memory"] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
}
