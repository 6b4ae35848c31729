//! Sums and maxima over axes.

use candle_core::{Result, Tensor};

use crate::graph::Reduce;

pub(super) fn reduce(x: &Tensor, reduce: Reduce, axes: &[u32]) -> Result<Tensor> {
    let axes: Vec<usize> = axes.iter().map(|&axis| axis as usize).collect();
    let x = x.contiguous()?;
    match reduce {
        Reduce::Sum => x.sum_keepdim(axes),
        Reduce::Max => axes.into_iter().try_fold(x, |x, axis| x.max_keepdim(axis)),
    }
}
