//! What the tests of all kernels share.

use super::{Isa, Vector};
use crate::rng::Draws;

/// The kernels of every instruction set that this machine has.
pub(super) fn vectors() -> impl Iterator<Item = Vector> {
    Isa::available().into_iter().map(Vector::new)
}

/// Lengths around every boundary, and some long ones.
pub(super) fn lengths() -> impl Iterator<Item = usize> {
    (0..=70).chain([127, 128, 129, 1000, 4099])
}

/// Numbers in (-4, 4).
pub(super) fn values(len: usize, stream: u32) -> Vec<f32> {
    let mut draws = Draws::new(1, stream, 0);
    (0..len).map(|_| draws.range(-4.0, 4.0) as f32).collect()
}
