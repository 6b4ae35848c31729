//! Tests that need an adapter: what random programs do not reach, and faults. Without one they say so and pass,
//! unless `ATTAR_TEST_WEBGPU=required`.

use std::sync::Arc;

use super::{WebGpu, device::Gpu, memory::Hardware, shader::Kernel, test_engine};
use crate::{
    engine::{Buffer, Data, Engine, Host, Scalars, reference::Reference},
    error::Error,
    graph::{Border, Conv, Graph, Kind, Tensor},
    program::Program,
    rng::{self, Draws},
    shape::Shape,
};

/// The contents of a slot.
enum Value {
    Real(Vec<f32>),
    Rows(Vec<u32>),
    Pixels(Vec<u8>),
}

impl Value {
    fn data(&self) -> Data<'_> {
        match self {
            Value::Real(values) => Data::F32(values),
            Value::Rows(values) => Data::Rows(values),
            Value::Pixels(values) => Data::Pixels(values),
        }
    }
}

/// Builds a program of one output from a graph.
fn program(build: impl for<'g> Fn(&'g Graph) -> Tensor<'g>) -> Program {
    let graph = Graph::new();
    let output = build(&graph);
    graph.output("output", output);
    Program::new("test", graph).unwrap()
}

fn bind(engine: &dyn Engine, program: &Program, values: &[Value]) -> Vec<Buffer> {
    let fill = |(index, slot): (usize, &crate::graph::Slot)| {
        let buffer = engine.buffer(slot.kind, slot.shape).unwrap();
        if let Some(value) = values.get(index) {
            engine.write(&buffer, value.data()).unwrap();
        }
        buffer
    };
    program.slots().iter().enumerate().map(fill).collect()
}

/// The contents of the last slot after a run.
fn last(engine: &dyn Engine, program: &Program, values: &[Value], scalars: &Scalars) -> Vec<f32> {
    let buffers = bind(engine, program, values);
    engine.load(program).unwrap().run(&buffers.iter().collect::<Vec<_>>(), scalars).unwrap();
    read(engine, buffers.last().unwrap())
}

fn read(engine: &dyn Engine, buffer: &Buffer) -> Vec<f32> {
    pollster::block_on(engine.read(buffer)).unwrap().into_f32()
}

fn truth(program: &Program, values: &[Value], scalars: &Scalars) -> Vec<f64> {
    let engine = Reference::f64();
    let buffers = bind(&engine, program, values);
    engine.load(program).unwrap().run(&buffers.iter().collect::<Vec<_>>(), scalars).unwrap();
    engine.read_f64(buffers.last().unwrap()).unwrap()
}

/// Holds the engine to the rule of agreement: 16 times the f32 reference's error plus 1e-6 of the largest entry.
fn agrees(engine: &WebGpu, program: &Program, values: &[Value]) {
    let scalars = Scalars::default();
    let truth = truth(program, values, &scalars);
    let single = last(&Reference::f32(), program, values, &scalars);
    let found = last(engine, program, values, &scalars);
    let distance =
        |values: &[f32]| values.iter().zip(&truth).map(|(&a, b)| (f64::from(a) - b).abs()).fold(0.0, f64::max);
    let largest = truth.iter().fold(0.0f64, |max, v| max.max(v.abs()));
    let (error, allowed) = (distance(&found), 16.0 * distance(&single) + 1e-6 * largest);
    assert!(found.iter().all(|v| v.is_finite()) || !truth.iter().all(|v| v.is_finite()), "not finite: {program}");
    let worst = (0..found.len()).find(|&i| (f64::from(found[i]) - truth[i]).abs() > allowed);
    assert_eq!(worst, None, "the first entry off by more than {allowed:e} (the worst by {error:e}): {program}");
}

/// Values uniform in (-1, 1), repeatable.
fn values(stream: u32, len: usize) -> Value {
    let mut draws = Draws::new(11, stream, 0);
    Value::Real((0..len).map(|_| draws.range(-1.0, 1.0) as f32).collect())
}

fn spread(from: f64, to: f64, len: usize) -> Vec<f32> {
    (0..len).map(|i| (from + (to - from) * i as f64 / (len - 1) as f64) as f32).collect()
}

#[test]
fn elementary_functions_keep_their_stated_errors() {
    let Some(engine) = test_engine() else { return };
    type Function = fn(Tensor<'_>) -> Tensor<'_>;
    let relative = |x: f64, y: f64| (x - y).abs() / y.abs().max(1e-37) / f64::from(f32::EPSILON);
    let absolute = |x: f64, y: f64| (x - y).abs() / f64::from(f32::EPSILON);
    type Case = (&'static str, Function, fn(f64) -> f64, Vec<f32>, fn(f64, f64) -> f64, f64);
    let cases: [Case; 9] = [
        ("exp", |x| x.exp(), f64::exp, spread(-87.0, 88.7, 20_001), relative, 2.0),
        ("exp near 0", |x| x.exp(), f64::exp, spread(-0.7, 0.7, 20_001), relative, 2.0),
        ("log", |x| x.log(), f64::ln, spread(1e-3, 1e3, 20_001), absolute, 8.0),
        ("log near 1", |x| x.log(), f64::ln, spread(0.7, 1.4, 20_001), relative, 2.0),
        ("sin", |x| x.sin(), f64::sin, spread(-5000.0, 5000.0, 20_001), absolute, 2.0),
        ("cos", |x| x.cos(), f64::cos, spread(-5000.0, 5000.0, 20_001), absolute, 2.0),
        ("cos far out", |x| x.cos(), f64::cos, spread(-1e6, 1e6, 20_001), absolute, 2.0),
        ("sin near 0", |x| x.sin(), f64::sin, spread(-0.8, 0.8, 20_001), relative, 2.0),
        ("tanh", |x| x.tanh(), f64::tanh, spread(-12.0, 12.0, 20_001), relative, 3.0),
    ];
    for (name, function, exact, inputs, units, bound) in cases {
        let program = program(|g| function(g.input("x", [inputs.len()])));
        let found = last(&engine, &program, &[Value::Real(inputs.clone())], &Scalars::default());
        let error = |(x, y): (&f32, &f32)| (units(f64::from(*y), exact(f64::from(*x))), *x);
        let worst = inputs.iter().zip(&found).map(error).fold((0.0, 0.0), |a, b| if b.0 > a.0 { b } else { a });
        println!("{name}: {:.2} units at {}", worst.0, worst.1);
        assert!(worst.0 <= bound, "{name} is {} units off at {}", worst.0, worst.1);
    }
}

#[test]
fn what_is_not_finite_stays_so() {
    let Some(engine) = test_engine() else { return };
    let inputs = vec![f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0, -1.0];
    let run = |function: fn(Tensor<'_>) -> Tensor<'_>| {
        last(&engine, &program(|g| function(g.input("x", [5]))), &[Value::Real(inputs.clone())], &Scalars::default())
    };
    let [exp, log, sin, tanh] = [run(|x| x.exp()), run(|x| x.log()), run(|x| x.sin()), run(|x| x.tanh())];
    assert!(exp[0].is_nan() && exp[1] == f32::INFINITY && exp[2] == 0.0 && exp[3] == 1.0, "{exp:?}");
    assert!(log[0].is_nan() && log[1] == f32::INFINITY && log[3] == f32::NEG_INFINITY && log[4].is_nan(), "{log:?}");
    assert!(sin[0].is_nan() && sin[1].is_nan() && sin[2].is_nan() && sin[3] == 0.0, "{sin:?}");
    assert!(tanh[0].is_nan() && tanh[1] == 1.0 && tanh[2] == -1.0, "{tanh:?}");
}

#[test]
fn draws_are_those_of_the_host() {
    let Some(engine) = test_engine() else { return };
    let scalars = Scalars { values: vec![], seed: 0x0123_4567_89ab_cdef, unit: 42 };
    let word = |i: u32| rng::block(scalars.seed, 7, 42, i / 4)[i as usize % 4];
    let uniform = last(&engine, &program(|g| g.random_uniform(7, [1001])), &[], &scalars);
    for (i, &value) in uniform.iter().enumerate() {
        assert_eq!(value, rng::uniform(word(i as u32)) as f32, "draw {i}");
    }
    let normal = last(&engine, &program(|g| g.random_normal(7, [1001])), &[], &scalars);
    for (i, &value) in normal.iter().enumerate() {
        let first = i as u32 & !1;
        let exact = rng::normal_pair([word(first), word(first + 1)])[i % 2];
        assert!((f64::from(value) - exact).abs() < 1e-6, "draw {i}: {value} {exact}");
    }
}

#[test]
fn long_reductions_agree() {
    let Some(engine) = test_engine() else { return };
    let cases: [(&[usize], &[usize]); 8] = [
        (&[300_000], &[0]),
        (&[17_000_000], &[0]),
        (&[2, 70_001, 3], &[1]),
        (&[3, 70, 65], &[0, 2]),
        (&[2, 5000, 3], &[1]),
        (&[40, 500], &[0]),
        (&[17_000, 100], &[1]),
        (&[4, 1, 33, 2, 9], &[0, 2, 4]),
    ];
    for (dims, axes) in cases {
        let shape = Shape::try_new(dims).unwrap();
        let input = [values(1, shape.elements())];
        agrees(&engine, &program(|g| g.input("x", shape).sum(axes)), &input);
        agrees(&engine, &program(|g| g.input("x", shape).max_keep(axes)), &input);
    }
}

/// The engine, and the same device with kernels cut for a card of its own and for SwiftShader.
fn engines() -> Vec<WebGpu> {
    let cut = |hardware: Option<Hardware>| {
        let mut engine = test_engine()?;
        if let Some(hardware) = hardware {
            Arc::get_mut(&mut engine.gpu).expect("nobody else has it yet").hardware = hardware;
        }
        Some(engine)
    };
    [None, Some(Hardware::Discrete), Some(Hardware::SwiftShader)].into_iter().filter_map(cut).collect()
}

#[test]
fn products_of_all_layouts_and_odd_sizes_agree() {
    let engines = engines();
    for (batch, m, k, n) in [
        (1, 1, 1, 1),
        (1, 16, 16, 16),
        (3, 17, 33, 5),
        (2, 5, 300, 40),
        (1, 70, 1, 31),
        (1, 2, 70_000, 3),
        (1, 130, 4100, 70),
        (20, 129, 40, 260),
    ] {
        for (ta, tb) in [(false, false), (false, true), (true, false), (true, true)] {
            let a = if ta { [batch, k, m] } else { [batch, m, k] };
            let b = if tb { [batch, n, k] } else { [batch, k, n] };
            let product = program(|g| g.input("a", a).matmul_t(ta, g.input("b", b), tb));
            let operands = [values(1, batch * m * k), values(2, batch * k * n)];
            engines.iter().for_each(|engine| agrees(engine, &product, &operands));
        }
    }
}

#[test]
fn convolutions_agree() {
    let engines = engines();
    // n, ci, size, co, kernel, stride, padding, groups
    let cases = [
        [2, 3, 9, 8, 3, 1, 1, 1],
        [3, 4, 10, 6, 3, 2, 1, 2],
        [1, 4, 8, 4, 5, 3, 2, 4],
        [2, 16, 16, 16, 3, 1, 1, 1],
        [2, 2, 5, 3, 5, 1, 0, 1],
        [20, 24, 16, 72, 3, 1, 1, 1],
    ];
    for [n, ci, size, co, kernel, stride, padding, groups] in cases {
        let conv = Conv { stride: stride as u32, padding: padding as u32, groups: groups as u32 };
        let (x, k) = ([n, ci, size, size], [co, ci / groups, kernel, kernel]);
        let out = (size + 2 * padding - kernel) / stride + 1;
        let y = [n, co, out, out];
        let len = |dims: [usize; 4]| dims.iter().product();
        let forward = program(|g| g.input("x", x).conv2d(g.input("k", k), conv));
        engines.iter().for_each(|engine| agrees(engine, &forward, &[values(1, len(x)), values(2, len(k))]));
        let input = program(|g| g.input("y", y).conv2d_input_grad(g.input("k", k), conv, (size, size)));
        engines.iter().for_each(|engine| agrees(engine, &input, &[values(1, len(y)), values(2, len(k))]));
        let weight = program(|g| g.input("x", x).conv2d_weight_grad(g.input("y", y), conv, (kernel, kernel)));
        engines.iter().for_each(|engine| agrees(engine, &weight, &[values(1, len(x)), values(2, len(y))]));
    }
}

/// Rotation, reflection, zooms, a singular map, the null map, one that reads far outside, and shears.
fn maps() -> Vec<f32> {
    let (sin, cos) = (0.4f32).sin_cos();
    [
        [cos, -sin, 0.3, sin, cos, -0.7],
        [-1.0, 0.0, 0.0, 0.0, 1.0, 2.0],
        [0.2, 0.0, 0.1, 0.0, 0.3, 0.2],
        [4.0, 0.5, 0.0, -0.5, 3.0, 1.0],
        [1.0, 2.0, 0.0, 2.0, 4.0, 0.0],
        [0.0, 0.0, 1.5, 0.0, 0.0, -1.25],
        [1.0, 0.0, 60.0, 0.0, 1.0, -60.0],
        [1.0, 0.9, 0.25, 0.8, 1.0, -0.5],
    ]
    .concat()
}

#[test]
fn resampling_agrees_for_every_kind_of_map() {
    let Some(engine) = test_engine() else { return };
    let n = maps().len() / 6;
    for border in [Border::Zero, Border::Edge] {
        for ((h, w), (oh, ow)) in [((9, 7), (8, 11)), ((5, 6), (12, 3)), ((1, 4), (3, 1))] {
            let map = || Value::Real(maps());
            let forward = program(|g| g.input("x", [n, 2, h, w]).sample2d(g.input("map", [n, 2, 3]), (oh, ow), border));
            agrees(&engine, &forward, &[values(1, n * 2 * h * w), map()]);
            let back = program(|g| {
                let (x, weights) = (g.input("x", [n, 2, h, w]), g.input("weights", [n, 2, oh, ow]));
                let y = x.sample2d(g.input("map", [n, 2, 3]), (oh, ow), border);
                g.grad((y * weights).sum_all(), &[x])[0]
            });
            let inputs = [values(1, n * 2 * h * w), values(2, n * 2 * oh * ow), map()];
            agrees(&engine, &back, &inputs);
        }
    }
}

#[test]
fn rows_out_of_range_read_as_zeros_and_pixels_need_no_alignment() {
    let Some(engine) = test_engine() else { return };
    let pixels: Vec<u8> = (0..15).map(|i| i * 17).collect();
    let shown = program(|g| g.pixels("pixels", [5, 3]).take(g.rows("rows", 4)));
    let found =
        last(&engine, &shown, &[Value::Pixels(pixels.clone()), Value::Rows(vec![4, 9, 1, 4])], &Scalars::default());
    let row = |r: usize| pixels[3 * r..3 * r + 3].iter().map(|&p| f32::from(p) / 255.0).collect::<Vec<_>>();
    assert_eq!(found, [row(4), vec![0.0; 3], row(1), row(4)].concat());
    let buffer = engine.buffer(Kind::Pixels, [5, 3].into()).unwrap();
    engine.write(&buffer, Data::Pixels(&pixels)).unwrap();
    let copy = engine.buffer(Kind::Pixels, [5, 3].into()).unwrap();
    engine.copy(&buffer, &copy).unwrap();
    assert_eq!(pollster::block_on(engine.read(&copy)).unwrap(), Host::Pixels(pixels));
}

#[test]
fn more_workgroups_than_one_axis_holds() {
    let Some(engine) = test_engine() else { return };
    let len = 65_536 * 64 + 77;
    let program = program(|g| g.iota(0, [len]) * 2.0);
    let found = last(&engine, &program, &[], &Scalars::default());
    assert!(found.iter().enumerate().all(|(i, &v)| v == 2.0 * i as f32));
}

#[test]
fn empty_tensors_and_empty_sums() {
    for engine in engines() {
        let run = |build: for<'g> fn(&'g Graph) -> Tensor<'g>| last(&engine, &program(build), &[], &Scalars::default());
        assert_eq!(run(|g| g.input("x", [0, 3]).sin()), [0.0; 0]);
        assert_eq!(run(|g| g.input("x", [0, 3]).sum(&[0])), [0.0; 3]);
        assert_eq!(run(|g| g.input("x", [2, 0]).matmul_t(false, g.input("y", [0, 3]), false)), [0.0; 6]);
        assert_eq!(run(|g| g.input("x", [0]).pad(&[1], &[0], [2])), [0.0; 2]);
        assert_eq!(run(|g| Tensor::concat(&[g.input("x", [0]), g.iota(0, [2])], 0)), [0.0, 1.0]);
        assert_eq!(run(|g| g.input("x", [0, 2]).take(g.rows("r", 1))), [0.0; 2]);
    }
}

#[test]
fn states_are_read_before_any_is_written() {
    let Some(engine) = test_engine() else { return };
    let graph = Graph::new();
    let (a, b, kept) = (graph.input("a", [2]), graph.input("b", [2]), graph.input("kept", [2]));
    graph.update(a, b);
    graph.update(b, a + 1.0);
    graph.update(kept, kept);
    graph.output("old", a);
    let program = Program::new("swap", graph).unwrap();
    let start = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]].map(|v| Value::Real(v.to_vec()));
    let buffers = bind(&engine, &program, &start);
    engine.load(&program).unwrap().run(&buffers.iter().collect::<Vec<_>>(), &Scalars::default()).unwrap();
    let after: Vec<Vec<f32>> = buffers.iter().map(|buffer| read(&engine, buffer)).collect();
    assert_eq!(after, [[3.0, 4.0], [2.0, 3.0], [5.0, 6.0], [1.0, 2.0]]);
}

/// Several runs are queued before any is waited for; each keeps its scalars, its buffers and what was written between.
#[test]
fn runs_in_flight_keep_their_own_scalars_and_buffers() {
    let Some(engine) = test_engine() else { return };
    let graph = Graph::new();
    let (sum, x) = (graph.input("sum", [3]), graph.input("x", [3]));
    graph.update(sum, sum * 10.0 + x * graph.scalar("factor"));
    let program = Program::new("accumulate", graph).unwrap();
    let loaded = engine.load(&program).unwrap();
    let sums = [0, 1].map(|_| engine.buffer(Kind::F32, [3].into()).unwrap());
    let x = engine.buffer(Kind::F32, [3].into()).unwrap();
    for factor in [1.0, 2.0, 3.0] {
        for (sum, sign) in sums.iter().zip([1.0, -1.0]) {
            engine.write(&x, Data::F32(&[sign, 0.0, 0.5 * sign])).unwrap();
            loaded.run(&[sum, &x], &Scalars { values: vec![factor], ..Scalars::default() }).unwrap();
        }
    }
    assert_eq!(read(&engine, &sums[0]), [123.0, 0.0, 61.5]);
    assert_eq!(read(&engine, &sums[1]), [-123.0, 0.0, -61.5]);
}

#[test]
fn memory_is_given_back() {
    let Some(engine) = test_engine() else { return };
    assert_eq!(engine.memory_in_use(), 0);
    let buffer = engine.buffer(Kind::F32, [10, 10].into()).unwrap();
    assert_eq!(engine.memory_in_use(), 400);
    let program = program(|g| {
        let x = g.input("x", [10, 10]);
        x.matmul(x).sin().matmul(x)
    });
    let output = engine.buffer(Kind::F32, [10, 10].into()).unwrap();
    let loaded = engine.load(&program).unwrap();
    assert!(engine.memory_in_use() > 1200);
    loaded.run(&[&buffer, &output], &Scalars::default()).unwrap();
    drop(read(&engine, &output));
    drop((loaded, buffer, output));
    assert_eq!(engine.memory_in_use(), 0);
}

/// A buffer may go while a write to it is still to be queued, while a run that uses it or a read of it is in flight.
#[test]
fn what_is_dropped_early_is_no_fault() {
    let Some(engine) = test_engine() else { return };
    let program = program(|g| g.input("x", [4]).sin());
    let loaded = engine.load(&program).unwrap();
    let buffer = || engine.buffer(Kind::F32, [4].into()).unwrap();
    engine.write(&buffer(), Data::F32(&[1.0; 4])).unwrap();
    let (x, y) = (buffer(), buffer());
    engine.write(&x, Data::F32(&[0.5; 4])).unwrap();
    loaded.run(&[&x, &y], &Scalars::default()).unwrap();
    drop(engine.read(&x));
    let reading = engine.read(&y);
    drop((x, y, loaded));
    assert_eq!(pollster::block_on(reading).unwrap().into_f32(), [0.5f32.sin(); 4]);
    assert_eq!(engine.gpu.check(), Ok(()));
}

#[test]
fn what_does_not_fit_is_refused() {
    let Some(engine) = test_engine() else { return };
    let most = engine.limits().buffer_bytes;
    let Some(shape) = Shape::try_new(&[usize::try_from(most / 4 + 1).unwrap()]) else { return };
    let refused = engine.buffer(Kind::F32, shape).unwrap_err();
    assert!(matches!(refused, Error::Limit { needs, has, .. } if has == most && needs > most), "{refused}");
    let large = program(|g| g.random_uniform(1, shape).pad(&[1], &[0], [shape.elements() + 2]).sum_all());
    assert!(matches!(engine.load(&large).err(), Some(Error::Limit { .. })));
    assert_eq!(engine.memory_in_use(), 0);
}

#[test]
fn buffers_of_others_are_refused() {
    let (Some(engine), Some(other)) = (test_engine(), test_engine()) else { return };
    for stranger in [other.buffer(Kind::F32, [2].into()), Reference::f32().buffer(Kind::F32, [2].into())] {
        let stranger = stranger.unwrap();
        assert!(matches!(engine.write(&stranger, Data::F32(&[0.0; 2])), Err(Error::Engine { .. })));
        assert!(matches!(pollster::block_on(engine.read(&stranger)), Err(Error::Engine { .. })));
    }
}

#[test]
fn a_lost_device_is_an_error_from_then_on() {
    let Some(engine) = test_engine() else { return };
    let program = program(|g| g.input("x", [4]).sin());
    let loaded = engine.load(&program).unwrap();
    let buffers = bind(&engine, &program, &[values(1, 4)]);
    let bound: Vec<&Buffer> = buffers.iter().collect();
    loaded.run(&bound, &Scalars::default()).unwrap();
    engine.lose();
    // The loss is reported once what is in flight has ended, which a read waits for.
    let lost = Error::DeviceLost("webgpu".into());
    for _ in 0..2 {
        assert_eq!(pollster::block_on(engine.read(&buffers[0])), Err(lost.clone()));
        assert_eq!(loaded.run(&bound, &Scalars::default()), Err(lost.clone()));
        assert_eq!(engine.buffer(Kind::F32, [1].into()).unwrap_err(), lost);
        assert_eq!(engine.load(&program).err(), Some(lost.clone()));
    }
}

#[test]
fn a_shader_that_does_not_compile_surfaces_once() {
    let Some(engine) = test_engine() else { return };
    let gpu: &Gpu = &engine.gpu;
    let broken = Kernel {
        label: "broken".into(),
        source: "fn main() { not wgsl }".into(),
        bindings: Vec::new(),
        reads_call: false,
        groups: [1, 1],
        flops: 0,
    };
    gpu.pipeline(&broken);
    assert!(matches!(gpu.check(), Err(Error::Engine { .. })));
    assert_eq!(gpu.check(), Ok(()));
}

#[test]
fn solving_agrees_beyond_one_row_a_lane_and_one_span_a_kernel() {
    let Some(engine) = test_engine() else { return };
    for n in [1, 33, 270, 420] {
        let solved = program(|g| {
            let x = g.input("x", [n, 20]);
            let diagonal: Vec<f32> = (0..n * n).map(|i| if i % (n + 1) == 0 { 3.0 } else { 0.0 }).collect();
            (x.matmul_t(false, x, true) + g.constant(&diagonal, [n, n])).solve_spd(g.input("b", [n, 5]))
        });
        agrees(&engine, &solved, &[values(1, n * 20), values(2, n * 5)]);
    }
}

#[test]
fn wide_angles_stay_in_range() {
    let Some(engine) = test_engine() else { return };
    let far: Vec<f32> = [1e7, 1e12, 3e38, -1e9].to_vec();
    let found = last(&engine, &program(|g| g.input("x", [4]).sin()), &[Value::Real(far)], &Scalars::default());
    assert!(found.iter().all(|v| v.abs() <= 1.0 + 1e-6), "{found:?}");
}
