//! A network for images of one size: its table of parameters, and what it makes of a batch.

use super::{
    Architecture, ImageSize,
    layers::{Declared, Layers, Mode},
    params::Table,
};
use crate::{
    error::{Error, Result},
    graph::{Graph, Tensor},
    rng::Draws,
    shape::Shape,
};

/// How much of a batch's statistics goes into the running ones (PyTorch's default).
const MOMENTUM: f64 = 0.1;

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
    statistics: Table,
}

/// What a network makes of a batch.
#[derive(Debug, Clone)]
pub struct Forward<'g> {
    /// What the classifier reads, `[n, d]`: the output of the last block, flattened in (channel, row, column) order, or its
    /// mean over pixels in the residual networks.
    pub features: Tensor<'g>,
    /// `[n, classes]`.
    pub logits: Tensor<'g>,
    /// The output of each block before the classifier, `[n, c, h, w]` or `[n, d]`: of each convolution with what follows
    /// it up to the next, of a residual network's stem and stages, of each hidden linear layer. What is not used costs nothing.
    pub inner: Vec<Tensor<'g>>,
    /// Means and unbiased variances of the batch, layer by layer; none if running statistics were read.
    batch: Vec<Tensor<'g>>,
}

impl<'g> Forward<'g> {
    /// Running statistics `[len]` after this batch: nine tenths of what they were and a tenth of the batch's. What they were,
    /// if the network read them or has none.
    #[track_caller]
    pub fn moved(&self, statistics: Tensor<'g>) -> Tensor<'g> {
        if self.batch.is_empty() {
            return statistics;
        }
        statistics * (1.0 - MOMENTUM) + Tensor::concat(&self.batch, 0) * MOMENTUM
    }
}

impl Network {
    /// Lays out the parameters.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the images are too small for the network, or it has no width.
    pub fn new(architecture: Architecture, image: ImageSize, classes: usize) -> Result<Network> {
        architecture.check()?;
        if classes == 0 {
            return Err(Error::Recipe("a network for 0 classes learns nothing: give the data classes".into()));
        }
        let (graph, mut layers) = (Graph::new(), Layers::declaring());
        let last = architecture.features(&mut layers, graph.input("image", image.batch(1)));
        let features = last.dim(1);
        layers.linear(last, architecture.classifier(), classes);
        let Declared { params, statistics, largest, blind, huge } = layers.declared();
        if huge || Shape::try_new(&[params.len()]).is_none() {
            return Err(architecture.too_large(image));
        }
        if graph.error().is_some() || blind || image.elements() == 0 || features == 0 {
            return Err(architecture.too_small(image));
        }
        Ok(Network { architecture, image, classes, features, largest, table: params, statistics })
    }

    /// Where each parameter stands.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Where each running statistic of batch norm stands, in a buffer of its own that no optimiser sees; empty without batch
    /// norm.
    pub fn statistics(&self) -> &Table {
        &self.statistics
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

    /// Running statistics before any batch, `[len]`: means 0 and variances 1.
    pub fn initial_statistics(&self) -> Vec<f32> {
        // All of them are constants, so nothing is drawn.
        self.statistics.init(&mut Draws::new(0, 0, 0))
    }

    /// An input slot for the parameters.
    #[track_caller]
    pub fn parameters<'g>(&self, graph: &'g Graph, name: &str) -> Tensor<'g> {
        graph.input(name, [self.table.len()])
    }

    /// The mode in which networks are tested: running statistics in an input slot of this name, if there are any.
    #[track_caller]
    pub fn running<'g>(&self, graph: &'g Graph, name: &str) -> Mode<'g> {
        match self.statistics.len() {
            0 => Mode::Batch { weights: None },
            len => Mode::Running(graph.input(name, [len])),
        }
    }

    /// Features and logits of normalised images `x [n, c, h, w]` under parameters `theta [len]`. Batch norm, if there is any,
    /// normalises over all of them.
    #[track_caller]
    pub fn forward<'g>(&self, theta: Tensor<'g>, x: Tensor<'g>) -> Forward<'g> {
        self.forward_in(theta, x, Mode::Batch { weights: None })
    }

    /// [`Network::forward`] with a say in what batch norm normalises by.
    #[track_caller]
    pub fn forward_in<'g>(&self, theta: Tensor<'g>, x: Tensor<'g>, mode: Mode<'g>) -> Forward<'g> {
        let mut layers = Layers::reading(&self.table, &self.statistics, theta, mode);
        let features = self.architecture.features(&mut layers, x);
        let logits = layers.linear(features, self.architecture.classifier(), self.classes);
        Forward { features, logits, inner: layers.inner, batch: layers.batch }
    }
}
