//! The transforms of Winograd's algorithm for tiles of 4 outputs and kernels of 3, along one axis. A polynomial of degree 5
//! is evaluated at six points, 0, ±[`A`], ±[`B`] and infinity; products of values at the points are the values of products.
//!
//! The published choice, A = 1 and B = 2, loses more digits: the powers of 2 are large beside those of 1. Points on both
//! sides of 1 keep all of them near it.

use super::super::simd::Simd;

/// Outputs of one tile along one axis.
pub(super) const STEP: usize = 4;
/// Inputs of one tile, and points.
pub(super) const TILE: usize = 6;
/// Products of one tile.
pub(super) const POINTS: usize = TILE * TILE;

const A: f32 = 0.6875;
const B: f32 = 1.375;
const A2: f32 = A * A;
const B2: f32 = B * B;

/// Six inputs to their values at the points.
#[inline(always)]
pub(super) fn input<S: Simd>(s: S, d: [S::F; 6]) -> [S::F; 6] {
    let c = |x: f32| s.splat(x);
    let even_a = s.mul_add(c(-B2), d[2], d[4]);
    let odd_a = s.mul_add(c(-B2), d[1], d[3]);
    let even_b = s.mul_add(c(-A2), d[2], d[4]);
    let odd_b = s.mul_add(c(-A2), d[1], d[3]);
    [
        s.mul_add(c(A2 * B2), d[0], s.mul_add(c(-A2 - B2), d[2], d[4])),
        s.mul_add(c(A), odd_a, even_a),
        s.mul_add(c(-A), odd_a, even_a),
        s.mul_add(c(B), odd_b, even_b),
        s.mul_add(c(-B), odd_b, even_b),
        s.mul_add(c(A2 * B2), d[1], s.mul_add(c(-A2 - B2), d[3], d[5])),
    ]
}

/// Values at the points to four outputs.
#[inline(always)]
pub(super) fn output<S: Simd>(s: S, m: [S::F; 6]) -> [S::F; 4] {
    let c = |x: f32| s.splat(x);
    let (even_a, odd_a) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (even_b, odd_b) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
    [
        s.add(m[0], s.add(even_a, even_b)),
        s.mul_add(c(A), odd_a, s.mul(c(B), odd_b)),
        s.mul_add(c(A2), even_a, s.mul(c(B2), even_b)),
        s.mul_add(c(A * A2), odd_a, s.mul_add(c(B * B2), odd_b, m[5])),
    ]
}

/// Three taps of a kernel to their values at the points, divided by what [`input`] left out.
#[inline(always)]
pub(super) fn kernel<S: Simd>(s: S, g: [S::F; 3]) -> [S::F; 6] {
    let c = |x: f32| s.splat(x);
    let even_a = s.mul_add(c(SCALE_A * A2), g[2], s.mul(c(SCALE_A), g[0]));
    let even_b = s.mul_add(c(SCALE_B * B2), g[2], s.mul(c(SCALE_B), g[0]));
    [
        s.mul(c(1.0 / (A2 * B2)), g[0]),
        s.mul_add(c(SCALE_A * A), g[1], even_a),
        s.mul_add(c(-SCALE_A * A), g[1], even_a),
        s.mul_add(c(SCALE_B * B), g[1], even_b),
        s.mul_add(c(-SCALE_B * B), g[1], even_b),
        g[2],
    ]
}

const SCALE_A: f32 = 1.0 / (2.0 * A2 * (A2 - B2));
const SCALE_B: f32 = 1.0 / (2.0 * B2 * (B2 - A2));

/// The transpose of [`output`]: gradients of four outputs to gradients at the points.
#[inline(always)]
pub(super) fn gradient<S: Simd>(s: S, g: [S::F; 4]) -> [S::F; 6] {
    let c = |x: f32| s.splat(x);
    let even_a = s.mul_add(c(A2), g[2], g[0]);
    let odd_a = s.mul_add(c(A2), g[3], g[1]);
    let even_b = s.mul_add(c(B2), g[2], g[0]);
    let odd_b = s.mul_add(c(B2), g[3], g[1]);
    [
        g[0],
        s.mul_add(c(A), odd_a, even_a),
        s.mul_add(c(-A), odd_a, even_a),
        s.mul_add(c(B), odd_b, even_b),
        s.mul_add(c(-B), odd_b, even_b),
        g[3],
    ]
}

/// The transpose of [`kernel`]: gradients at the points to gradients of three taps.
#[inline(always)]
pub(super) fn taps<S: Simd>(s: S, m: [S::F; 6]) -> [S::F; 3] {
    let c = |x: f32| s.splat(x);
    let (even_a, odd_a) = (s.add(m[1], m[2]), s.sub(m[1], m[2]));
    let (even_b, odd_b) = (s.add(m[3], m[4]), s.sub(m[3], m[4]));
    let first = s.mul_add(c(SCALE_A), even_a, s.mul(c(SCALE_B), even_b));
    [
        s.mul_add(c(1.0 / (A2 * B2)), m[0], first),
        s.mul_add(c(SCALE_A * A), odd_a, s.mul(c(SCALE_B * B), odd_b)),
        s.mul_add(c(SCALE_A * A2), even_a, s.mul_add(c(SCALE_B * B2), even_b, m[5])),
    ]
}

/// Applies a transform along both axes: to every row of `IN x IN` values as `row` gives them, then to every column.
/// `write` gets column after column of the result. All closures say `#[inline(always)]`.
#[inline(always)]
pub(super) fn both_axes<S: Simd, const IN: usize, const OUT: usize>(
    s: S,
    one: impl Fn([S::F; IN]) -> [S::F; OUT],
    mut row: impl FnMut(usize) -> [S::F; IN],
    mut write: impl FnMut(usize, [S::F; OUT]),
) {
    let mut half = [[s.splat(0.0); OUT]; IN];
    for i in 0..IN {
        half[i] = one(row(i));
    }
    for j in 0..OUT {
        let mut column = [s.splat(0.0); IN];
        for i in 0..IN {
            column[i] = half[i][j];
        }
        write(j, one(column));
    }
}
