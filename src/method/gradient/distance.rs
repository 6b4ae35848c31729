//! How far two gradients of a network's parameters are from each other.

use serde::{Deserialize, Serialize};

use crate::{
    error::{Error, Result},
    graph::Tensor,
    nn::{Param, Table},
};

/// A distance between gradients, a sum over parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Distance {
    /// `sum_o 1 - <r_o, s_o> / (|r_o| |s_o| + 1e-6)` over the outputs o of each weight: filters of a convolution, classes
    /// of a classifier (Zhao et al., ICLR 2021, equation 10; `ours` in their code).
    Filters,
    /// `|r - s|^2`.
    Squared,
    /// `sum |r - s|` (IDC's l1).
    Absolute,
    /// One minus the cosine of the angle between the gradients of all parameters as one vector.
    Angle,
}

/// Which parameters count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(rename_all = "kebab-case")]
pub enum Layers {
    /// All.
    All,
    /// Weights: neither biases nor the scales and offsets of norms.
    Weights,
    /// Weights of convolutions: not those of linear layers either.
    Convolutions,
}

impl Layers {
    fn count(self, param: &Param) -> bool {
        match self {
            Layers::All => true,
            Layers::Weights => param.shape.rank() > 1,
            Layers::Convolutions => param.shape.rank() > 2,
        }
    }
}

impl Distance {
    /// The distance `[]` of the gradients `real [len]` and `synthetic [len]` of the parameters in `table`.
    ///
    /// # Errors
    /// [`Error::Recipe`] if the network has no parameters of these layers.
    #[track_caller]
    pub fn between<'g>(
        self,
        table: &Table,
        layers: Layers,
        real: Tensor<'g>,
        synthetic: Tensor<'g>,
    ) -> Result<Tensor<'g>> {
        let params = table.params().iter().filter(|param| layers.count(param));
        let pairs: Vec<[Tensor<'g>; 2]> = params.map(|param| rows(table, param, [real, synthetic])).collect();
        if pairs.is_empty() {
            return Err(Error::Recipe("the network has no parameters of method.layers: set it to weights".into()));
        }
        let sum = |term: fn(Tensor<'g>, Tensor<'g>) -> Tensor<'g>| {
            pairs.iter().fold(real.graph().fill(0.0, []), |sum, [real, synthetic]| sum + term(*real, *synthetic))
        };
        let whole = |side: usize| {
            let flat = |pair: &[Tensor<'g>; 2]| pair[side].reshape([1, pair[side].shape().elements()]);
            Tensor::concat(&pairs.iter().map(flat).collect::<Vec<_>>(), 1)
        };
        Ok(match self {
            Distance::Filters => sum(cosine_distance),
            Distance::Squared => sum(|real, synthetic| (real - synthetic).square().sum_all()),
            Distance::Absolute => sum(|real, synthetic| (real - synthetic).abs().sum_all()),
            Distance::Angle => cosine_distance(whole(0), whole(1)),
        })
    }
}

/// A parameter's part of flat vectors, one row for each output: `[outputs, inputs]`.
#[track_caller]
fn rows<'g>(table: &Table, param: &Param, flat: [Tensor<'g>; 2]) -> [Tensor<'g>; 2] {
    let outputs = param.shape.dim(0);
    flat.map(|flat| table.get(flat, &param.name).reshape([outputs, param.shape.elements() / outputs]))
}

/// `sum_o 1 - cos(a_o, b_o)` over rows, as published: the product of the lengths is kept from 0 by 1e-6.
#[track_caller]
fn cosine_distance<'g>(a: Tensor<'g>, b: Tensor<'g>) -> Tensor<'g> {
    let dot = (a * b).sum(&[1]);
    let lengths = a.safe_norm(&[1]) * b.safe_norm(&[1]);
    (1.0 - dot / (lengths.reshape(dot.shape()) + 1e-6)).sum_all()
}
