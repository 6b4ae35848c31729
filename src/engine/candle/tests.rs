//! The engine against the reference, at sizes and edges that the random programs do not reach.

use crate::{
    engine::{Data, Engine, Host, Scalars, candle::CandleEngine, open, reference::Reference},
    error::Error,
    graph::{Border, Conv, Graph, Kind, Tensor},
    program::Program,
    rng::Draws,
    shape::Shape,
};

fn engine() -> CandleEngine {
    CandleEngine::open("candle:cpu").expect("there is a CPU")
}

fn program(build: impl Fn(&Graph)) -> Program {
    let graph = Graph::new();
    build(&graph);
    Program::new("case", graph).expect("a valid case")
}

/// Contents of a slot: numbers in (-1.5, 1.5), pixels, or row indices of which a few are out of range.
fn contents(kind: Kind, shape: Shape, index: usize) -> Host {
    let mut draws = Draws::new(17, index as u32, 0);
    let len = shape.elements();
    match kind {
        Kind::F32 => Host::F32((0..len).map(|_| draws.range(-1.5, 1.5) as f32).collect()),
        Kind::Rows => Host::Rows((0..len).map(|_| draws.below(8) as u32).collect()),
        Kind::Pixels => Host::Pixels((0..len).map(|_| draws.below(256) as u8).collect()),
    }
}

fn run(engine: &dyn Engine, program: &Program) -> Vec<Vec<f32>> {
    let buffers: Vec<_> = program
        .slots()
        .iter()
        .enumerate()
        .map(|(index, slot)| {
            let buffer = engine.buffer(slot.kind, slot.shape).expect("a small buffer");
            engine.write(&buffer, contents(slot.kind, slot.shape, index).as_data()).expect("it fits");
            buffer
        })
        .collect();
    let scalars = Scalars { values: vec![0.75; program.scalars().len()], seed: 5, unit: 9 };
    let loaded = engine.load(program).expect("it loads");
    loaded.run(&buffers.iter().collect::<Vec<_>>(), &scalars).expect("it runs");
    let written = program.slots().iter().zip(&buffers).filter(|(slot, _)| slot.role.written().is_some());
    written.map(|(_, buffer)| pollster::block_on(engine.read(buffer)).expect("it reads").into_f32()).collect()
}

/// The rule of agreement: at most 16 times the error of the f32 reference, plus 1e-6 of the largest entry.
fn agree(build: impl Fn(&Graph)) {
    let program = program(build);
    let (truth, single) = (run(&Reference::f64(), &program), run(&Reference::f32(), &program));
    for (output, found) in run(&engine(), &program).iter().enumerate() {
        let (truth, single) = (&truth[output], &single[output]);
        let distance = |x: &[f32]| x.iter().zip(truth).fold(0.0_f32, |max, (a, b)| max.max((a - b).abs()));
        let largest = truth.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
        let (error, allowed) = (distance(found), 16.0 * distance(single) + 1e-6 * largest);
        assert_eq!(found.len(), truth.len());
        assert!(found.iter().all(|x| x.is_finite()), "not finite\n{program}");
        assert!(error <= allowed, "output {output} off by {error}, {allowed} allowed\n{program}");
    }
}

#[test]
fn convolutions_of_every_geometry() {
    // (n, ci, co, groups), (h, w, kh, kw), stride, padding
    let cases = [
        ((2, 3, 4, 1), (7, 6, 3, 3), 1, 1),
        ((1, 1, 1, 1), (1, 1, 1, 1), 1, 0),
        ((3, 2, 4, 2), (9, 8, 3, 2), 2, 1),
        ((2, 4, 4, 4), (8, 7, 3, 3), 1, 1),
        ((2, 2, 3, 1), (5, 5, 3, 3), 3, 0),
        ((2, 2, 3, 1), (6, 9, 2, 3), 2, 3),
        ((2, 1, 2, 1), (4, 4, 1, 1), 2, 2),
        ((2, 3, 2, 1), (5, 6, 5, 6), 1, 0),
        ((2, 3, 2, 1), (5, 6, 4, 1), 4, 1),
        ((5, 1, 8, 1), (28, 28, 3, 3), 1, 3),
        ((37, 8, 16, 1), (4, 4, 3, 3), 1, 1),
        ((9, 16, 16, 1), (16, 16, 3, 3), 1, 1),
    ];
    for ((n, ci, co, groups), (h, w, kh, kw), stride, padding) in cases {
        let conv = Conv { stride, padding, groups };
        agree(|g| {
            let x = g.input("x", [n, ci, h, w]);
            let k = g.input("k", [co, ci / groups as usize, kh, kw]);
            let y = x.conv2d(k, conv);
            let back = g.input("g", y.shape());
            g.output("forward", y);
            g.output("input_grad", back.conv2d_input_grad(k, conv, (h, w)));
            g.output("weight_grad", x.conv2d_weight_grad(back, conv, (kh, kw)));
        });
    }
}

#[test]
fn reductions_over_every_choice_of_axes() {
    for choice in 1..16_usize {
        let axes: Vec<usize> = (0..4).filter(|axis| choice >> axis & 1 == 1).collect();
        for shape in [[3, 4, 5, 2], [2, 9, 3, 17], [40, 3, 20, 20], [2, 1, 1, 9000]] {
            agree(|g| {
                let x = g.input("x", shape);
                g.output("sum", x.sum_keep(&axes));
                g.output("max", x.max_keep(&axes));
            });
        }
    }
    agree(|g| g.output("y", g.input("x", [4, 8, 16, 2, 16, 2]).sum(&[3, 5])));
    agree(|g| g.output("y", g.input("x", [30_000]).sum_all()));
    agree(|g| g.output("y", g.input("x", [3000, 20]).sum(&[0])));
    agree(|g| g.output("y", g.input("x", [20, 70, 30]).permute(&[2, 0, 1]).sum(&[1])));
}

#[test]
fn movement_of_large_values() {
    agree(|g| {
        let x = g.input("x", [6, 50, 70]);
        g.output("permuted", x.permute(&[2, 0, 1]));
        g.output("flipped", x.permute(&[1, 0, 2]).flip(&[0, 2]));
        g.output("sliced", x.slice(&[1, 3, 2], &[2, 1, 3], [3, 40, 20]));
        g.output("padded", x.pad(&[1, 0, 2], &[0, 2, 1], [8, 150, 142]));
        g.output("joined", Tensor::concat(&[x, x.flip(&[1]), x * 0.5], 1));
        g.output("again", x.permute(&[2, 1, 0]).slice(&[0, 1, 0], &[1, 1, 2], [70, 7, 3]).reshape([10, 147]));
    });
    agree(|g| {
        let x = g.input("x", [3, 5, 12, 1, 13, 1]);
        let wide = x.expand([3, 5, 12, 2, 13, 2]).reshape([3, 5, 24, 26]);
        g.output("spread", wide);
        g.output("used", wide * g.input("y", [3, 5, 24, 26]));
        g.output("thrice", g.input("z", [40, 1, 9, 1]).expand([40, 30, 9, 3]));
    });
}

#[test]
fn chains_of_functions() {
    agree(|g| {
        let x = g.input("x", [5, 7, 31, 33]);
        let (scale, shift) = (g.input("scale", [1, 7, 1, 1]), g.input("shift", [5, 1, 1, 33]));
        let y = x * scale + shift;
        let mask = y.gt(y * 0.0);
        g.output("relu", mask.select(y, g.fill(0.0, y.shape())));
        g.output("mask", mask.reshape([35, 1023]));
        g.output("same", (y.reshape([7, 5, 1023]).tanh() - 1.5).maximum(g.fill(-0.75, [7, 5, 1023])));
        g.output("scaled", y * g.scalar("rate") + g.iota(2, [5, 7, 31, 33]) * 0.1);
        g.output("floor", (y * 3.7).floor() + y.sin() * y.cos() + (y * y + 0.5).log());
    });
}

#[test]
fn rows_pixels_and_resampling() {
    agree(|g| {
        let rows = g.rows("rows", 300);
        g.output("numbers", g.input("x", [6, 7, 11]).take(rows));
        g.output("images", g.pixels("pixels", [6, 3, 5, 5]).take(rows));
        g.output("sums", g.input("g", [300, 9]).take_transpose(rows, 6));
    });
    for border in [Border::Zero, Border::Edge] {
        agree(|g| {
            let x = g.input("x", [7, 3, 9, 10]);
            let map = g.input("map", [7, 2, 3]);
            let y = x.sample2d(map, (8, 12), border);
            g.output("forward", y);
            g.output("transpose", g.vjp(&[(y, g.input("g", y.shape()))], &[x])[0]);
        });
    }
}

#[test]
fn whole_shifts_are_exact() {
    let shifted = program(|g| {
        let x = g.input("x", [1, 1, 5, 4]);
        g.output("y", x.shift(g.constant(&[1.0, -2.0], [1, 2])));
    });
    let truth = run(&Reference::f64(), &shifted);
    assert_eq!(run(&engine(), &shifted), truth);
}

#[test]
fn products_of_every_orientation() {
    for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
        for (batch, m, n, k) in [(vec![], 5, 6, 7), (vec![2, 3], 1, 4, 9), (vec![4], 3, 1, 1), (vec![], 1, 1, 200)] {
            let shape = |rows: usize, columns: usize, flip: bool| {
                let mut dims = batch.clone();
                dims.extend(if flip { [columns, rows] } else { [rows, columns] });
                Shape::try_new(&dims).expect("small")
            };
            agree(|g| {
                let (a, b) = (g.input("a", shape(m, k, ta)), g.input("b", shape(k, n, tb)));
                g.output("y", a.matmul_t(ta, b, tb));
            });
        }
    }
    agree(|g| {
        let x = g.input("x", [6, 20]);
        let spd = x.matmul_t(false, x, true) + g.constant(&[1.0; 36], [6, 6]);
        let eye: Vec<f32> = (0..36).map(|i| if i % 7 == 0 { 2.0 } else { 0.0 }).collect();
        g.output("solved", (spd + g.constant(&eye, [6, 6])).solve_spd(g.input("b", [6, 3])));
        g.output("shared", g.input("many", [3, 4, 6]).matmul(g.input("one", [6, 5])));
        g.output("turned", x.permute(&[1, 0]).matmul(x));
    });
}

#[test]
fn empty_values_and_single_ones() {
    agree(|g| {
        let none = g.input("none", [0, 3]);
        g.output("still_none", (none * 2.0).flip(&[1]).permute(&[1, 0]));
        g.output("sum", none.sum(&[0]));
        g.output("joined", Tensor::concat(&[none, g.input("some", [2, 3])], 0));
        g.output("product", g.input("wide", [4, 0]).matmul(none));
        g.output(
            "kernel",
            g.input("images", [0, 2, 4, 4]).conv2d_weight_grad(
                g.input("outputs", [0, 3, 4, 4]),
                Conv { stride: 1, padding: 1, groups: 1 },
                (3, 3),
            ),
        );
        g.output("taken", none.take(g.rows("rows", 2)));
    });
    agree(|g| {
        let one = g.input("one", Shape::SCALAR);
        g.output("y", one.sin() + g.scalar("rate"));
        g.output("wide", one.expand([2, 3]));
        g.output("constant", g.fill(2.5, [2, 2]));
    });
}

#[test]
fn draws_equal_the_reference_to_the_bit() {
    let drawn = program(|g| {
        g.output("normal", g.random_normal(3, [70_001]));
        g.output("uniform", g.random_uniform(4, [3, 7]));
    });
    let truth = run(&Reference::f64(), &drawn);
    assert_eq!(run(&engine(), &drawn), truth);
}

/// All reads see the state from before the run, and a state that is a view of a larger value owns its memory.
#[test]
fn states_are_replaced_at_the_end() {
    let swap = program(|g| {
        let (a, b) = (g.input("a", [4]), g.input("b", [4]));
        g.update(a, b);
        g.update(b, a.flip(&[0]).narrow(0, 0, 4));
        g.output("sum", a + b);
    });
    let engine = engine();
    let [a, b, sum] = [(); 3].map(|()| engine.buffer(Kind::F32, [4].into()).expect("small"));
    engine.write(&a, Data::F32(&[1.0, 2.0, 3.0, 4.0])).expect("it fits");
    engine.write(&b, Data::F32(&[5.0, 6.0, 7.0, 8.0])).expect("it fits");
    let before = pollster::block_on(engine.read(&a));
    engine.load(&swap).expect("it loads").run(&[&a, &b, &sum], &Scalars::default()).expect("it runs");
    let read = |buffer| pollster::block_on(engine.read(buffer)).expect("it reads").into_f32();
    assert_eq!(before.expect("it reads").into_f32(), [1.0, 2.0, 3.0, 4.0]);
    assert_eq!(read(&a), [5.0, 6.0, 7.0, 8.0]);
    assert_eq!(read(&b), [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(read(&sum), [6.0, 8.0, 10.0, 12.0]);
    engine.copy(&b, &a).expect("equal shapes");
    assert_eq!(read(&a), [4.0, 3.0, 2.0, 1.0]);
    assert_eq!(engine.memory_in_use(), 48);
    drop((a, b, sum));
    assert_eq!(engine.memory_in_use(), 0);
}

#[test]
fn devices_by_name() {
    let there = pollster::block_on(crate::engine::available());
    assert!(there.iter().any(|name| name == "candle:cpu"));
    assert_eq!(pollster::block_on(open("candle:cpu")).map(|engine| engine.name().to_owned()), Ok("candle:cpu".into()));
    for name in ["candle:cuda:99", "candle:gpu", "candle:metal:"] {
        assert!(matches!(pollster::block_on(open(name)).map(|_| ()), Err(Error::NoDevice { .. })), "{name}");
    }
}
