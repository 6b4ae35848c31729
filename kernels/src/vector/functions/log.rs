//! The natural logarithm.

use super::polynomial;
use crate::lanes::Lanes;

/// The bits of the square root of 1/2: mantissas are taken from there up to the square root of 2.
const ROOT_HALF: u32 = 0x3f35_04f3;
const MANTISSA: u32 = 0x007f_ffff;

/// ln x to 0.85 units in the last place; minus infinity at zero, not a number below.
#[inline(always)]
pub(in super::super) fn log<L: Lanes>(l: L, x: L::F) -> L::F {
    // Subnormal numbers are scaled into range.
    let tiny = l.gt(l.splat(f32::MIN_POSITIVE), x);
    let scaled = l.select(tiny, l.mul(x, l.splat(8_388_608.0)), x);
    let (f, exponent) = split(l, scaled);
    let exponent = l.select(tiny, l.sub(exponent, l.splat(23.0)), exponent);
    let finite = log_parts(l, f, exponent);
    // What is not above zero or not finite: x itself is right for infinity and what is not a number.
    let (zero, infinity) = (l.splat(0.0), l.splat(f32::INFINITY));
    let below = l.select(l.eq(x, zero), l.splat(f32::NEG_INFINITY), l.splat(f32::NAN));
    let special = l.select(l.ge(zero, x), below, x);
    let proper = l.select(l.gt(x, zero), finite, special);
    l.select(l.eq(x, infinity), infinity, proper)
}

/// `(f, e)` with x = (1 + f) 2^e and f in [-0.293, 0.415], for normal x above zero.
#[inline(always)]
pub(in super::super) fn split<L: Lanes>(l: L, x: L::F) -> (L::F, L::F) {
    let shifted = l.minus(l.bits(x), l.word(ROOT_HALF));
    let exponent = l.convert(l.shift_right_signed(shifted, 23));
    let mantissa = l.float(l.plus(l.and(shifted, l.word(MANTISSA)), l.word(ROOT_HALF)));
    (l.sub(mantissa, l.splat(1.0)), exponent)
}

/// ln((1 + f) 2^e) for f in [-0.293, 0.415].
#[inline(always)]
pub(in super::super) fn log_parts<L: Lanes>(l: L, f: L::F, e: L::F) -> L::F {
    let square = l.mul(f, f);
    let p = polynomial(
        l,
        f,
        [
            7.037_683_6e-2,
            -1.151_461_0e-1,
            1.167_699_8e-1,
            -1.242_014_0e-1,
            1.424_932_3e-1,
            -1.666_805_8e-1,
            2.000_071_4e-1,
            -2.499_999_9e-1,
            3.333_333_1e-1,
        ],
    );
    // ln 2 in two parts: whole numbers up to 2^15 times the second are exact.
    let small = l.mul_add(e, l.splat(-2.121_944_4e-4), l.mul(l.mul(p, f), square));
    let small = l.mul_add(square, l.splat(-0.5), small);
    l.mul_add(e, l.splat(0.693_359_375), l.add(f, small))
}
