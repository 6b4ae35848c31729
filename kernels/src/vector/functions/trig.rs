//! Sine and cosine: to 1.6 units in the last place for |x| up to 1e5, where operations are fused. Where not, to 2.4
//! units up to 40, and beyond to 2.4 units in the last place of 1/4 or of the value, whichever is larger.

use super::polynomial;
use crate::lanes::{Lanes, ROUND, SIGN};

/// From here on, results are only some numbers in [-1, 1].
const LIMIT: f32 = 1_048_576.0;

/// sin x, exactly odd.
#[inline(always)]
pub(in super::super) fn sin<L: Lanes>(l: L, x: L::F) -> L::F {
    let (rest, turns) = quarter_turns(l, x);
    turned(l, rest, turns)
}

/// cos x, exactly even: differences of equal values must be zero.
#[inline(always)]
pub(in super::super) fn cos<L: Lanes>(l: L, x: L::F) -> L::F {
    let (rest, turns) = quarter_turns(l, x);
    turned(l, rest, l.plus(turns, l.word(1)))
}

/// `(r, n)` with x = r + n pi/2 and r in [-pi/4, pi/4], n in the low bits of a word.
#[inline(always)]
fn quarter_turns<L: Lanes>(l: L, x: L::F) -> (L::F, L::I) {
    // Not a number (nor, then, is the rest) for what is not finite.
    let bounded = l.add(l.max(l.splat(-LIMIT), l.min(l.splat(LIMIT), x)), l.sub(x, x));
    let round = l.splat(ROUND);
    let shifted = l.mul_add(bounded, l.splat(std::f32::consts::FRAC_2_PI), round);
    let n = l.sub(shifted, round);
    // pi/2 in parts. Without fused operations products must be exact: n has 16 bits up to 1e5, so each part but the
    // last has 8.
    let mut rest = bounded;
    if L::FUSED {
        for part in [1.570_796_37, -4.371_138_83e-8, -1.715_124_51e-15] {
            rest = l.mul_add(n, l.splat(-part), rest);
        }
    } else {
        for part in [1.570_312_5, 4.825_592_041e-4, 1.266_598_701e-6, 9.920_936_29e-10] {
            rest = l.mul_add(n, l.splat(-part), rest);
        }
    }
    (rest, l.bits(shifted))
}

/// sin(r + turns pi/2) for r in [-pi/4, pi/4].
#[inline(always)]
fn turned<L: Lanes>(l: L, r: L::F, turns: L::I) -> L::F {
    let (sin, cos) = quarters(l, r);
    let odd = l.negative(l.shift_left(turns, 31));
    signed(l, l.select(odd, cos, sin), turns)
}

/// `(sin, cos)(r + turns pi/2)` for r in [-pi/4, pi/4].
#[inline(always)]
pub(in super::super) fn turned_pair<L: Lanes>(l: L, r: L::F, turns: L::I) -> (L::F, L::F) {
    let (sin, cos) = quarters(l, r);
    let odd = l.negative(l.shift_left(turns, 31));
    let next = l.plus(turns, l.word(1));
    (signed(l, l.select(odd, cos, sin), turns), signed(l, l.select(odd, sin, cos), next))
}

/// -x after two or three of four quarter turns, else x.
#[inline(always)]
fn signed<L: Lanes>(l: L, x: L::F, turns: L::I) -> L::F {
    l.float(l.xor(l.bits(x), l.and(l.shift_left(turns, 30), l.word(SIGN))))
}

/// sin r and cos r for r in [-pi/4, pi/4].
#[inline(always)]
fn quarters<L: Lanes>(l: L, r: L::F) -> (L::F, L::F) {
    let square = l.mul(r, r);
    let p = polynomial(l, square, [-1.951_529_6e-4, 8.332_160_9e-3, -1.666_665_5e-1]);
    let sin = l.mul_add(l.mul(p, square), r, r);
    let p = polynomial(l, square, [2.443_315_7e-5, -1.388_731_6e-3, 4.166_664_6e-2]);
    let cos = l.add(l.mul_add(l.mul(p, square), square, l.mul(square, l.splat(-0.5))), l.splat(1.0));
    (sin, cos)
}
