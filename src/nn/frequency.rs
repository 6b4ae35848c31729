//! The characteristic function of features, the discrepancy of two of them, and the network that samples frequencies
//! (NCFM, Wang et al., CVPR 2025).

use serde::{Deserialize, Serialize};

use super::params::{Init, Table};
use crate::graph::Tensor;

/// Real and imaginary part of an empirical characteristic function at f frequencies, each `[f]`.
#[derive(Debug, Clone, Copy)]
pub struct Characteristic<'g> {
    pub re: Tensor<'g>,
    pub im: Tensor<'g>,
}

/// Weights of the amplitude (diversity) and of the phase (class centre) in the discrepancy; independent, as in the
/// published code (the paper has alpha and 1 - alpha).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "typescript", derive(tsify::Tsify))]
#[serde(deny_unknown_fields)]
pub struct Weights {
    pub alpha: f64,
    pub beta: f64,
}

impl<'g> Characteristic<'g> {
    /// Sums of cos and sin of `<t_k, x_i>` over rows i with weights `[n]`: `x [n, d]` features of length 1, `t [f, d]`.
    #[track_caller]
    pub fn sums(x: Tensor<'g>, t: Tensor<'g>, weights: Tensor<'g>) -> Characteristic<'g> {
        let angle = x.matmul_t(false, t, true);
        let weights = weights.reshape([weights.dim(0), 1]);
        Characteristic { re: (angle.cos() * weights).sum(&[0]), im: (angle.sin() * weights).sum(&[0]) }
    }

    /// Means of cos and sin of `<t_k, x_i>`: `x [n, d]` features of length 1, `t [f, d]`.
    #[track_caller]
    pub fn mean(x: Tensor<'g>, t: Tensor<'g>) -> Characteristic<'g> {
        let angle = x.matmul_t(false, t, true);
        Characteristic { re: angle.cos().mean(&[0]), im: angle.sin().mean(&[0]) }
    }

    /// The discrepancy to another, shape `[]`: `mean_k sqrt(alpha amp_k + beta pha_k)` with `amp = (A - S)^2` and
    /// `pha = 2 (A S - a c - b d)` (paper, equation 5), computed as `beta |Psi - Psi'|^2 + (alpha - beta) amp`, which is
    /// the same and does not cancel in single precision.
    #[track_caller]
    pub fn discrepancy(self, other: Characteristic<'g>, alpha: Tensor<'g>, beta: Tensor<'g>) -> Tensor<'g> {
        let apart = (self.re - other.re).square() + (self.im - other.im).square();
        let amplitude = (self.amplitude() - other.amplitude()).square();
        (beta * apart + (alpha - beta) * amplitude).safe_sqrt().mean_all()
    }

    /// [`Characteristic::discrepancy`] with constant weights; with equal ones the amplitude term vanishes from the program.
    #[track_caller]
    pub fn discrepancy_by(self, other: Characteristic<'g>, weights: Weights) -> Tensor<'g> {
        let number = |value: f64| self.re.graph().fill(value, []);
        self.discrepancy(other, number(weights.alpha), number(weights.beta))
    }

    #[track_caller]
    fn amplitude(self) -> Tensor<'g> {
        (self.re.square() + self.im.square()).safe_sqrt()
    }
}

/// The sampling network psi: three blocks of linear layer, batch norm and activation (leaky ReLU .2 twice, then tanh),
/// `d` wide, from normal noise to frequencies in (-1, 1)^d.
#[derive(Debug, Clone, PartialEq)]
pub struct SamplingNetwork {
    table: Table,
    width: usize,
}

/// Batch statistics of one batch norm, each `[d]`: mean, and unbiased variance.
pub type Statistics<'g> = (Tensor<'g>, Tensor<'g>);

impl SamplingNetwork {
    /// For features of `width` values.
    pub fn new(width: usize) -> SamplingNetwork {
        let mut table = Table::default();
        for layer in [0, 3, 6] {
            table.push_layer(&format!("t_layers_list.{layer}"), [width, width], width, width);
            table.push(format!("t_layers_list.{}.weight", layer + 1), [width], Init::Fill(1.0));
            table.push(format!("t_layers_list.{}.bias", layer + 1), [width], Init::Fill(0.0));
        }
        SamplingNetwork { table, width }
    }

    /// Where each parameter stands.
    pub fn table(&self) -> &Table {
        &self.table
    }

    /// Frequencies `[rows, d]` from noise `[rows, d]` under parameters `psi [len]`, with batch statistics, which are
    /// returned layer by layer.
    #[track_caller]
    pub fn forward<'g>(&self, psi: Tensor<'g>, noise: Tensor<'g>) -> (Tensor<'g>, Vec<Statistics<'g>>) {
        let mut statistics = Vec::new();
        let mut x = noise;
        for layer in [0, 3, 6] {
            let get = |index: usize, part: &str| self.table.get(psi, &format!("t_layers_list.{index}.{part}"));
            let y = x.matmul_t(false, get(layer, "weight"), true) + get(layer, "bias");
            let (mean, variance) = (y.mean_keep(&[0]), y.variance_keep(&[0]));
            let unbiased = y.dim(0) as f64 / (y.dim(0) as f64 - 1.0);
            statistics.push((mean.reshape([self.width]), (variance * unbiased).reshape([self.width])));
            let even = (y - mean) / (variance + 1e-5).sqrt();
            let normed = even * get(layer + 1, "weight") + get(layer + 1, "bias");
            x = if layer == 6 { normed.tanh() } else { normed.leaky_relu(0.2) };
        }
        (x, statistics)
    }
}

/// Row r of the result `[count, d]` is row `r mod rows` of `x [rows, d]`; `count` is a multiple of `rows`.
#[track_caller]
pub fn repeat_rows(x: Tensor<'_>, count: usize) -> Tensor<'_> {
    let (rows, width) = (x.dim(0), x.dim(1));
    let copies = count / rows.max(1);
    x.reshape([1, rows, width]).expand([copies, rows, width]).reshape([count, width])
}
