//! The numerics every engine keeps: what happens at kinks, at zero and far from it, and in random draws.

mod common;

use attar::{
    engine::{Engine, Scalars},
    graph::{Border, Graph, Op, Tensor},
    program::Program,
};
use common::{Value, all_engines, run};

/// Runs a graph on every engine and compares each output with what is written here, up to a few units in the last place.
#[track_caller]
fn expect(graph: Graph, expected: &[&[f32]]) {
    let program = Program::new("numerics", graph).expect("a valid graph");
    for engine in all_engines() {
        let found = run(engine.as_ref(), &program, &[], &Scalars::default()).expect("it runs");
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let near = |(a, b): (&f32, &f32)| (a - b).abs() <= 1e-6 * b.abs();
            let same = found.len() == expected.len() && found.iter().zip(*expected).all(near);
            assert!(same, "{}: {found:?} instead of {expected:?}", engine.name());
        }
    }
}

/// Writes a value, its derivative and the derivative of the sum of that to outputs.
fn write<'g>(graph: &'g Graph, value: Tensor<'g>, x: Tensor<'g>) {
    let first = graph.grad(value, &[x])[0];
    let second = graph.grad(first, &[x])[0];
    for (name, value) in [("value", value), ("first", first), ("second", second)] {
        graph.output(name, value);
    }
}

#[test]
fn relu_has_derivative_0_at_0() {
    let g = Graph::new();
    let x = g.constant(&[-1.0, 0.0, 2.0], [3]);
    write(&g, x.relu(), x);
    expect(g, &[&[0.0, 0.0, 2.0], &[0.0, 0.0, 1.0], &[0.0; 3]]);
}

#[test]
fn abs_has_derivative_0_at_0() {
    let g = Graph::new();
    let x = g.constant(&[-3.0, 0.0, 2.0], [3]);
    write(&g, x.abs(), x);
    expect(g, &[&[3.0, 0.0, 2.0], &[-1.0, 0.0, 1.0], &[0.0; 3]]);
}

#[test]
fn clamp_passes_no_derivative_outside() {
    let g = Graph::new();
    let x = g.constant(&[-3.0, 0.5, 2.0], [3]);
    write(&g, x.clamp(-1.0, 1.0), x);
    expect(g, &[&[-1.0, 0.5, 1.0], &[0.0, 1.0, 0.0], &[0.0; 3]]);
}

#[test]
fn floor_and_comparisons_pass_no_derivative() {
    let g = Graph::new();
    let x = g.constant(&[-0.5, 1.5, 2.0], [3]);
    write(&g, x.floor() + x.gt(g.fill(0.0, [])) + x.ge(g.fill(2.0, [])) + x.equal(g.fill(2.0, [])), x);
    expect(g, &[&[-1.0, 2.0, 5.0], &[0.0; 3], &[0.0; 3]]);
}

#[test]
fn equal_maxima_share_the_derivative() {
    let g = Graph::new();
    let (a, b) = (g.constant(&[1.0, 2.0, 3.0], [3]), g.constant(&[1.0, 3.0, 2.0], [3]));
    for (name, derivative) in ["a", "b"].iter().zip(g.grad(a.maximum(b), &[a, b])) {
        g.output(name, derivative);
    }
    expect(g, &[&[0.5, 0.0, 1.0], &[0.5, 1.0, 0.0]]);

    let g = Graph::new();
    let x = g.constant(&[1.0, 3.0, 3.0, 2.0, 2.0, 2.0, 2.0, 2.0], [2, 4]);
    g.output("rows", g.grad(x.max(&[1]), &[x])[0]);
    g.output("all", g.grad(x.max(&[0, 1]), &[x])[0]);
    let shared = [0.0, 0.5, 0.5, 0.0, 0.25, 0.25, 0.25, 0.25];
    expect(g, &[&shared, &[0.0, 0.5, 0.5, 0.0, 0.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn a_maximum_over_a_flat_window_is_shared_by_all_of_it() {
    let g = Graph::new();
    let x = g.fill(7.0, [1, 1, 3, 3]);
    g.output("gradient", g.grad(x.max_pool2(), &[x])[0]);
    expect(g, &[&[0.25, 0.25, 0.0, 0.25, 0.25, 0.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn averages_drop_what_fills_no_square() {
    let g = Graph::new();
    let x = g.iota(3, [1, 1, 3, 7]) + g.iota(2, [1, 1, 3, 7]) * 10.0;
    g.output("value", x.avg_pool(3));
    g.output("gradient", g.grad(x.avg_pool(2), &[x])[0]);
    let row = [0.25, 0.25, 0.25, 0.25, 0.25, 0.25, 0.0];
    expect(g, &[&[11.0, 14.0], &[row, row, [0.0; 7]].concat()]);
}

#[test]
fn safe_sqrt_is_flat_at_and_below_0() {
    let g = Graph::new();
    let x = g.constant(&[-1.0, 0.0, 4.0], [3]);
    write(&g, x.safe_sqrt(), x);
    expect(g, &[&[0.0, 0.0, 2.0], &[0.0, 0.0, 0.25], &[0.0, 0.0, -1.0 / 32.0]]);
}

#[test]
fn safe_norm_is_flat_at_0() {
    let g = Graph::new();
    let x = g.constant(&[0.0, 0.0, 3.0, 4.0], [2, 2]);
    write(&g, x.safe_norm(&[1]), x);
    // The second derivative of |x| applied to (1, 1): (I - n n^T) (1, 1) / |x|.
    let second = [0.0, 0.0, (1.0 - 0.6 * 1.4) / 5.0, (1.0 - 0.8 * 1.4) / 5.0];
    expect(g, &[&[0.0, 5.0], &[0.0, 0.0, 0.6, 0.8], &second]);
}

#[test]
fn safe_div_is_flat_where_the_divisor_is_0() {
    let g = Graph::new();
    let (a, b) = (g.constant(&[1.0, 3.0], [2]), g.constant(&[0.0, 2.0], [2]));
    let ratio = a.safe_div(b);
    g.output("ratio", ratio);
    let first = g.grad(ratio, &[a, b]);
    let second = g.grad(first[0] + first[1], &[a, b]);
    for (name, value) in ["a", "b", "aa", "bb"].iter().zip(first.into_iter().chain(second)) {
        g.output(name, value);
    }
    expect(g, &[&[0.0, 1.5], &[0.0, 0.5], &[0.0, -0.75], &[0.0, -0.25], &[0.0, 0.5]]);
}

#[test]
fn log_softmax_does_not_overflow() {
    let g = Graph::new();
    let x = g.constant(&[1000.0, 0.0, -1000.0, -2000.0], [2, 2]);
    let y = x.log_softmax();
    g.output("value", y);
    g.output("gradient", g.grad(y.narrow(1, 1, 1), &[x])[0]);
    expect(g, &[&[0.0, -1000.0, 0.0, -1000.0], &[-1.0, 1.0, -1.0, 1.0]]);
}

#[test]
fn variance_does_not_cancel() {
    let g = Graph::new();
    g.output("variance", g.constant(&[40_000.0, 40_001.0, 40_002.0, 40_001.0], [4]).variance_keep(&[0]));
    expect(g, &[&[0.5]]);
}

#[test]
fn what_the_loss_does_not_reach_has_derivative_0() {
    let g = Graph::new();
    let (x, y, z) = (g.constant(&[1.0, 2.0], [2]), g.constant(&[3.0], [1]), g.constant(&[5.0], [1]));
    let loss = x.square().sum_all() + (y * 2.0).stop_gradient().sum_all();
    for (name, derivative) in ["x", "y", "z"].iter().zip(g.grad(loss, &[x, y, z])) {
        g.output(name, derivative);
    }
    expect(g, &[&[2.0, 4.0], &[0.0], &[0.0]]);
}

#[test]
fn no_derivative_passes_to_a_map() {
    let g = Graph::new();
    let map = g.constant(&[1.0, 0.0, 0.25, 0.0, 1.0, 0.0], [1, 2, 3]);
    let y = g.constant(&[1.0, 2.0, 3.0, 4.0], [1, 1, 2, 2]).sample2d(map, (2, 2), Border::Zero);
    g.output("gradient", g.grad(y, &[map])[0]);
    expect(g, &[&[0.0; 6]]);
}

#[test]
fn a_row_out_of_range_reads_as_zeros() {
    let g = Graph::new();
    let x = g.constant(&[1.0, 2.0, 3.0, 4.0], [2, 2]);
    let taken = x.take(g.rows("rows", 3));
    g.output("taken", taken);
    g.output("gradient", g.grad(taken.square(), &[x])[0]);
    let program = Program::new("take", g).expect("a valid graph");
    let rows = [("rows".to_owned(), Value::Rows(vec![1, u32::MAX, 1]))];
    for engine in all_engines() {
        let found = run(engine.as_ref(), &program, &rows, &Scalars::default()).expect("it runs");
        assert_eq!(found, [vec![3.0, 4.0, 0.0, 0.0, 3.0, 4.0], vec![0.0, 0.0, 12.0, 16.0]], "{}", engine.name());
    }
}

#[test]
fn the_gradient_of_disjoint_slices_is_one_concat() {
    let g = Graph::new();
    let theta = g.input("theta", [10]);
    let part = |start, len| theta.narrow(0, start, len);
    let loss = (part(0, 3) * part(4, 3)).square().sum_all() + part(8, 2).exp().sum_all();
    g.output("gradient", g.grad(loss, &[theta])[0]);
    let program = Program::new("slices", g).expect("a valid graph");
    let count = |kind: fn(&Op) -> bool| program.nodes().iter().filter(|node| kind(&node.op)).count();
    assert_eq!(count(|op| matches!(op, Op::Concat { .. })), 1, "{program}");
    assert_eq!(count(|op| matches!(op, Op::Pad { .. })), 0, "{program}");
    let gradient = program.slots()[1].role.written().expect("an output");
    assert!(matches!(program.node(gradient).op, Op::Concat { axis: 0 }), "{program}");
}

/// Draws of streams 1, 1 and 2, written in different ways, so that nothing makes the first two one node.
fn draws() -> Program {
    let g = Graph::new();
    g.output("first", g.random_normal(1, [3, 5]));
    g.output("again", g.random_normal(1, [15]));
    g.output("other", g.random_normal(2, [3, 5]));
    g.output("uniform", g.random_uniform(1, [3, 5]));
    Program::new("draws", g).expect("a valid graph")
}

fn drawn(engine: &dyn Engine, seed: u64, unit: u32) -> Vec<Vec<f32>> {
    run(engine, &draws(), &[], &Scalars { values: Vec::new(), seed, unit }).expect("it runs")
}

#[test]
fn equal_streams_are_equal_draws() {
    for engine in all_engines() {
        let [first, again, other, uniform] = &drawn(engine.as_ref(), 7, 3)[..] else { panic!("four outputs") };
        assert_eq!(first, again, "{}", engine.name());
        assert_ne!(first, other, "{}", engine.name());
        assert!(uniform.iter().all(|v| 0.0 < *v && *v < 1.0), "{}: {uniform:?}", engine.name());
        assert_eq!(drawn(engine.as_ref(), 7, 3)[0], *first, "{}", engine.name());
        for (seed, unit) in [(8, 3), (7, 4), (7 + (1 << 32), 3)] {
            assert_ne!(drawn(engine.as_ref(), seed, unit)[0], *first, "{}", engine.name());
        }
    }
}

#[test]
fn engines_draw_the_same_numbers() {
    let engines = all_engines();
    let truth = drawn(engines[0].as_ref(), 7, 3);
    for engine in &engines[1..] {
        for (truth, found) in truth.iter().zip(drawn(engine.as_ref(), 7, 3)) {
            let apart = truth.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart <= 2e-6, "{}: {apart}", engine.name());
        }
    }
}
