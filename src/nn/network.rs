//! The networks of the field: ConvNet (Gidaris and Komodakis 2018, as used by Zhao et al. 2021 and all since) and MLP.

use serde::{Deserialize, Serialize};

use super::params::Table;
use crate::{
    error::{Error, Result},
    graph::{Conv, Graph, Tensor},
    rng::Draws,
    shape::Shape,
};

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
}

/// What follows each convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    None,
    /// Each channel of each image by itself (group norm with as many groups as channels).
    Instance,
    /// Four groups of channels.
    Group,
    /// All channels and pixels of an image; scale and offset for each value.
    Layer,
}

/// How each block halves the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Pooling {
    None,
    Average,
    Max,
}

/// Which network, without the sizes that the data gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "network", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Architecture {
    /// `depth` blocks of 3x3 convolution, norm, ReLU and pooling, `width` channels each, then a linear classifier.
    /// With one input channel the first convolution has padding 3, so that 28x28 becomes 32x32.
    ConvNet { depth: usize, width: usize, norm: Norm, pooling: Pooling },
    /// Two hidden layers of `width` with ReLU.
    Mlp { width: usize },
}

impl Architecture {
    /// The field's standard: instance norm, average pooling.
    pub fn convnet(depth: usize, width: usize) -> Architecture {
        Architecture::ConvNet { depth, width, norm: Norm::Instance, pooling: Pooling::Average }
    }

    /// The depth that the field uses for images of this size: 3 at 32 pixels, 4 at 64, 5 at 128, 6 at 224.
    pub fn usual_depth(height: usize) -> usize {
        match height {
            0..48 => 3,
            48..96 => 4,
            96..176 => 5,
            _ => 6,
        }
    }
}

/// A network for images of one size and a number of classes; parameters live in one flat buffer.
#[derive(Debug, Clone, PartialEq)]
pub struct Network {
    architecture: Architecture,
    image: ImageSize,
    classes: usize,
    features: usize,
    /// Values of the largest layer's output for one image.
    largest: usize,
    table: Table,
}

/// What a network makes of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Forward<'g> {
    /// Output of the last block, flattened in (channel, row, column) order: `[n, d]`.
    pub features: Tensor<'g>,
    /// `[n, classes]`.
    pub logits: Tensor<'g>,
}

impl Network {
    /// Lays out the parameters.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the network is too deep for the images or has no width.
    pub fn new(architecture: Architecture, image: ImageSize, classes: usize) -> Result<Network> {
        let mut table = Table::default();
        let (features, largest) = match &architecture {
            Architecture::ConvNet { depth, width, norm, pooling } => {
                convnet_table(&mut table, image, (*depth, *width), *norm, *pooling)?
            }
            Architecture::Mlp { width } => {
                table.push_layer("fc_1", [*width, image.elements()], *width, image.elements());
                table.push_layer("fc_2", [*width, *width], *width, *width);
                (*width, image.elements().max(*width))
            }
        };
        if features == 0 || classes == 0 {
            return Err(Error::Recipe(format!(
                "a network of width 0 or for {classes} classes learns nothing: give it a width, and the data classes"
            )));
        }
        let classifier = if matches!(architecture, Architecture::Mlp { .. }) { "fc_3" } else { "classifier" };
        table.push_layer(classifier, [classes, features], classes, features);
        Ok(Network { architecture, image, classes, features, largest, table })
    }

    /// Where each parameter stands.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Number of features d.
    pub fn features(&self) -> usize {
        self.features
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Bytes that training holds of one image at once, by and large: where the largest block is differentiated, its
    /// convolution's output, the normalised values, and the gradients of both.
    pub fn activation_bytes(&self) -> u64 {
        4 * (self.largest * size_of::<f32>()) as u64
    }

    /// The images it takes.
    pub fn image(&self) -> ImageSize {
        self.image
    }

    /// Fresh initial parameters, `[len]`.
    pub fn init(&self, draws: &mut Draws) -> Vec<f32> {
        self.table.init(draws)
    }

    /// An input slot for the parameters.
    #[track_caller]
    pub fn parameters<'g>(&self, graph: &'g Graph, name: &str) -> Tensor<'g> {
        graph.input(name, [self.table.len()])
    }

    /// Features and logits of normalised images `x [n, c, h, w]` under parameters `theta [len]`.
    #[track_caller]
    pub fn forward<'g>(&self, theta: Tensor<'g>, x: Tensor<'g>) -> Forward<'g> {
        let n = x.dim(0);
        match &self.architecture {
            Architecture::ConvNet { depth, norm, pooling, .. } => {
                let last = (0..*depth).fold(x, |x, block| self.block(theta, x, block, *norm, *pooling));
                let features = last.reshape([n, self.features]);
                Forward { features, logits: self.linear(theta, features, "classifier") }
            }
            Architecture::Mlp { .. } => {
                let hidden = self.linear(theta, x.reshape([n, self.image.elements()]), "fc_1").relu();
                let features = self.linear(theta, hidden, "fc_2").relu();
                Forward { features, logits: self.linear(theta, features, "fc_3") }
            }
        }
    }

    fn block<'g>(&self, theta: Tensor<'g>, x: Tensor<'g>, block: usize, norm: Norm, pooling: Pooling) -> Tensor<'g> {
        let get = |name: String| self.table.get(theta, &name);
        let kernel = get(format!("layers.conv.{block}.weight"));
        let channels = kernel.dim(0);
        let bias = get(format!("layers.conv.{block}.bias")).reshape([1, channels, 1, 1]);
        let y = x.conv2d(kernel, Conv::padded(padding(block, x.dim(1)))) + bias;
        let y = match norm {
            Norm::None => y,
            _ => {
                let scale = get(format!("layers.norm.{block}.weight"));
                normalised(y, norm, scale, get(format!("layers.norm.{block}.bias")))
            }
        };
        let y = y.relu();
        match pooling {
            Pooling::None => y,
            Pooling::Average => y.avg_pool2(),
            Pooling::Max => y.max_pool2(),
        }
    }

    fn linear<'g>(&self, theta: Tensor<'g>, x: Tensor<'g>, name: &str) -> Tensor<'g> {
        let weight = self.table.get(theta, &format!("{name}.weight"));
        x.matmul_t(false, weight, true) + self.table.get(theta, &format!("{name}.bias"))
    }
}

/// `(x - mean) / std` for images `x [n, c, h, w]`, per channel.
#[track_caller]
pub fn normalise<'g>(x: Tensor<'g>, mean: &[f32], std: &[f32]) -> Tensor<'g> {
    let own = |values: &[f32]| x.graph().constant(values, [1, values.len(), 1, 1]);
    (x - own(mean)) / own(std)
}

/// Padding of a block's convolution: 3 for the first of a grey image, which takes 28x28 to 32x32.
fn padding(block: usize, channels: usize) -> usize {
    if block == 0 && channels == 1 { 3 } else { 1 }
}

/// Lays out the parameters; the numbers of features and of values of the largest convolution's output.
fn convnet_table(
    table: &mut Table,
    image: ImageSize,
    (depth, width): (usize, usize),
    norm: Norm,
    pooling: Pooling,
) -> Result<(usize, usize)> {
    let (mut channels, mut height, mut across) = (image.channels, image.height, image.width);
    let mut largest = 0;
    if norm == Norm::Group && !width.is_multiple_of(4) {
        return Err(Error::Recipe(format!("group norm has 4 groups, so the width {width} must be a multiple of 4")));
    }
    for block in 0..depth {
        let grow = 2 * padding(block, channels) - 2;
        (height, across) = (height + grow, across + grow);
        largest = largest.max(width * height * across);
        table.push_layer(&format!("layers.conv.{block}"), [width, channels, 3, 3], width, channels * 9);
        match norm {
            Norm::None => {}
            Norm::Instance | Norm::Group => table.push_norm(&format!("layers.norm.{block}"), [width]),
            Norm::Layer => table.push_norm(&format!("layers.norm.{block}"), [width, height, across]),
        }
        if pooling != Pooling::None {
            (height, across) = (height / 2, across / 2);
        }
        channels = width;
    }
    if height == 0 || across == 0 {
        let size = format!("{}x{}", image.height, image.width);
        return Err(Error::Recipe(format!("images of {size} are too small for depth {depth}: choose a smaller depth")));
    }
    Ok((channels * height * across, largest))
}

/// Group normalisation with biased variance and eps 1e-5, over two passes; then scale and offset.
fn normalised<'g>(y: Tensor<'g>, norm: Norm, scale: Tensor<'g>, offset: Tensor<'g>) -> Tensor<'g> {
    let [n, c, h, w] = [0, 1, 2, 3].map(|axis| y.dim(axis));
    let groups = match norm {
        Norm::None | Norm::Instance => c,
        Norm::Group => 4,
        Norm::Layer => 1,
    };
    let grouped = if groups == c { y } else { y.reshape([n, groups, c / groups * h, w]) };
    let centred = grouped - grouped.mean_keep(&[2, 3]);
    let deviation = (centred.square().mean_keep(&[2, 3]) + 1e-5).sqrt();
    let even = (centred * deviation.recip()).reshape([n, c, h, w]);
    let own = if norm == Norm::Layer { [1, c, h, w] } else { [1, c, 1, 1] };
    even * scale.reshape(own) + offset.reshape(own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_field() {
        let size = |channels, pixels| ImageSize { channels, height: pixels, width: pixels };
        let cifar = Network::new(Architecture::convnet(3, 128), size(3, 32), 10).unwrap();
        assert_eq!((cifar.features(), cifar.table().len()), (2048, 320_010));
        let fashion = Network::new(Architecture::convnet(3, 128), size(1, 28), 10).unwrap();
        assert_eq!((fashion.features(), fashion.table().len()), (2048, 317_706));
        for (pixels, depth) in [(64, 4), (128, 5)] {
            assert_eq!(Architecture::usual_depth(pixels), depth);
            let network = Network::new(Architecture::convnet(depth, 128), size(3, pixels), 10).unwrap();
            assert_eq!(network.features(), 2048);
        }
    }

    #[test]
    fn too_deep_is_refused() {
        let image = ImageSize { channels: 3, height: 16, width: 16 };
        assert!(Network::new(Architecture::convnet(5, 8), image, 10).is_err());
    }

    #[test]
    fn every_norm_and_pooling_builds() {
        let image = ImageSize { channels: 3, height: 9, width: 12 };
        for norm in [Norm::None, Norm::Instance, Norm::Group, Norm::Layer] {
            for pooling in [Pooling::None, Pooling::Average, Pooling::Max] {
                let network =
                    Network::new(Architecture::ConvNet { depth: 2, width: 8, norm, pooling }, image, 3).unwrap();
                let g = Graph::new();
                let y = network.forward(network.parameters(&g, "theta"), g.input("x", image.batch(2)));
                assert_eq!(y.logits.shape(), [2, 3].into());
                assert_eq!(g.error(), None);
            }
        }
    }
}
