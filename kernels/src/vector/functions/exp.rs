//! The exponential function.

use std::f32::consts::LOG2_E;

use super::polynomial;
use crate::lanes::{Lanes, ROUND};

/// ln 2 in two parts; whole numbers up to 2^15 times the first are exact.
const LN_2: [f32; 2] = [0.693_359_375, -2.121_944_4e-4];

/// e^x to 1.05 units in the last place; infinity from 88.73, subnormal below -87.34, zero below -103.98.
#[inline(always)]
pub(in super::super) fn exp<L: Lanes>(l: L, x: L::F) -> L::F {
    // In this order, what is not a number passes.
    let x = l.max(l.splat(-104.0), l.min(l.splat(89.0), x));
    let (n, y) = parts(l, x);
    l.scale(y, n)
}

/// `(n, y)` with e^x = y 2^n, for |x| up to 110: n = round(x / ln 2), and y in [0.7, 1.42].
#[inline(always)]
fn parts<L: Lanes>(l: L, x: L::F) -> (L::F, L::F) {
    let round = l.splat(ROUND);
    let n = l.sub(l.mul_add(x, l.splat(LOG2_E), round), round);
    let r = l.mul_add(n, l.splat(-LN_2[0]), x);
    let r = l.mul_add(n, l.splat(-LN_2[1]), r);
    let p = polynomial(
        l,
        r,
        [1.987_569_1e-4, 1.398_199_9e-3, 8.333_451_9e-3, 4.166_579_6e-2, 1.666_666_7e-1, 5.000_000_1e-1],
    );
    (n, l.add(l.mul_add(p, l.mul(r, r), r), l.splat(1.0)))
}

/// e^x for x in [-87, 88], where no result is subnormal or infinite.
#[inline(always)]
pub(super) fn exp_in_range<L: Lanes>(l: L, x: L::F) -> L::F {
    let (n, y) = parts(l, x);
    l.mul(y, l.power(l.add(n, l.splat(ROUND))))
}
