//! The hyperbolic tangent.

use super::{exp::exp_in_range, polynomial};
use crate::lanes::{Lanes, SIGN};

/// tanh x to 1.35 units in the last place.
#[inline(always)]
pub(in super::super) fn tanh<L: Lanes>(l: L, x: L::F) -> L::F {
    let square = l.mul(x, x);
    let p = polynomial(l, square, [-5.704_988_7e-3, 2.063_908_9e-2, -5.373_971_6e-2, 1.333_144_2e-1, -3.333_328_2e-1]);
    let near = l.mul_add(l.mul(p, square), x, x);
    // 1 from 9.011 on; what is not a number passes.
    let size = l.min(l.splat(10.0), l.abs(x));
    let power = exp_in_range(l, l.add(size, size));
    let one = l.splat(1.0);
    let far = l.sub(one, l.div(l.splat(2.0), l.add(power, one)));
    let sign = l.and(l.bits(x), l.word(SIGN));
    l.select(l.gt(l.splat(0.390_625), square), near, l.float(l.xor(l.bits(far), sign)))
}
