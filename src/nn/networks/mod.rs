//! The networks of the field, one function each over [`Layers`]: `x [n, c, h, w]` to features `[n, d]`.

mod alexnet;
mod convnet;
mod lenet;
mod mlp;
mod resnet;
#[cfg(test)]
mod tests;
mod vgg;

use super::{Architecture, layers::Layers};
use crate::graph::Tensor;

impl Architecture {
    /// What the classifier reads.
    #[track_caller]
    pub(super) fn features<'g>(&self, layers: &mut Layers<'g, '_>, x: Tensor<'g>) -> Tensor<'g> {
        match *self {
            Architecture::ConvNet { depth, width, norm, pooling } => {
                convnet::features(layers, x, (depth, width), norm, pooling)
            }
            Architecture::Mlp { width } => mlp::features(layers, x, width),
            Architecture::LeNet => lenet::features(layers, x),
            Architecture::AlexNet { width } => alexnet::features(layers, x, width),
            Architecture::Vgg11 { width, norm } => vgg::features(layers, x, width, norm),
            Architecture::ResNet18 { width, norm } => resnet::resnet18(layers, x, width, norm),
            Architecture::ResNetAp10 { width, norm } => resnet::resnet_ap10(layers, x, width, norm),
        }
    }

    /// The published name of the last linear layer.
    pub(super) fn classifier(&self) -> &'static str {
        match self {
            Architecture::ConvNet { .. } | Architecture::Vgg11 { .. } | Architecture::ResNet18 { .. } => "classifier",
            Architecture::Mlp { .. } | Architecture::LeNet => "fc_3",
            Architecture::AlexNet { .. } | Architecture::ResNetAp10 { .. } => "fc",
        }
    }
}

/// Whether images `[n, c, h, w]` are grey: the published networks pad those more at first, which takes 28x28 to 32x32.
fn grey(x: Tensor<'_>) -> bool {
    x.dim(1) == 1
}
