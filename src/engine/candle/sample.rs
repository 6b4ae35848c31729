//! Bilinear resampling by one affine map an image, and its transpose.

use candle_core::{DType, Device, Result, Tensor};

use crate::{graph::Border, shape::Shape};

/// A pixel's distance from the centre of an axis.
fn centred(index: usize, size: usize) -> f32 {
    index as f32 - half(size)
}

fn half(size: usize) -> f32 {
    (size as f32 - 1.0) / 2.0
}

/// X and Y of every output pixel, each `[1, oh * ow]`: what resampling needs on the device.
pub(super) fn grid(output: Shape, device: &Device) -> Result<Vec<Tensor>> {
    let (oh, ow) = (output.dim(2), output.dim(3));
    let x: Vec<f32> = (0..oh * ow).map(|pixel| centred(pixel % ow, ow)).collect();
    let y: Vec<f32> = (0..oh * ow).map(|pixel| centred(pixel / ow, oh)).collect();
    Ok(vec![Tensor::from_vec(x, (1, oh * ow), device)?, Tensor::from_vec(y, (1, oh * ow), device)?])
}

/// Gathers the four neighbours of each pixel.
pub(super) fn sample(x: &Tensor, map: &Tensor, grid: &[Tensor], border: Border, out: Shape) -> Result<Tensor> {
    let (n, c, h, w) = x.dims4()?;
    let x = x.contiguous()?.reshape((n, c, h * w))?;
    let mut sum: Option<Tensor> = None;
    for (index, weight) in corners(map, grid, border, (n, c, h, w))? {
        let term = x.gather(&index, 2)?.mul(&weight)?;
        sum = Some(match sum {
            Some(sum) => (sum + term)?,
            None => term,
        });
    }
    match sum {
        Some(sum) => sum.reshape(out.dims()),
        None => candle_core::bail!("a pixel without neighbours"),
    }
}

/// The transpose of [`sample`]: adds to the four neighbours, one corner after another; candle's kernel walks the
/// pixels of a plane in order, so sums do not depend on timing.
pub(super) fn transpose(g: &Tensor, map: &Tensor, grid: &[Tensor], border: Border, out: Shape) -> Result<Tensor> {
    let (n, c, h, w) = (out.dim(0), out.dim(1), out.dim(2), out.dim(3));
    let g = g.contiguous()?.reshape((n, c, g.dim(2)? * g.dim(3)?))?;
    let mut sum = Tensor::zeros((n, c, h * w), DType::F32, g.device())?;
    for (index, weight) in corners(map, grid, border, (n, c, h, w))? {
        sum = sum.scatter_add(&index, &g.mul(&weight)?, 2)?;
    }
    sum.reshape(out.dims())
}

/// For each of the four neighbours its index in a plane and its weight, `[n, c, oh * ow]`.
fn corners(
    map: &Tensor,
    grid: &[Tensor],
    border: Border,
    (n, c, h, w): (usize, usize, usize, usize),
) -> Result<Vec<(Tensor, Tensor)>> {
    let map = map.contiguous()?.reshape((n, 6))?;
    let entry = |index: usize| map.narrow(1, index, 1);
    let axis = |first: usize, size: usize| {
        let x = entry(first)?.broadcast_mul(&grid[0])?;
        let y = entry(first + 1)?.broadcast_mul(&grid[1])?;
        ends(&((x + y)?.broadcast_add(&entry(first + 2)?)? + f64::from(half(size)))?, size, border)
    };
    let (columns, rows) = (axis(0, w)?, axis(3, h)?);
    let pixels = grid[0].dim(1)?;
    let wide = |x: Tensor| x.unsqueeze(1)?.broadcast_as((n, c, pixels))?.contiguous();
    let mut corners = Vec::with_capacity(4);
    for (row, row_weight) in &rows {
        for (column, column_weight) in &columns {
            let index = ((row * w as f64)? + column)?.to_dtype(DType::U32)?;
            corners.push((wide(index)?, wide((row_weight * column_weight)?)?));
        }
    }
    Ok(corners)
}

/// The two pixels of an axis that a coordinate lies between, clamped into the axis, with their weights (0 outside).
fn ends(coordinate: &Tensor, size: usize, border: Border) -> Result<[(Tensor, Tensor); 2]> {
    let last = size as f64 - 1.0;
    let coordinate = match border {
        Border::Zero => coordinate.clone(),
        Border::Edge => coordinate.clamp(0.0, last)?,
    };
    let low = coordinate.floor()?;
    let fraction = (&coordinate - &low)?;
    let end = |place: Tensor, weight: Tensor| {
        let inside = place.ge(0.0)?.mul(&place.le(last)?)?;
        let weight = inside.where_cond(&weight, &weight.zeros_like()?)?;
        Ok::<_, candle_core::Error>((place.clamp(0.0, last)?, weight))
    };
    let high = (&low + 1.0)?;
    Ok([end(low, fraction.affine(-1.0, 1.0)?)?, end(high, fraction)?])
}
