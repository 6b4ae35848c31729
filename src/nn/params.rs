//! All parameters of a network as one flat buffer with a table of names.

use serde::{Deserialize, Serialize};

use crate::{graph::Tensor, rng::Draws, shape::Shape};

/// A parameter's place in the flat buffer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Param {
    /// PyTorch's name of it, for instance `layers.conv.0.weight`.
    pub name: String,
    pub shape: Shape,
    /// Index of its first element in the flat buffer.
    pub offset: usize,
    /// How it starts.
    pub init: Init,
}

/// The initial values of a parameter.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Init {
    /// Uniform in `(-bound, bound)`.
    Uniform { bound: f64 },
    /// Normal about 0.
    Normal { deviation: f64 },
    /// All the same.
    Fill(f64),
}

impl Init {
    /// PyTorch's default for a layer whose outputs each read `fan_in` inputs: `kaiming_uniform(a = sqrt 5)`, that is
    /// U(+-1/sqrt(fan_in)), for weights and biases alike.
    pub(super) fn uniform(fan_in: usize) -> Init {
        Init::Uniform { bound: 1.0 / (fan_in as f64).sqrt() }
    }
}

/// The parameters of a network: where each stands in the flat buffer, without gaps.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Table {
    params: Vec<Param>,
    len: usize,
}

impl Table {
    /// Appends a parameter.
    pub(super) fn push(&mut self, name: String, shape: impl Into<Shape>, init: Init) {
        let shape = shape.into();
        self.params.push(Param { name, shape, offset: self.len, init });
        self.len += shape.elements();
    }

    /// Appends the weight and bias of a layer whose outputs each read `fan_in` inputs, with PyTorch's initial values.
    pub(super) fn push_layer(&mut self, name: &str, weight: impl Into<Shape>, outputs: usize, fan_in: usize) {
        self.push(format!("{name}.weight"), weight, Init::uniform(fan_in));
        self.push(format!("{name}.bias"), [outputs], Init::uniform(fan_in));
    }

    /// The parameters in the order of the buffer.
    pub fn params(&self) -> &[Param] {
        &self.params
    }

    /// Length of the flat buffer in elements.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no parameters.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The parameter of this name as a slice of `theta [len]`, in its own shape.
    ///
    /// # Panics
    /// If there is no such parameter: names are the network's own.
    #[track_caller]
    pub fn get<'g>(&self, theta: Tensor<'g>, name: &str) -> Tensor<'g> {
        let found = self.params.iter().find(|param| param.name == name);
        let param = found.unwrap_or_else(|| panic!("there is no parameter `{name}`"));
        theta.narrow(0, param.offset, param.shape.elements()).reshape(param.shape)
    }

    /// Fresh initial values, `[len]`.
    pub fn init(&self, draws: &mut Draws) -> Vec<f32> {
        let mut theta = Vec::with_capacity(self.len);
        for param in &self.params {
            theta.extend((0..param.shape.elements()).map(|_| match param.init {
                Init::Uniform { bound } => draws.range(-bound, bound) as f32,
                Init::Normal { deviation } => (deviation * draws.normal()) as f32,
                Init::Fill(value) => value as f32,
            }));
        }
        theta
    }
}
