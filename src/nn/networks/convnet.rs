//! ConvNet (Gidaris and Komodakis 2018), in the form of Zhao et al. (2021).

use super::{
    super::{
        Norm, Pooling,
        layers::{Kernels, Layers, flat},
    },
    grey,
};
use crate::graph::Tensor;

#[track_caller]
pub(super) fn features<'g>(
    layers: &mut Layers<'g, '_>,
    x: Tensor<'g>,
    (depth, width): (usize, usize),
    norm: Norm,
    pooling: Pooling,
) -> Tensor<'g> {
    let mut y = x;
    for block in 0..depth {
        let padding = if block == 0 && grey(x) { 3 } else { 1 };
        y = layers.conv(y, &format!("layers.conv.{block}"), Kernels::new(width, 3).padded(padding));
        y = layers.norm(y, &format!("layers.norm.{block}"), norm).relu();
        y = match pooling {
            Pooling::None => y,
            Pooling::Average => y.avg_pool2(),
            Pooling::Max => y.max_pool2(),
        };
        layers.keep(y);
    }
    flat(y)
}
