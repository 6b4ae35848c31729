//! Images as networks see them.

use serde::{Deserialize, Serialize};

use crate::{graph::Tensor, shape::Shape};

/// Channels and pixels of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSize {
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl ImageSize {
    /// The shape of `n` images, `[n, c, h, w]`.
    pub fn batch(&self, n: usize) -> Shape {
        [n, self.channels, self.height, self.width].into()
    }

    /// Values of one image.
    pub fn elements(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The shorter side, which the field means by the size of an image.
    pub fn side(&self) -> usize {
        self.height.min(self.width)
    }
}

/// `(x - mean) / std` for images `x [n, c, h, w]`, per channel.
#[track_caller]
pub fn normalise<'g>(x: Tensor<'g>, mean: &[f32], std: &[f32]) -> Tensor<'g> {
    let own = |values: &[f32]| x.graph().constant(values, [1, values.len(), 1, 1]);
    (x - own(mean)) / own(std)
}
