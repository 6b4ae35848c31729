//! Convolutions and their transposes in tensor operations.
//!
//! candle's own gradients of a convolution are naive kernels on every device, so the input gradient is a forward
//! convolution with flipped, swapped kernels, and the weight gradient unfolded patches times the output gradient.

use candle_core::{Result, Tensor};

use super::movement::{dilated, strided};
use crate::{graph::Conv, shape::Shape};

/// Bytes that unfolded patches may take at a time.
const UNFOLDED_BYTES: usize = 32 << 20;

pub(super) fn forward(conv: &Conv, x: &Tensor, k: &Tensor) -> Result<Tensor> {
    let (stride, padding) = (conv.stride as usize, conv.padding as usize);
    x.contiguous()?.conv2d(&k.contiguous()?, padding, stride, 1, conv.groups as usize)
}

/// The transpose of [`forward`] in x. `reversed` holds the indices `kh * kw - 1, .., 0`.
pub(super) fn input_grad(conv: &Conv, g: &Tensor, k: &Tensor, reversed: &Tensor, out: Shape) -> Result<Tensor> {
    let (stride, padding, groups) = (conv.stride as usize, conv.padding as usize, conv.groups as usize);
    let (co, ci, kh, kw) = k.dims4()?;
    let per_group = co / groups;
    // [groups, co, ci, taps] to [groups * ci, co, kh, kw], taps last to first.
    let swapped = k.reshape((groups, per_group, ci, kh * kw))?.transpose(1, 2)?.contiguous()?;
    let kernel = swapped.index_select(reversed, 3)?.reshape((groups * ci, per_group, kh, kw))?;
    let (gh, gw) = (g.dim(2)?, g.dim(3)?);
    // Row y of x is row y of a convolution without padding of g, `stride - 1` zeros between its rows, set in zeros
    // (or cut off) so that there are h + kh - 1 rows, of which kh - 1 - padding stand before the first.
    let g = dilated(&dilated(g, 2, stride - 1)?, 3, stride - 1)?;
    let g = fitted(&g, 2, kh as isize - 1 - padding as isize, out.dim(2) + kh - 1, (gh - 1) * stride + 1)?;
    let g = fitted(&g, 3, kw as isize - 1 - padding as isize, out.dim(3) + kw - 1, (gw - 1) * stride + 1)?;
    g.contiguous()?.conv2d(&kernel, 0, 1, 1, groups)
}

/// An axis of `size` elements moved `low` places up (down, if negative) and made `wanted` elements long: zeros come
/// in, what falls out is cut off.
fn fitted(x: &Tensor, axis: usize, low: isize, wanted: usize, size: usize) -> Result<Tensor> {
    let first = (-low).max(0) as usize;
    let before = low.max(0) as usize;
    let kept = (size - first).min(wanted - before);
    x.narrow(axis, first, kept)?.pad_with_zeros(axis, before, wanted - before - kept)
}

/// The transpose of [`forward`] in k: for every tap of the kernel, the pixels of x under it times g. Images are taken
/// in runs, in order, so that the unfolded patches stay small.
pub(super) fn weight_grad(conv: &Conv, x: &Tensor, g: &Tensor, out: Shape) -> Result<Tensor> {
    let (padding, groups) = (conv.padding as usize, conv.groups as usize);
    let (n, _, oh, ow) = g.dims4()?;
    let [co, ci, kh, kw] = [0, 1, 2, 3].map(|axis| out.dim(axis));
    let unfolded = ci * groups * kh * kw * oh * ow * 4;
    let run = (UNFOLDED_BYTES / unfolded.max(1)).clamp(1, n);
    let x = x.pad_with_zeros(2, padding, padding)?.pad_with_zeros(3, padding, padding)?;
    let mut sum: Option<Tensor> = None;
    for first in (0..n).step_by(run) {
        let count = run.min(n - first);
        let patches = unfold(conv, &x.narrow(0, first, count)?, (kh, kw), (oh, ow))?;
        let patches = patches.reshape((count * groups, ci * kh * kw, oh * ow))?;
        let g = g.narrow(0, first, count)?.contiguous()?.reshape((count * groups, co / groups, oh * ow))?;
        let part = g.matmul(&patches.transpose(1, 2)?)?.reshape((count, co * ci * kh * kw))?.sum(0)?;
        sum = Some(match sum {
            Some(sum) => (sum + part)?,
            None => part,
        });
    }
    match sum {
        Some(sum) => sum.reshape(out.dims()),
        None => candle_core::bail!("a weight gradient of no images"),
    }
}

/// `[n, c, h, w]`, padded already, to `[n, c, kh * kw, oh, ow]`: for each tap the pixels it meets.
fn unfold(conv: &Conv, x: &Tensor, (kh, kw): (usize, usize), (oh, ow): (usize, usize)) -> Result<Tensor> {
    let stride = conv.stride as usize;
    let mut taps = Vec::with_capacity(kh * kw);
    for i in 0..kh {
        let rows = strided(x, 2, i, stride, oh)?;
        for j in 0..kw {
            taps.push(strided(&rows, 3, j, stride, ow)?.contiguous()?);
        }
    }
    Tensor::stack(&taps, 2)?.contiguous()
}
