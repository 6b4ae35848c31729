//! Movement: mostly views, copied only when somebody needs the values in a row.

use candle_core::{Device, Result, Tensor};

use crate::shape::Shape;

/// Indices `size - 1, .., 0`, for flipping an axis.
pub(super) fn reversed(size: usize, device: &Device) -> Result<Tensor> {
    Tensor::from_vec((0..size as u32).rev().collect::<Vec<u32>>(), size, device)
}

pub(super) fn permute(x: &Tensor, axes: &[u32]) -> Result<Tensor> {
    if axes.is_empty() {
        return Ok(x.clone());
    }
    x.permute(axes.iter().map(|&axis| axis as usize).collect::<Vec<_>>())
}

/// Concatenation of the parts that are not empty.
pub(super) fn concat(parts: &[&Tensor], axis: usize) -> Result<Tensor> {
    let parts: Vec<&Tensor> = parts.iter().copied().filter(|part| part.elem_count() > 0).collect();
    Tensor::cat(&parts, axis)
}

/// Reversed along these axes; `indices` holds [`reversed`] of each.
pub(super) fn flip(x: &Tensor, axes: &[u32], indices: &[Tensor]) -> Result<Tensor> {
    let x = x.contiguous()?;
    axes.iter().zip(indices).try_fold(x, |x, (&axis, index)| x.index_select(index, axis as usize))
}

/// Elements `start, start + step, ..` of each axis. A view where the step is 1.
pub(super) fn slice(x: &Tensor, start: &[u32], step: &[u32], out: Shape) -> Result<Tensor> {
    let mut x = x.clone();
    for axis in 0..out.rank() {
        x = strided(&x, axis, start[axis] as usize, step[axis] as usize, out.dim(axis))?;
    }
    Ok(x)
}

/// `count` elements of one axis from `start` on, `step` apart. candle has no such view: the axis is cut into rows of
/// `step` elements (with zeros behind the last, if need be), of which the first column stays.
pub(super) fn strided(x: &Tensor, axis: usize, start: usize, step: usize, count: usize) -> Result<Tensor> {
    if step == 1 {
        return x.narrow(axis, start, count);
    }
    let there = (x.dim(axis)? - start).min(count * step);
    let x = x.narrow(axis, start, there)?.pad_with_zeros(axis, 0, count * step - there)?;
    let mut dims = x.dims().to_vec();
    dims.splice(axis..=axis, [count, step]);
    x.reshape(dims)?.narrow(axis + 1, 0, 1)?.squeeze(axis + 1)
}

/// Zeros before, between and behind the elements of each axis.
pub(super) fn pad(x: &Tensor, low: &[u32], interior: &[u32], out: Shape) -> Result<Tensor> {
    let mut x = x.clone();
    for axis in 0..out.rank() {
        x = dilated(&x, axis, interior[axis] as usize)?;
        let low = low[axis] as usize;
        x = x.pad_with_zeros(axis, low, out.dim(axis) - low - x.dim(axis)?)?;
    }
    Ok(x)
}

/// `interior` zeros between the elements of an axis.
pub(super) fn dilated(x: &Tensor, axis: usize, interior: usize) -> Result<Tensor> {
    let size = x.dim(axis)?;
    if interior == 0 || size <= 1 {
        return Ok(x.clone());
    }
    let mut dims = x.dims().to_vec();
    dims[axis] = size * (interior + 1);
    x.unsqueeze(axis + 1)?.pad_with_zeros(axis + 1, 0, interior)?.reshape(dims)?.narrow(
        axis,
        0,
        (size - 1) * (interior + 1) + 1,
    )
}
