//! AlexNet (Krizhevsky et al. 2012), cut down for small images by Zhao et al. (2021): no norm, one linear layer.

use super::{
    super::layers::{Kernels, Layers, flat},
    grey,
};
use crate::graph::Tensor;

#[track_caller]
pub(super) fn features<'g>(layers: &mut Layers<'g, '_>, x: Tensor<'g>, width: usize) -> Tensor<'g> {
    let half = width / 2;
    let first = Kernels::new(width, 5).padded(if grey(x) { 4 } else { 2 });
    let mut y = x;
    for (name, kernels, halves) in [
        ("features.0", first, true),
        ("features.3", Kernels::new(3 * half, 5), true),
        ("features.6", Kernels::new(4 * half, 3), false),
        ("features.8", Kernels::new(3 * half, 3), false),
        ("features.10", Kernels::new(3 * half, 3), true),
    ] {
        y = layers.conv(y, name, kernels).relu();
        y = if halves { y.max_pool2() } else { y };
        layers.keep(y);
    }
    flat(y)
}
