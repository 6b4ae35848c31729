//! VGG-11 (Simonyan and Zisserman 2015), with a norm and one linear layer, as in Zhao et al. (2021).

use super::{
    super::{
        Norm,
        layers::{Kernels, Layers, flat},
    },
    grey,
};
use crate::graph::Tensor;

/// Channels of each convolution in units of the width, and whether a maximum halves what follows.
const CONVOLUTIONS: [(usize, bool); 8] =
    [(1, true), (2, true), (4, false), (4, true), (8, false), (8, true), (8, false), (8, true)];

#[track_caller]
pub(super) fn features<'g>(layers: &mut Layers<'g, '_>, x: Tensor<'g>, width: usize, norm: Norm) -> Tensor<'g> {
    let (mut y, mut index) = (x, 0);
    for (times, halves) in CONVOLUTIONS {
        // In PyTorch's list the ReLU and the maximum have a place, too.
        let (conv, normed) = (format!("features.{index}"), format!("features.{}", index + 1));
        let padding = if index == 0 && grey(x) { 3 } else { 1 };
        y = layers.conv(y, &conv, Kernels::new(times * width, 3).padded(padding));
        y = layers.norm(y, &normed, norm).relu();
        y = if halves { y.max_pool2() } else { y };
        layers.keep(y);
        index += if halves { 4 } else { 3 };
    }
    flat(y)
}
