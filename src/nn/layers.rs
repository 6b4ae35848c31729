//! Layers by their names in PyTorch. A network is one function of them and is run twice: once to declare its parameters, whose
//! shapes follow from the image, and then to read them, so that no shape is written down twice.

use super::{
    Norm,
    params::{Init, Table},
};
use crate::{
    graph::{Conv, Graph, Tensor},
    shape::Shape,
};

/// What every norm adds to a variance.
const EPS: f64 = 1e-5;

/// What batch norm normalises by, in a network that has it. Any other network does the same in every mode.
#[derive(Debug, Clone, Copy)]
pub enum Mode<'g> {
    /// The mean and variance of what passes at once, as PyTorch in training. With weights, `[n]`, images of weight 0 do not
    /// count; those that do count alike.
    Batch { weights: Option<Tensor<'g>> },
    /// Running statistics, flat as [`Network::statistics`](super::Network::statistics) lays them out.
    Running(Tensor<'g>),
}

/// Where the layers' parameters are from.
enum Source<'g, 't> {
    /// Nowhere yet. Stand-ins of their shapes pass through a graph that nobody runs.
    Declared(Declared),
    Read {
        theta: Tensor<'g>,
        params: &'t Table,
        statistics: &'t Table,
    },
}

/// What a network turned out to have.
#[derive(Default)]
pub(super) struct Declared {
    pub params: Table,
    pub statistics: Table,
    /// Values of the largest convolution's output, or the largest linear layer's input, for one image.
    pub largest: usize,
    /// Whether a norm is over single values, which makes every image the same.
    pub blind: bool,
    /// Whether a parameter has more elements than a buffer can hold.
    pub huge: bool,
}

/// How the kernels of a convolution start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// PyTorch's default: uniform within `1 / sqrt(inputs)`.
    Uniform,
    /// Normal with deviation `sqrt(2 / (kernel^2 outputs))` (He et al. 2015, counting outputs).
    Normal,
}

/// The kernels of a convolution.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernels {
    pub outputs: usize,
    /// Rows and columns.
    pub size: usize,
    pub padding: usize,
    pub stride: usize,
    pub bias: bool,
    pub start: Start,
}

impl Kernels {
    /// With bias, and padding that keeps the size of the image.
    pub fn new(outputs: usize, size: usize) -> Kernels {
        Kernels { outputs, size, padding: size / 2, stride: 1, bias: true, start: Start::Uniform }
    }

    pub fn padded(self, padding: usize) -> Kernels {
        Kernels { padding, ..self }
    }
}

/// The layers of one run of a network's function.
pub(super) struct Layers<'g, 't> {
    source: Source<'g, 't>,
    mode: Mode<'g>,
    /// What was passed to [`Layers::keep`].
    pub inner: Vec<Tensor<'g>>,
    /// What each batch norm found, in the order of the table of statistics.
    pub batch: Vec<Tensor<'g>>,
}

impl<'g, 't> Layers<'g, 't> {
    pub fn declaring() -> Layers<'g, 't> {
        Layers::of(Source::Declared(Declared::default()), Mode::Batch { weights: None })
    }

    pub fn reading(params: &'t Table, statistics: &'t Table, theta: Tensor<'g>, mode: Mode<'g>) -> Layers<'g, 't> {
        Layers::of(Source::Read { theta, params, statistics }, mode)
    }

    fn of(source: Source<'g, 't>, mode: Mode<'g>) -> Layers<'g, 't> {
        Layers { source, mode, inner: Vec::new(), batch: Vec::new() }
    }

    /// What was declared; nothing if the parameters were read.
    pub fn declared(self) -> Declared {
        match self.source {
            Source::Declared(declared) => declared,
            Source::Read { .. } => Declared::default(),
        }
    }

    /// Cross-correlation of `x [n, c, h, w]` with kernels `[outputs, c, size, size]`.
    #[track_caller]
    pub fn conv(&mut self, x: Tensor<'g>, name: &str, kernels: Kernels) -> Tensor<'g> {
        let Kernels { outputs, size, padding, stride, bias, start } = kernels;
        let (g, channels) = (x.graph(), x.dim(1));
        let uniform = Init::uniform(channels * size * size);
        let init = match start {
            Start::Uniform => uniform,
            Start::Normal => Init::Normal { deviation: (2.0 / (size * size * outputs) as f64).sqrt() },
        };
        let kernel = self.param(g, name, "weight", &[outputs, channels, size, size], init);
        let bias = bias.then(|| self.param(g, name, "bias", &[outputs], uniform).reshape([1, outputs, 1, 1]));
        let y = x.conv2d(kernel, Conv { stride: stride as u32, padding: padding as u32, groups: 1 });
        self.sees(y);
        bias.map_or(y, |bias| y + bias)
    }

    /// `x [n, d]` times weights `[outputs, d]`, plus a bias.
    #[track_caller]
    pub fn linear(&mut self, x: Tensor<'g>, name: &str, outputs: usize) -> Tensor<'g> {
        self.sees(x);
        let (g, inputs) = (x.graph(), x.dim(1));
        let init = Init::uniform(inputs);
        let weight = self.param(g, name, "weight", &[outputs, inputs], init);
        x.matmul_t(false, weight, true) + self.param(g, name, "bias", &[outputs], init)
    }

    /// `y [n, c, h, w]` normalised with biased variance over two passes, then times a scale plus an offset, both learned.
    #[track_caller]
    pub fn norm(&mut self, y: Tensor<'g>, name: &str, norm: Norm) -> Tensor<'g> {
        let (g, [c, h, w]) = (y.graph(), [1, 2, 3].map(|axis| y.dim(axis)));
        let (own, axes) = match norm {
            Norm::None => return y,
            Norm::Layer => ([1, c, h, w], 1..4),
            Norm::Instance | Norm::Group | Norm::Batch => ([1, c, 1, 1], 1..2),
        };
        let shape = &own[axes];
        let scale = self.param(g, name, "weight", shape, Init::Fill(1.0));
        let offset = self.param(g, name, "bias", shape, Init::Fill(0.0));
        let even = match norm {
            Norm::Batch => self.over_batch(y, name),
            Norm::Group => self.over_groups(y, 4),
            Norm::Layer => self.over_groups(y, 1),
            Norm::Instance | Norm::None => self.over_groups(y, c),
        };
        even * scale.reshape(own) + offset.reshape(own)
    }

    /// Keeps the output of a block for those who look at inner features.
    pub fn keep(&mut self, y: Tensor<'g>) {
        self.inner.push(y);
    }

    /// Each of these groups of channels of each image by its own mean and variance.
    #[track_caller]
    fn over_groups(&mut self, y: Tensor<'g>, groups: usize) -> Tensor<'g> {
        let [n, c, h, w] = [0, 1, 2, 3].map(|axis| y.dim(axis));
        if let Source::Declared(declared) = &mut self.source {
            declared.blind |= c * h * w == groups;
        }
        let grouped = if groups == c { y } else { y.reshape([n, groups, c / groups * h, w]) };
        let centred = grouped - grouped.mean_keep(&[2, 3]);
        let deviation = (centred.square().mean_keep(&[2, 3]) + EPS).sqrt();
        (centred * deviation.recip()).reshape([n, c, h, w])
    }

    /// Every channel by the mode's mean and variance of it.
    #[track_caller]
    fn over_batch(&mut self, y: Tensor<'g>, name: &str) -> Tensor<'g> {
        let channels = y.dim(1);
        let names = [format!("{name}.running_mean"), format!("{name}.running_var")];
        if let Source::Declared(declared) = &mut self.source {
            for (name, value) in names.iter().zip([0.0, 1.0]) {
                declared.statistics.push(name.clone(), [channels], Init::Fill(value));
            }
        }
        let [mean, variance] = match (&self.source, self.mode) {
            (Source::Read { statistics, .. }, Mode::Running(values)) => {
                names.map(|name| statistics.get(values, &name).reshape([1, channels, 1, 1]))
            }
            (_, Mode::Batch { weights }) => self.batch_moments(y, weights),
            (Source::Declared(_), Mode::Running(_)) => self.batch_moments(y, None),
        };
        (y - mean) * (variance + EPS).sqrt().recip()
    }

    /// Mean and biased variance `[1, c, 1, 1]` over images and pixels; keeps what running statistics take in: the mean, and
    /// the unbiased variance.
    #[track_caller]
    fn batch_moments(&mut self, y: Tensor<'g>, weights: Option<Tensor<'g>>) -> [Tensor<'g>; 2] {
        let (g, [n, c, h, w]) = (y.graph(), [0, 1, 2, 3].map(|axis| y.dim(axis)));
        let axes = [0, 2, 3];
        let (mean, variance, count) = match weights {
            None => (y.mean_keep(&axes), y.variance_keep(&axes), g.fill((n * h * w) as f64, [])),
            Some(weights) => {
                let counts = weights.gt(g.fill(0.0, [])).reshape([n, 1, 1, 1]);
                let count = counts.sum_all() * (h * w) as f64;
                let mean = (y * counts).sum_keep(&axes) / count;
                (mean, ((y - mean).square() * counts).sum_keep(&axes) / count, count)
            }
        };
        let unbiased = variance * (count / (count - 1.0).maximum(g.fill(1.0, [])));
        self.batch.extend([mean, unbiased].map(|moment| moment.reshape([c])));
        [mean, variance]
    }

    #[track_caller]
    fn param(&mut self, g: &'g Graph, layer: &str, part: &str, shape: &[usize], init: Init) -> Tensor<'g> {
        let name = format!("{layer}.{part}");
        match &mut self.source {
            Source::Declared(declared) => {
                let shape = Shape::try_new(shape).unwrap_or_else(|| {
                    declared.huge = true;
                    Shape::SCALAR
                });
                declared.params.push(name.clone(), shape, init);
                g.input(&name, shape)
            }
            Source::Read { theta, params, .. } => params.get(*theta, &name),
        }
    }

    /// Counts the values that stand at once in memory for an image.
    fn sees(&mut self, y: Tensor<'g>) {
        if let Source::Declared(declared) = &mut self.source {
            declared.largest = declared.largest.max(y.shape().elements());
        }
    }
}

/// `[n, c, h, w]` as `[n, c h w]`, in (channel, row, column) order.
#[track_caller]
pub(super) fn flat(y: Tensor<'_>) -> Tensor<'_> {
    let n = y.dim(0);
    y.reshape([n, y.shape().elements() / n.max(1)])
}
