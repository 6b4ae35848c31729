//! What each family of rules leaves of a small graph.

use super::super::Program;
use crate::graph::{Border, Graph, Op, Tensor};

/// The operations that are left, without slots, as the text form names them.
#[track_caller]
fn left(write: impl for<'g> Fn(&'g Graph) -> Tensor<'g>) -> Vec<String> {
    let g = Graph::new();
    let value = write(&g);
    g.output("out", value);
    let program = Program::new("test", g).expect("a valid graph");
    let computing = program.nodes().iter().filter(|node| !matches!(node.op, Op::Slot { .. }));
    computing.map(|node| program.operation(node)).collect()
}

/// An input of shape `[2, 3]`.
fn x(g: &Graph) -> Tensor<'_> {
    g.input("x", [2, 3])
}

/// A function of two inputs of shape `[3]`.
fn of_two<'g>(g: &'g Graph, f: fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>) -> Tensor<'g> {
    f(g.input("y", [3]), g.input("z", [3]))
}

#[test]
fn dead_and_equal_nodes_go() {
    let g = Graph::new();
    let (x, unused) = (x(&g), g.constant(&[1.0, 2.0], [2]));
    let _ = (x.exp(), unused.sin());
    g.output("a", x.sin() * g.constant(&[3.0], [1]));
    g.output("b", x.sin() + 1.0);
    let program = Program::new("test", g).expect("a valid graph");
    assert_eq!(program.nodes().iter().filter(|node| program.operation(node) == "sin").count(), 1);
    assert!(program.nodes().iter().all(|node| program.operation(node) != "exp"));
    assert_eq!(program.constants().len(), 1);
}

#[test]
fn stop_gradient_goes() {
    assert_eq!(left(|g| x(g).stop_gradient().sin()), ["sin"]);
}

#[test]
fn constants_fold() {
    assert_eq!(left(|g| (g.fill(4.0, [2]).sqrt() + 1.0) / 2.0), ["fill 1.5"]);
    assert_eq!(left(|g| g.fill(2.0, []).gt(g.fill(1.0, [])).select(g.fill(5.0, [2]), g.fill(6.0, [2]))), ["fill 5"]);
    assert_eq!(left(|g| g.fill(2.0, [3, 4]).sum(&[0, 1]).expand([5])), ["fill 24"]);
    assert_eq!(left(|g| g.fill(2.0, [3, 4]).max(&[1]).reshape([3, 1]).flip(&[0])), ["fill 2"]);
    // What is no number stays where it was written.
    assert_eq!(left(|g| g.fill(0.0, []).recip()), ["fill 0", "recip"]);
}

#[test]
fn neutral_elements_go() {
    let nothing: [&str; 0] = [];
    assert_eq!(left(|g| (x(g) + 0.0) * 1.0 - 0.0), nothing);
    assert_eq!(left(|g| 1.0 * (0.0 + x(g)) / 1.0), nothing);
    assert_eq!(left(|g| x(g) * 0.0 + 3.0), ["fill 3"]);
    assert_eq!(left(|g| 0.0 / x(g)), ["fill 0"]);
}

#[test]
fn signs_meet() {
    let nothing: [&str; 0] = [];
    assert_eq!(left(|g| -(-x(g))), nothing);
    assert_eq!(left(|g| x(g).recip().recip()), nothing);
    assert_eq!(left(|g| x(g) * -1.0), ["neg"]);
    assert_eq!(left(|g| 0.0 - x(g)), ["neg"]);
    assert_eq!(left(|g| of_two(g, |y, z| y + -z)), ["sub"]);
    assert_eq!(left(|g| of_two(g, |y, z| -y + z)), ["sub"]);
    assert_eq!(left(|g| of_two(g, |y, z| y - -z)), ["add"]);
    assert_eq!(left(|g| of_two(g, |y, z| -y * -z)), ["mul"]);
}

#[test]
fn factors_join() {
    assert_eq!(left(|g| x(g) * 2.0 * 3.0), ["fill 6", "mul"]);
    assert_eq!(left(|g| 4.0 * (x(g) * 0.25)), [""; 0]);
}

#[test]
fn commutative_operands_have_one_order() {
    let g = Graph::new();
    let (x, y) = (g.input("x", [2]), g.input("y", [2]));
    g.output("a", x + y);
    g.output("b", y + x);
    g.output("c", x.maximum(y) * y.maximum(x));
    let program = Program::new("test", g).expect("a valid graph");
    let names: Vec<String> = program.nodes().iter().map(|node| program.operation(node)).collect();
    assert_eq!(names, ["f32 `x`", "f32 `y`", "add", "max", "mul"]);
}

#[test]
fn select_between_equals_or_by_a_constant_goes() {
    let nothing: [&str; 0] = [];
    assert_eq!(left(|g| of_two(g, |mask, z| mask.select(z, z))), nothing);
    assert_eq!(left(|g| of_two(g, |y, z| z.graph().fill(1.0, [3]).select(z, y))), nothing);
}

#[test]
fn functions_move_before_expansions() {
    let g = Graph::new();
    let row = g.input("x", [1, 3]).expand([4, 3]);
    g.output("out", (row * 2.0).exp() + row);
    let program = Program::new("test", g).expect("a valid graph");
    let wide = program.nodes().iter().filter(|node| node.shape == [4, 3].into());
    assert_eq!(wide.map(|node| program.operation(node)).collect::<Vec<_>>(), ["expand"]);
}

#[test]
fn reductions_join_and_skip_what_repeats() {
    let nothing: [&str; 0] = [];
    assert_eq!(left(|g| x(g).sum_keep(&[0]).sum_keep(&[1])), ["sum [0, 1]"]);
    assert_eq!(left(|g| x(g).max_keep(&[1]).max_keep(&[0])), ["max [0, 1]"]);
    assert_eq!(left(|g| g.input("x", [2, 1]).sum_keep(&[1])), nothing);
    assert_eq!(left(|g| g.input("x", [2, 1]).sum_keep(&[0, 1])), ["sum [0]"]);
    assert_eq!(left(|g| g.input("x", [2, 1]).expand([2, 3]).sum_keep(&[1])), ["fill 3", "mul"]);
    assert_eq!(left(|g| g.input("x", [2, 1]).expand([2, 3]).max_keep(&[1])), nothing);
    assert_eq!(left(|g| g.input("x", [2, 1]).expand([2, 3]).sum_keep(&[0, 1])), ["sum [0]", "fill 3", "mul"]);
}

/// The operations on values as large as an image, of what is written of an image `[4, 8, 8]` and two values that repeat
/// in it, of shapes `[4, 1, 1]` and `[1, 8, 1]`.
#[track_caller]
fn wide(write: for<'g> fn([Tensor<'g>; 3]) -> Tensor<'g>) -> Vec<String> {
    let g = Graph::new();
    let [k, l] = [g.input("k", [4, 1, 1]), g.input("l", [1, 8, 1])];
    g.output("out", write([g.input("x", [4, 8, 8]), k, l]));
    let program = Program::new("test", g).expect("a valid graph");
    let computing = |op: &Op| !matches!(op, Op::Slot { .. } | Op::Expand | Op::Fill { .. });
    let large = program.nodes().iter().filter(|node| {
        let read = node.inputs.iter().map(|input| program.nodes()[input.index()].shape.elements()).max();
        computing(&node.op) && node.shape.elements().max(read.unwrap_or(0)) == 256
    });
    large.map(|node| program.operation(node)).collect()
}

#[test]
fn what_repeats_meets_while_it_is_small() {
    assert_eq!(wide(|[x, k, l]| k * x * l * 2.0), ["mul"]);
    assert_eq!(wide(|[x, k, l]| (x + k) - l), ["add"]);
    assert_eq!(wide(|[x, k, l]| l - (k + x) + 1.0), ["sub", "add"]);
    assert_eq!(wide(|[x, k, l]| (x - k) - l), ["sub", "sub"]);
    assert_eq!(wide(|[x, k, l]| (x + k) * l), ["add", "mul"]);
    // A product of these is as large as x.
    assert_eq!(wide(|[x, k, _]| x * k * x.graph().input("m", [1, 8, 8])), ["mul", "mul"]);
}

#[test]
fn factors_leave_sums() {
    assert_eq!(wide(|[x, k, _]| (-(x * k)).sum_keep(&[1, 2])), ["sum [1, 2]"]);
    assert_eq!(wide(|[x, k, l]| ((x * k) * (l * x)).sum_keep(&[2])), ["mul", "sum [2]"]);
    assert_eq!(wide(|[x, _, l]| (x * l).sum_keep(&[1, 2])), ["mul", "sum [1, 2]"]);
    // Sums of one product that differ by factors are one sum.
    let sums = wide(|[x, k, _]| {
        let y = x.graph().input("y", [4, 8, 8]);
        (x * k * y).sum_keep(&[1, 2]) + (y * 2.0 * x).sum_keep(&[1, 2])
    });
    assert_eq!(sums, ["mul", "sum [1, 2]"]);
    // A factor that is the same along some of the axes leaves the sum over these.
    assert_eq!(wide(|[x, k, _]| (x * k).sum_keep(&[0, 1, 2])), ["sum [1, 2]"]);
}

#[test]
fn movements_compose_and_cancel() {
    let nothing: [&str; 0] = [];
    assert_eq!(left(|g| x(g).reshape([6]).reshape([2, 3])), nothing);
    assert_eq!(left(|g| x(g).reshape([6]).reshape([3, 2])), ["reshape"]);
    assert_eq!(left(|g| x(g).transpose().transpose()), nothing);
    assert_eq!(left(|g| g.input("x", [2, 3, 4]).permute(&[1, 2, 0]).permute(&[1, 2, 0])), ["permute [2, 0, 1]"]);
    assert_eq!(left(|g| x(g).flip(&[1]).flip(&[1])), nothing);
    assert_eq!(left(|g| g.input("x", [1, 3]).flip(&[0, 1])), ["flip [1]"]);
    assert_eq!(left(|g| g.input("x", [1, 1, 3]).expand([1, 2, 3]).expand([4, 2, 3])), ["expand"]);
    let sliced = left(|g| g.input("x", [20]).slice(&[3], &[2], [8]).slice(&[1], &[3], [2]));
    assert_eq!(sliced, ["slice [5] by [6]"]);
}

#[test]
fn a_slice_of_a_concatenation_is_one_of_a_part() {
    let nothing: [&str; 0] = [];
    assert_eq!(left(|g| of_two(g, |y, z| Tensor::concat(&[y, z], 0).narrow(0, 3, 3))), nothing);
    assert_eq!(left(|g| of_two(g, |y, z| Tensor::concat(&[y, z], 0).slice(&[3], &[2], [2]))), ["slice [0] by [2]"]);
    let across = left(|g| of_two(g, |y, z| Tensor::concat(&[y, z], 0).narrow(0, 2, 2)));
    assert_eq!(across, ["concat 0", "slice [2] by [1]"]);
}

#[test]
fn padding_of_anything_but_zeros_stays() {
    assert_eq!(left(|g| g.fill(0.0, [2]).pad(&[1], &[1], [5])), ["fill 0"]);
    assert_eq!(left(|g| g.fill(1.0, [2]).pad(&[1], &[1], [5])), ["fill 1", "pad [1] interior [1]"]);
}

#[test]
fn contractions_and_draws_are_left_alone() {
    assert_eq!(left(|g| x(g).matmul(g.input("y", [3, 2]))), ["matmul"]);
    assert_eq!(left(|g| g.random_normal(3, [2])), ["random normal stream 3"]);
    let sampled = left(|g| g.input("x", [1, 1, 2, 2]).sample2d(g.input("m", [1, 2, 3]), (2, 2), Border::Edge));
    assert_eq!(sampled, ["sample2d edge"]);
}

#[test]
fn verbatim_keeps_every_node() {
    let write = |g: &Graph| {
        let x = x(g);
        let _ = x.exp();
        g.output("out", (x + 0.0).stop_gradient() * 1.0);
    };
    let (plain, as_written) = (Graph::new(), Graph::new());
    write(&plain);
    write(&as_written);
    let simple = Program::new("test", plain).expect("a valid graph");
    let verbatim = Program::verbatim("test", as_written).expect("a valid graph");
    let names = |program: &Program| program.nodes().iter().map(|node| program.operation(node)).collect::<Vec<_>>();
    assert_eq!(names(&simple), ["f32 `x`"]);
    assert!(["exp", "add", "mul"].iter().all(|name| names(&verbatim).iter().any(|found| found == name)));
    assert!(!names(&verbatim).iter().any(|name| name == "stop_gradient"));
}
