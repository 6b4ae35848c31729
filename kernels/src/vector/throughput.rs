//! How fast the kernels are: `cargo test --release throughput -- --ignored --nocapture`.

use std::{hint::black_box, time::Instant};

use super::{Operand, Reduction, Stream, Tile, TileMut, Vector, View, testing::*};
use crate::{Binary, Compare, Law, Reduce, Unary};

/// Numbers of a tile.
const LEN: usize = 1024;

/// Tiles as an interpreter should lay them out: at cache lines, since stores across two of them take twice as long,
/// and a multiple of 4096 bytes apart, since a CPU that looks at the last 12 bits of addresses takes a load just ahead
/// of a store for one of what is stored (a fourth of the speed).
fn tiles<const N: usize>(memory: &mut Vec<f32>) -> [&mut [f32]; N] {
    memory.resize((N + 1) * LEN, 0.0);
    let skipped = memory.as_ptr().align_offset(4096);
    let mut tiles = memory[skipped..].chunks_exact_mut(LEN);
    std::array::from_fn(|_| tiles.next().unwrap())
}

/// Prints how many numbers (`len` a call) are done in a nanosecond, best of many short trials.
fn measure<R>(name: &str, len: usize, mut call: impl FnMut() -> R) {
    let calls = (100 * LEN / len).max(1);
    let mut best = f64::INFINITY;
    for _ in 0..100 {
        let start = Instant::now();
        for _ in 0..calls {
            black_box(call());
        }
        best = best.min(start.elapsed().as_nanos() as f64 / calls as f64);
    }
    println!("  {name:<24} {:8.2}", len as f64 / best);
}

#[test]
#[ignore = "takes time, and measures"]
fn throughput() {
    for vector in vectors() {
        println!("{vector:?}, numbers a nanosecond");
        pointwise(vector);
        reductions(vector);
        movement(vector);
        for law in [Law::Uniform, Law::Normal] {
            let mut out = vec![0.0; LEN];
            let stream = Stream { seed: 1, stream: 2, unit: 3 };
            measure(&format!("{law:?}"), LEN, || vector.random(law, black_box(stream), 0, TileMut::new(&mut out)));
        }
    }
}

fn pointwise(vector: Vector) {
    let mut memory = Vec::new();
    let [a, b, c, out] = tiles(&mut memory);
    a.copy_from_slice(&values(LEN, 1));
    b.copy_from_slice(&values(LEN, 2));
    c.iter_mut().zip(&*a).for_each(|(c, a)| *c = a.abs());
    let (a, b, positive, out) = (&*a, &*b, &*c, TileMut::new(out));
    use Unary::{Cos, Exp, Floor, Log, Neg, Recip, Sin, Sqrt, Tanh};
    for f in [Neg, Exp, Log, Sin, Cos, Sqrt, Tanh, Recip, Floor] {
        measure(&format!("{f:?}"), LEN, || vector.unary(f, black_box(positive).into(), out));
    }
    for f in [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max] {
        measure(&format!("{f:?}"), LEN, || vector.binary(f, black_box(a).into(), b.into(), out));
    }
    measure("Add a number", LEN, || vector.binary(Binary::Add, black_box(a).into(), Operand::One(2.0), out));
    for times in [16, 64, 256] {
        let few = Operand::Repeated(Tile::new(&b[..LEN / times]), times);
        measure(&format!("Add one to each {times}"), LEN, || vector.binary(Binary::Add, black_box(a).into(), few, out));
    }
    measure("Add in place", LEN, || vector.binary(Binary::Add, out.into(), b.into(), out));
    measure("Gt", LEN, || vector.compare(Compare::Gt, black_box(a).into(), b.into(), out));
    measure("select", LEN, || vector.select(black_box(a).into(), b.into(), positive.into(), out));
    measure("mul_add", LEN, || vector.mul_add(black_box(a).into(), b.into(), positive.into(), out));
    measure("gated", LEN, || vector.gated(black_box(a).into(), b.into(), out));
}

fn reductions(vector: Vector) {
    let (a, b) = (values(64 * LEN, 1), values(LEN, 2));
    let x = Tile::new(&a[..LEN]);
    let mut out = vec![0.0; 64 * LEN];
    measure("dot", LEN, || vector.dot(black_box(x), Tile::new(&b), TileMut::new(&mut out[..1])));
    measure("dot of rows of 64", LEN, || vector.dot(black_box(x), Tile::new(&b), TileMut::new(&mut out[..LEN / 64])));
    let mut axes = |name: &str, dims: &[usize], axes: &[u32]| {
        let (len, reduction) = (dims.iter().product(), Reduction::new(dims, axes));
        let kept: usize =
            dims.iter().enumerate().filter(|(axis, _)| !axes.contains(&(*axis as u32))).map(|x| x.1).product();
        measure(name, len, || {
            vector.reduce_axes(
                Reduce::Sum,
                &reduction,
                black_box(Tile::new(&a[..len])),
                TileMut::new(&mut out[..kept]),
            );
        });
    };
    axes("rows of 196", &[32, 196], &[1]);
    axes("rows of 10", &[64, 10], &[1]);
    axes("columns of 256", &[16, 256], &[0]);
    axes("columns of 10", &[64, 10], &[0]);
    axes("pool 28", &[4, 14, 2, 14, 2], &[2, 4]);
    axes("pool 32", &[4, 16, 2, 16, 2], &[2, 4]);
    axes("pool 14", &[16, 7, 2, 7, 2], &[2, 4]);
}

fn movement(vector: Vector) {
    let x = values(64 * LEN, 1);
    let mut out = vec![0.0; 64 * LEN];
    let mut copy = |name: &str, axes: &[(usize, isize)]| {
        let view = View::new(0, axes.iter().copied());
        let len = view.elements();
        measure(name, len, || vector.copy(black_box(Tile::new(&x)), &view, 0, TileMut::new(&mut out[..len])));
    };
    copy("copy", &[(1024, 1)]);
    copy("every second", &[(1024, 2)]);
    copy("every third", &[(1024, 3)]);
    copy("rows of 24 in 28", &[(40, 28), (24, 1)]);
    copy("unpool 28", &[(56, 14), (2, 0), (14, 1), (2, 0)]);
    copy("unpool 32", &[(64, 16), (2, 0), (16, 1), (2, 0)]);
    copy("rows repeated", &[(32, 1), (196, 0)]);
    copy("transpose 64 x 64", &[(64, 1), (64, 64)]);
    copy("transpose 256 x 250", &[(256, 1), (250, 256)]);
    copy("3 planes to pixels", &[(1024, 1), (3, 1024)]);
    copy("pixels to 3 planes", &[(3, 1), (1024, 3)]);
}

/// Whole nodes, on as many threads as there are.
#[test]
#[ignore = "takes time, and measures"]
fn throughput_of_nodes() {
    use super::{Resampling, solve_scratch};
    use crate::Border;
    for vector in vectors() {
        println!("{vector:?}, numbers a nanosecond");
        let (x, mut out) = (values(64 * 3 * 1024, 1), vec![0.0; 64 * 3 * 1024]);
        let sizes = Resampling { border: Border::Zero, channels: 3, input: (32, 32), output: (32, 32) };
        for (name, map) in [
            ("shift", [1.0f32, 0.0, 2.0, 0.0, 1.0, -1.0]),
            ("scale", [0.9, 0.0, 0.0, 0.0, 1.1, 0.0]),
            ("rotate", [0.9, 0.1, 0.0, -0.1, 0.9, 0.0]),
        ] {
            let maps = map.repeat(64);
            measure(&format!("sample, {name}"), out.len(), || vector.sample(&sizes, &x, &maps, &mut out));
            measure(&format!("sample transpose, {name}"), out.len(), || {
                vector.sample_transpose(&sizes, &x, &maps, &mut out);
            });
        }
        let pixels = vec![7; 500 * 784];
        let rows: Vec<u32> = (0..128).map(|i| i * 37 % 500).collect();
        let mut taken = vec![0.0; 128 * 784];
        measure("take pixels", taken.len(), || vector.take_pixels(&pixels, &rows, 784, &mut taken));
        let mut back = vec![0.0; 500 * 784];
        measure("take transpose", taken.len(), || vector.take_transpose(&taken, &rows, 784, &mut back));
        for n in [50, 100, 500] {
            let a: Vec<f32> = (0..n * n).map(|p| if p / n == p % n { 2.0 } else { 1.0 / n as f32 }).collect();
            let (b, mut scratch, mut x) = (vec![1.0; n * 10], vec![0.0; solve_scratch(n, 10)], vec![0.0; n * 10]);
            measure(&format!("solve {n}, 2 n^3 / 3"), n * n * n * 2 / 3, || {
                vector.solve_spd(&a, &b, (n, 10), &mut scratch, &mut x);
            });
        }
    }
}
