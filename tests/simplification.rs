//! Simplification never changes a value: programs against the graphs they were made from, in double precision.

mod common;

use attar::{
    engine::Scalars,
    graph::{Conv, Graph, Tensor},
    nn::{Architecture, ImageSize, Network, loss},
    program::Program,
    rng::Draws,
};
use common::{Value, generator, run_f64};

/// Of the largest entry of a value, or of 1 where all are smaller: rules may round differently, and sums that are zero
/// in exact arithmetic have no scale of their own.
const TOLERANCE: f64 = 1e-12;

#[track_caller]
fn same(simple: &Program, verbatim: &Program, values: &[(String, Value)], scalars: &Scalars) {
    let found = run_f64(simple, values, scalars).expect("the reference runs everything");
    let truth = run_f64(verbatim, values, scalars).expect("the reference runs everything");
    assert_eq!(simple.slots().len(), verbatim.slots().len());
    let written = simple.slots().iter().filter(|slot| slot.role.written().is_some());
    for (slot, (found, truth)) in written.zip(found.iter().zip(&truth)) {
        let allowed = TOLERANCE * common::largest(truth).max(1.0);
        let apart = found.iter().zip(truth).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(
            found.len() == truth.len() && apart <= allowed,
            "`{}` is off by {apart:.3e}\nas written {verbatim}\nsimplified {simple}",
            slot.name
        );
    }
}

/// Compares both programs of what `write` writes, on random contents of its inputs.
#[track_caller]
fn kept(write: impl Fn(&Graph)) {
    let graph = || {
        let g = Graph::new();
        write(&g);
        g
    };
    let simple = Program::new("simplified", graph()).expect("a valid graph");
    let verbatim = Program::verbatim("as written", graph()).expect("a valid graph");
    let mut draws = Draws::new(5, 0, 0);
    let mut real = |len: usize| Value::Real((0..len).map(|_| draws.range(-1.5, 1.5) as f32).collect());
    let inputs = simple.slots().iter().map(|slot| (slot.name.clone(), real(slot.shape.elements())));
    let values: Vec<_> = inputs.collect();
    let scalars = Scalars { values: vec![0.25; simple.scalars().len()], seed: 1, unit: 2 };
    assert!(simple.nodes().len() <= verbatim.nodes().len());
    same(&simple, &verbatim, &values, &scalars);
}

/// With first and second derivatives among them.
#[test]
fn random_programs_keep_their_values() {
    for case in generator::cases(3).take(1000) {
        same(&case.program, &case.verbatim, &case.values, &case.scalars);
    }
}

#[test]
fn arithmetic_with_constants() {
    kept(|g| {
        let (x, y) = (g.input("x", [3, 4]), g.input("y", [4]));
        let z = (x * 2.0 * 3.0 - 0.0) / 1.0 + -(-y) * -1.0;
        let w = (0.0 - z) - (-y) + 0.0 * x + 1.0 * (x + -y) * (-x * -y);
        g.output("out", w / -1.0 + (4.0 * (x * 0.25)).maximum(y) + (g.fill(0.3, [4]).exp() + 0.1).log());
    });
}

#[test]
fn broadcasting_and_reductions() {
    kept(|g| {
        let (x, y) = (g.input("x", [2, 1, 3]), g.input("y", [2, 1, 3]));
        let wide = [2, 4, 3];
        let z = (x.expand(wide) * y.expand(wide) + 2.0).sin();
        g.output("all", z.sum(&[0, 1, 2]));
        g.output("some", z.sum_keep(&[1]).sum_keep(&[2]));
        g.output("most", z.max_keep(&[1]).max_keep(&[0]) + g.fill(2.0, wide).sum(&[1]).reshape([2, 1, 3]));
        g.output("chosen", x.gt(y).select(x, y).expand(wide).mean(&[0, 1]));
    });
}

#[test]
fn movements() {
    kept(|g| {
        let (x, y) = (g.input("x", [4, 6]), g.input("y", [3, 6]));
        let z = Tensor::concat(&[x, y, x * 0.0], 0);
        let part = z.slice(&[4, 1], &[1, 2], [3, 3]).slice(&[1, 0], &[1, 2], [2, 2]);
        g.output("part", part.flip(&[0]).flip(&[0]));
        g.output("across", z.narrow(0, 3, 3).transpose().transpose().reshape([18]).reshape([9, 2]));
        g.output("edges", g.fill(1.0, [2, 2]).pad(&[1, 0], &[1, 0], [5, 2]) * z.narrow(0, 0, 5).narrow(1, 0, 2));
        g.output("turned", x.reshape([2, 2, 6]).permute(&[2, 0, 1]).permute(&[1, 2, 0]).flip(&[0, 2]));
    });
}

#[test]
fn a_step_of_a_network_and_its_hypergradient() {
    let image = ImageSize { channels: 2, height: 8, width: 8 };
    let network = Network::new(Architecture::convnet(2, 4), image, 3).expect("a small network");
    kept(|g| {
        let (theta, x) = (network.parameters(g, "theta"), g.input("x", image.batch(4)));
        let targets = g.input("targets", [4, 3]).softmax();
        let cost = |theta| loss::cross_entropy(network.forward(theta, x).logits, targets);
        let next = theta - g.grad(cost(theta), &[theta])[0] * g.scalar("lr");
        g.output("hypergradient", g.grad(cost(next), &[x])[0]);
        g.update(theta, next);
    });
}

#[test]
fn convolutions_of_expanded_and_padded_images() {
    kept(|g| {
        let (x, k) = (g.input("x", [1, 2, 5, 5]), g.input("k", [2, 2, 3, 3]));
        let y = x.expand([3, 2, 5, 5]).pad(&[0, 0, 1, 0], &[0; 4], [3, 2, 6, 5]).conv2d(k * 1.0, Conv::padded(1));
        g.output("gradient", g.grad(y.square(), &[x])[0]);
        g.output("pooled", y.narrow(2, 0, 6).avg_pool2().log_softmax());
    });
}
