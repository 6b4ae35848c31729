//! LeNet (LeCun et al. 1998) with ReLU and maxima, as in Zhao et al. (2021).

use super::{
    super::layers::{Kernels, Layers, flat},
    grey,
};
use crate::graph::Tensor;

#[track_caller]
pub(super) fn features<'g>(layers: &mut Layers<'g, '_>, x: Tensor<'g>) -> Tensor<'g> {
    let mut y = x;
    for (name, outputs, padding) in [("features.0", 6, if grey(x) { 2 } else { 0 }), ("features.3", 16, 0)] {
        y = layers.conv(y, name, Kernels::new(outputs, 5).padded(padding)).relu().max_pool2();
        layers.keep(y);
    }
    y = flat(y);
    for (name, outputs) in [("fc_1", 120), ("fc_2", 84)] {
        y = layers.linear(y, name, outputs).relu();
        layers.keep(y);
    }
    y
}
