//! First and second derivatives of every primitive and composite, against finite differences in double precision.

mod common;

use attar::{
    engine::Scalars,
    graph::{Border, Conv, Graph, Tensor, convolved},
    program::Program,
    rng::Draws,
    shape::Shape,
};
use common::{Value, run_f64};

/// What the slot `rows` of a function holds; 9 is out of range everywhere.
const ROWS: [u32; 5] = [2, 0, 2, 9, 3];

const STEP: f32 = 1.0 / 1024.0;
const TOLERANCE: f64 = 1e-8;

/// Shapes of a function's arguments, and the range their elements are drawn from.
struct Domain<'a> {
    shapes: &'a [Shape],
    low: f64,
    high: f64,
}

fn between(low: f64, high: f64, shapes: &[Shape]) -> Domain<'_> {
    Domain { shapes, low, high }
}

fn anywhere(shapes: &[Shape]) -> Domain<'_> {
    between(-1.5, 1.5, shapes)
}

fn shape<const N: usize>(dims: [usize; N]) -> Shape {
    dims.into()
}

impl Domain<'_> {
    fn elements(&self) -> usize {
        self.shapes.iter().map(Shape::elements).sum()
    }

    /// Values of all arguments, no two of them close to one another, nor, with an even number of them, to the middle.
    fn draw(&self, draws: &mut Draws) -> Vec<f32> {
        let strata = self.elements();
        let place = |index: u32, jitter: f64| (f64::from(index) + 0.25 + 0.5 * jitter) / strata as f64;
        let order = draws.permutation(strata);
        order.into_iter().map(|i| (self.low + (self.high - self.low) * place(i, draws.uniform())) as f32).collect()
    }
}

/// Compares, for `f` made scalar by random weights, at `x + a u + b v`: its slope in a with `<grad, u>`, and the slope
/// in b of `<grad, u>` with `<grad of <grad, u>, v>`.
#[track_caller]
fn check(name: &str, domain: Domain<'_>, f: impl for<'g> Fn(&'g Graph, &[Tensor<'g>]) -> Tensor<'g>) {
    let mut draws = Draws::new(1, 0, 0);
    for _ in 0..2 {
        let program = probe(name, &domain, &mut draws, &f);
        let at = |a: f32, b: f32| {
            let scalars = Scalars { values: vec![a * STEP, b * STEP], seed: 3, unit: 0 };
            let rows = [("rows".to_owned(), Value::Rows(ROWS.to_vec()))];
            let found = run_f64(&program, &rows, &scalars).expect("the reference runs everything");
            [found[0][0], found[1][0], found[2][0]]
        };
        let [_, first, second] = at(0.0, 0.0);
        close(name, "first", slope(|a| at(a, 0.0)[0]), first);
        close(name, "second", slope(|b| at(0.0, b)[1]), second);
    }
}

/// A program of the value, `<grad, u>` and `<grad of <grad, u>, v>`.
fn probe(
    name: &str,
    domain: &Domain<'_>,
    draws: &mut Draws,
    f: &impl for<'g> Fn(&'g Graph, &[Tensor<'g>]) -> Tensor<'g>,
) -> Program {
    let g = Graph::new();
    let (a, b) = (g.scalar("a"), g.scalar("b"));
    let mut direction = || (0..domain.elements()).map(|_| draws.range(-1.0, 1.0) as f32).collect::<Vec<_>>();
    let (u, v) = (split(&g, domain, &direction()), split(&g, domain, &direction()));
    let origin = split(&g, domain, &domain.draw(draws));
    let x: Vec<Tensor<'_>> = (0..origin.len()).map(|i| origin[i] + u[i] * a + v[i] * b).collect();
    let y = f(&g, &x);
    let weights: Vec<f32> = (0..y.shape().elements()).map(|_| draws.range(0.5, 1.5) as f32).collect();
    let loss = y.sin().dot(g.constant(&weights, y.shape()));
    let first = along(&g.grad(loss, &x), &u);
    let second = along(&g.grad(first, &x), &v);
    for (name, value) in [("loss", loss), ("first", first), ("second", second)] {
        g.output(name, value);
    }
    Program::new(name, g).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The scalar product of two lists of values.
fn along<'g>(gradient: &[Tensor<'g>], direction: &[Tensor<'g>]) -> Tensor<'g> {
    let terms = gradient.iter().zip(direction).map(|(g, d)| g.dot(*d));
    terms.reduce(|sum, term| sum + term).expect("a function has arguments")
}

fn split<'g>(g: &'g Graph, domain: &Domain<'_>, mut values: &[f32]) -> Vec<Tensor<'g>> {
    let take = |shape: &Shape| {
        let (own, rest) = values.split_at(shape.elements());
        values = rest;
        g.constant(own, *shape)
    };
    domain.shapes.iter().map(take).collect()
}

/// The derivative at 0 in units of [`STEP`], by a difference of fourth order.
fn slope(f: impl Fn(f32) -> f64) -> f64 {
    (8.0 * (f(1.0) - f(-1.0)) - (f(2.0) - f(-2.0))) / (12.0 * f64::from(STEP))
}

#[track_caller]
fn close(name: &str, order: &str, difference: f64, derivative: f64) {
    let error = (difference - derivative).abs();
    assert!(
        error <= TOLERANCE * (1.0 + derivative.abs()),
        "{order} derivative of {name}: {derivative} in the graph, {difference} by differences"
    );
}

#[test]
fn element_wise_of_one_argument() {
    let x = [shape([3, 4])];
    check("neg", anywhere(&x), |_, x| -x[0]);
    check("exp", anywhere(&x), |_, x| x[0].exp());
    check("log", between(0.4, 2.0, &x), |_, x| x[0].log());
    check("sin", anywhere(&x), |_, x| x[0].sin());
    check("cos", anywhere(&x), |_, x| x[0].cos());
    check("sqrt", between(0.4, 2.0, &x), |_, x| x[0].sqrt());
    check("tanh", anywhere(&x), |_, x| x[0].tanh());
    check("recip", between(0.5, 2.0, &x), |_, x| x[0].recip());
    check("recip of negative numbers", between(-2.0, -0.5, &x), |_, x| x[0].recip());
    check("floor", anywhere(&x), |_, x| x[0].floor() * x[0]);
}

#[test]
fn element_wise_of_two_arguments() {
    for (a, b) in [(shape([3, 4]), shape([3, 4])), (shape([3, 1]), shape([4])), (shape([]), shape([2, 3]))] {
        let x = [a, b];
        check("add", anywhere(&x), |_, x| x[0] + x[1]);
        check("sub", anywhere(&x), |_, x| x[0] - x[1]);
        check("mul", anywhere(&x), |_, x| x[0] * x[1]);
        check("div", between(0.5, 2.0, &x), |_, x| x[0] / x[1]);
        check("max", anywhere(&x), |_, x| x[0].maximum(x[1]) * x[0]);
        check("gt and select", anywhere(&x), |_, x| x[0].gt(x[1]).select(x[0].sin(), x[1] * x[0]));
        check("ge", anywhere(&x), |_, x| x[0].ge(x[1]) * x[0] * x[1]);
        check("eq", anywhere(&x), |_, x| x[0].equal(x[0]) * x[1] + x[0]);
    }
}

#[test]
fn select_by_a_constant_mask() {
    let x = [shape([2, 3]), shape([2, 3])];
    check("select", anywhere(&x), |g, x| g.constant(&[1., 0., 2., 0., 0., -1.], [2, 3]).select(x[0] * x[1], x[1]));
}

#[test]
fn movement() {
    let x = [shape([2, 3, 4])];
    check("reshape", anywhere(&x), |_, x| x[0].reshape([6, 4]));
    check("permute", anywhere(&x), |_, x| x[0].permute(&[2, 0, 1]));
    check("expand", anywhere(&[shape([1, 3, 1])]), |_, x| x[0].expand([2, 3, 4]));
    check("expand by leading axes", anywhere(&[shape([3])]), |_, x| x[0].expand([2, 2, 3]));
    check("flip", anywhere(&x), |_, x| x[0].flip(&[0, 2]));
    check("narrow", anywhere(&x), |_, x| x[0].narrow(1, 1, 2));
    check("slice", anywhere(&x), |_, x| x[0].slice(&[0, 0, 1], &[1, 2, 2], [2, 2, 2]));
    check("pad", anywhere(&x), |_, x| x[0].pad(&[1, 0, 2], &[0, 2, 1], [3, 8, 10]));
    check("concat", anywhere(&[shape([2, 3]), shape([2, 1]), shape([2, 2])]), |_, x| Tensor::concat(x, 1));
    check("slices of one parent", anywhere(&[shape([9])]), |_, x| {
        let part = |start, len| x[0].narrow(0, start, len);
        part(0, 3) * part(4, 3) + part(2, 3)
    });
    check("slices along two axes", anywhere(&[shape([3, 3])]), |_, x| {
        x[0].narrow(0, 1, 2).sum(&[0]) * x[0].narrow(1, 0, 1).sum_all() + x[0].narrow(0, 0, 1)
    });
}

#[test]
fn reductions() {
    let x = [shape([2, 3, 4])];
    for axes in [&[0][..], &[1], &[2], &[0, 2], &[0, 1, 2], &[]] {
        check("sum", anywhere(&x), |_, x| x[0].sum(axes));
        check("sum_keep", anywhere(&x), |_, x| x[0].sum_keep(axes) * x[0]);
        check("max", anywhere(&x), |_, x| x[0].max(axes));
        check("max_keep", anywhere(&x), |_, x| x[0].max_keep(axes) * x[0]);
        check("mean", anywhere(&x), |_, x| x[0].mean(axes));
        check("variance", anywhere(&x), |_, x| x[0].variance_keep(axes));
    }
}

#[test]
fn products() {
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        let sides = |m: usize, k: usize, turned| if turned { [k, m] } else { [m, k] };
        let (a, b) = (sides(2, 3, ta), sides(3, 4, tb));
        check("matmul", anywhere(&[a.into(), b.into()]), |_, x| x[0].matmul_t(ta, x[1], tb));
        let lead = |lead: usize, [m, k]: [usize; 2]| shape([lead, m, k]);
        check("batched matmul", anywhere(&[lead(2, a), lead(2, b)]), |_, x| x[0].matmul_t(ta, x[1], tb));
        check("broadcast matmul", anywhere(&[lead(1, a), lead(2, b)]), |_, x| x[0].matmul_t(ta, x[1], tb));
        let outer = [shape([2, 1, a[0], a[1]]), lead(3, b)];
        check("matmul over two batch axes", anywhere(&outer), |_, x| x[0].matmul_t(ta, x[1], tb));
    }
    check("square", anywhere(&[shape([3, 3])]), |_, x| x[0].matmul_t(false, x[0], true));
}

/// Images `[n, ci, h, w]`, kernels `[co, ci/groups, kh, kw]` and a convolution of them.
const CONVOLUTIONS: [([usize; 4], [usize; 4], Conv); 6] = [
    ([2, 2, 4, 5], [3, 2, 3, 3], Conv { stride: 1, padding: 1, groups: 1 }),
    ([1, 2, 5, 4], [2, 2, 3, 2], Conv { stride: 1, padding: 0, groups: 1 }),
    ([2, 2, 6, 5], [2, 2, 3, 3], Conv { stride: 2, padding: 1, groups: 1 }),
    ([1, 1, 4, 4], [2, 1, 3, 3], Conv { stride: 1, padding: 3, groups: 1 }),
    ([1, 4, 4, 3], [6, 2, 3, 3], Conv { stride: 1, padding: 1, groups: 2 }),
    ([2, 3, 6, 6], [3, 1, 2, 2], Conv { stride: 3, padding: 0, groups: 3 }),
];

#[test]
fn convolutions() {
    for (image, kernel, conv) in CONVOLUTIONS {
        let (x, k) = (shape(image), shape(kernel));
        let y = convolved(conv, x, k).expect("it fits");
        let (size, patch) = ((image[2], image[3]), (kernel[2], kernel[3]));
        let scale = 0.3;
        check("conv2d", anywhere(&[x, k]), |_, x| x[0].conv2d(x[1], conv) * scale);
        check("conv2d_input_grad", anywhere(&[y, k]), |_, x| x[0].conv2d_input_grad(x[1], conv, size) * scale);
        check("conv2d_weight_grad", anywhere(&[x, y]), |_, x| x[0].conv2d_weight_grad(x[1], conv, patch) * scale);
    }
}

#[test]
fn resampling() {
    // One map an image: a turn with a shift, and a mirror that reaches outside.
    let map = [0.9, -0.3, 0.4, 0.2, 1.1, -0.7, -1.0, 0.0, 1.0, 0.1, 0.7, 1.6];
    for border in [Border::Zero, Border::Edge] {
        check("sample2d", anywhere(&[shape([2, 2, 4, 5])]), |g, x| {
            x[0].sample2d(g.constant(&map, [2, 2, 3]), (3, 6), border)
        });
        check("sample2d with equal sizes", anywhere(&[shape([2, 1, 4, 4])]), |g, x| {
            x[0].sample2d(g.constant(&map, [2, 2, 3]), (4, 4), border) * x[0]
        });
        check("the transpose of sample2d", anywhere(&[shape([2, 2, 4, 5]), shape([2, 2, 3, 6])]), |g, x| {
            let y = x[0].sample2d(g.constant(&map, [2, 2, 3]), (3, 6), border);
            g.vjp(&[(y, x[1])], &[x[0]])[0] * x[0]
        });
    }
}

#[test]
fn gathering() {
    check("take", anywhere(&[shape([4, 2])]), |g, x| x[0].take(g.rows("rows", ROWS.len())));
    check("take_transpose", anywhere(&[shape([5, 2])]), |g, x| x[0].take_transpose(g.rows("rows", ROWS.len()), 4));
}

#[test]
fn solving() {
    check("solve_spd", anywhere(&[shape([4, 4]), shape([4, 3])]), |g, x| {
        let eye: Vec<f32> = (0..16).map(|i| if i % 5 == 0 { 6.0 } else { 0.0 }).collect();
        let symmetric = (x[0] + x[0].transpose()) * 0.5 + g.constant(&eye, [4, 4]);
        symmetric.solve_spd(x[1]) * 4.0
    });
}

#[test]
fn composites() {
    let x = [shape([2, 6])];
    check("relu", anywhere(&x), |_, x| x[0].relu() * x[0]);
    check("leaky_relu", anywhere(&x), |_, x| x[0].leaky_relu(0.2) * x[0]);
    check("abs", anywhere(&x), |_, x| x[0].abs() * x[0]);
    check("sigmoid", anywhere(&x), |_, x| x[0].sigmoid());
    check("clamp", anywhere(&x), |_, x| x[0].clamp(-1.0, 0.5) * x[0]);
    check("square", anywhere(&x), |_, x| x[0].square());
    check("safe_sqrt", between(0.4, 2.0, &x), |_, x| x[0].safe_sqrt());
    check("safe_sqrt where it is flat", between(-2.0, -0.4, &x), |_, x| x[0].safe_sqrt() + x[0]);
    check("safe_norm", anywhere(&x), |_, x| x[0].safe_norm(&[1]));
    check("safe_div", between(0.5, 2.0, &[shape([2, 3]), shape([3])]), |_, x| x[0].safe_div(x[1]));
    check("normalize", anywhere(&x), |_, x| x[0].normalize(1));
    check("log_softmax", anywhere(&x), |_, x| x[0].log_softmax());
    check("softmax", anywhere(&x), |_, x| x[0].softmax());
    check("dot", anywhere(&[shape([2, 3]), shape([2, 3])]), |_, x| x[0].dot(x[1]));
}

#[test]
fn composites_of_images() {
    let (even, odd) = ([shape([1, 2, 4, 6])], [shape([2, 1, 5, 3])]);
    for x in [&even, &odd] {
        check("avg_pool2", anywhere(x), |_, x| x[0].avg_pool2());
        check("max_pool2", anywhere(x), |_, x| x[0].max_pool2());
        check("avg_pool", anywhere(x), |_, x| x[0].avg_pool(3));
        check("resize up", anywhere(x), |_, x| x[0].resize((7, 8)));
        check("resize down", anywhere(x), |_, x| x[0].resize((3, 2)));
    }
    check("shift", anywhere(&odd), |g, x| x[0].shift(g.constant(&[1.0, -1.0, 0.0, 2.0], [2, 2])));
}

#[test]
fn random_draws_and_indices_are_constants() {
    let x = [shape([2, 3])];
    check("random_normal", anywhere(&x), |g, x| g.random_normal(4, [2, 3]) * x[0]);
    check("random_uniform", anywhere(&x), |g, x| g.random_uniform(4, [2, 3]) * x[0].square());
    check("iota", anywhere(&x), |g, x| g.iota(1, [2, 3]) * x[0]);
}
