//! The perceptron of Zhao et al. (2021): two hidden layers.

use super::super::layers::{Layers, flat};
use crate::graph::Tensor;

#[track_caller]
pub(super) fn features<'g>(layers: &mut Layers<'g, '_>, x: Tensor<'g>, width: usize) -> Tensor<'g> {
    let mut y = flat(x);
    for name in ["fc_1", "fc_2"] {
        y = layers.linear(y, name, width).relu();
        layers.keep(y);
    }
    y
}
