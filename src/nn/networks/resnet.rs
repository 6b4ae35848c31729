//! Residual networks of basic blocks: ResNet-18 (He et al. 2016) on a 3x3 stem, as in Zhao et al. (2021), and ResNet-AP-10,
//! which halves by averages (IDC, Kim et al. 2022).
//!
//! Both end in the mean over all pixels. On the images that the published ResNet-18 is for (28 and 32 pixels) that is its
//! average over 4x4.

use super::super::{
    Norm,
    layers::{Kernels, Layers, Start},
};
use crate::graph::Tensor;

/// What halves an image between stages.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Halving {
    Stride,
    Average,
}

/// What all convolutions of a network have in common.
struct Style {
    norm: Norm,
    halving: Halving,
    start: Start,
    /// Names of the convolution and the norm beside a block.
    beside: [&'static str; 2],
}

impl Style {
    /// Kernels without bias, unless nothing else moves their outputs.
    fn kernels(&self, outputs: usize, size: usize) -> Kernels {
        Kernels { bias: self.norm == Norm::None, start: self.start, ..Kernels::new(outputs, size) }
    }

    /// A convolution that takes every `step`th pixel, if that is how the network halves.
    #[track_caller]
    fn conv<'g>(
        &self,
        layers: &mut Layers<'g, '_>,
        x: Tensor<'g>,
        name: &str,
        kernels: Kernels,
        step: usize,
    ) -> Tensor<'g> {
        let stride = if self.halving == Halving::Stride { step } else { 1 };
        layers.conv(x, name, Kernels { stride, ..kernels })
    }

    /// Averages over `step` by `step` pixels, if that is how the network halves.
    #[track_caller]
    fn averaged<'g>(&self, x: Tensor<'g>, step: usize) -> Tensor<'g> {
        if self.halving == Halving::Average && step > 1 { x.avg_pool(step) } else { x }
    }

    #[track_caller]
    fn stem<'g>(&self, layers: &mut Layers<'g, '_>, x: Tensor<'g>, prefix: &str, kernels: Kernels) -> Tensor<'g> {
        let y = layers.conv(x, &format!("{prefix}conv1"), kernels);
        layers.norm(y, &format!("{prefix}bn1"), self.norm).relu()
    }

    /// Two convolutions beside what passes unchanged, or through a 1x1 convolution where the sizes differ.
    #[track_caller]
    fn block<'g>(
        &self,
        layers: &mut Layers<'g, '_>,
        x: Tensor<'g>,
        name: &str,
        outputs: usize,
        step: usize,
    ) -> Tensor<'g> {
        let y = self.conv(layers, x, &format!("{name}.conv1"), self.kernels(outputs, 3), step);
        let y = layers.norm(y, &format!("{name}.bn1"), self.norm).relu();
        let y = layers.conv(self.averaged(y, step), &format!("{name}.conv2"), self.kernels(outputs, 3));
        let y = layers.norm(y, &format!("{name}.bn2"), self.norm);
        if step == 1 && x.dim(1) == outputs {
            return (y + x).relu();
        }
        let [conv, norm] = self.beside.map(|part| format!("{name}.{part}"));
        let beside = self.conv(layers, x, &conv, self.kernels(outputs, 1), step);
        (y + layers.norm(self.averaged(beside, step), &norm, self.norm)).relu()
    }

    /// Four stages of as many blocks, each of twice the channels and half the size of the one before.
    #[track_caller]
    fn stages<'g>(&self, layers: &mut Layers<'g, '_>, x: Tensor<'g>, width: usize, blocks: usize) -> Tensor<'g> {
        layers.keep(x);
        let mut y = x;
        for stage in 0..4 {
            for block in 0..blocks {
                let step = if stage > 0 && block == 0 { 2 } else { 1 };
                y = self.block(layers, y, &format!("layer{}.{block}", stage + 1), width << stage, step);
            }
            layers.keep(y);
        }
        y.mean(&[2, 3])
    }
}

#[track_caller]
pub(super) fn resnet18<'g>(layers: &mut Layers<'g, '_>, x: Tensor<'g>, width: usize, norm: Norm) -> Tensor<'g> {
    let beside = ["shortcut.0", "shortcut.1"];
    let style = Style { norm, halving: Halving::Stride, start: Start::Uniform, beside };
    let stem = style.stem(layers, x, "", style.kernels(width, 3));
    style.stages(layers, stem, width, 2)
}

/// The stem depends on the size of the images: 3x3 up to 64 pixels, halved above, 7x7 and quartered above 128.
#[track_caller]
pub(super) fn resnet_ap10<'g>(layers: &mut Layers<'g, '_>, x: Tensor<'g>, width: usize, norm: Norm) -> Tensor<'g> {
    let beside = ["downsample.0", "downsample.2"];
    let style = Style { norm, halving: Halving::Average, start: Start::Normal, beside };
    let (size, step) = match x.dim(2).min(x.dim(3)) {
        0..=64 => (3, 1),
        65..=128 => (3, 2),
        _ => (7, 4),
    };
    let stem = style.stem(layers, x, "layer0.", style.kernels(width, size));
    style.stages(layers, style.averaged(stem, step), width, 1)
}
