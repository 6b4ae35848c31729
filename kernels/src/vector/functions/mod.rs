//! exp, log, sin, cos and tanh by the polynomials that all of our own engines share (see `webgpu/wgsl/`). The stated
//! errors are in units in the last place of the true value, over all exponents; the tests hold them.

mod exp;
mod log;
mod tanh;
mod trig;

#[cfg(test)]
mod tests;

pub(super) use exp::exp;
pub(super) use log::{log, log_parts, split};
pub(super) use tanh::tanh;
pub(super) use trig::{cos, sin, turned_pair};

use super::Lanes;

/// The polynomial with these coefficients, that of the highest power first.
#[inline(always)]
fn polynomial<L: Lanes, const N: usize>(l: L, x: L::F, coefficients: [f32; N]) -> L::F {
    let mut sum = l.splat(coefficients[0]);
    for &coefficient in &coefficients[1..] {
        sum = l.mul_add(sum, x, l.splat(coefficient));
    }
    sum
}
