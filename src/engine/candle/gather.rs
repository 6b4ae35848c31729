//! Rows by index, and the sum back into rows.

use candle_core::{DType, Result, Tensor};

use crate::shape::Shape;

/// Rows that are there, and per row whether it was: `[k, 1, ..]`.
fn within(rows: &Tensor, count: usize, out: Shape) -> Result<(Tensor, Tensor)> {
    let mut dims = vec![1; out.rank()];
    dims[0] = rows.elem_count();
    let limit = Tensor::full(count as u32, rows.dims(), rows.device())?;
    let inside = rows.lt(&limit)?.reshape(dims)?;
    let last = Tensor::full(count as u32 - 1, rows.dims(), rows.device())?;
    Ok((rows.minimum(&last)?, inside))
}

pub(super) fn take(x: &Tensor, rows: &Tensor, out: Shape) -> Result<Tensor> {
    let (rows, inside) = within(rows, x.dim(0)?, out)?;
    let mut picked = x.contiguous()?.index_select(&rows, 0)?;
    if picked.dtype() == DType::U8 {
        picked = (picked.to_dtype(DType::F32)? / 255.0)?;
    }
    inside.broadcast_as(out.dims())?.where_cond(&picked, &picked.zeros_like()?)
}

pub(super) fn take_transpose(g: &Tensor, rows: &Tensor, out: Shape) -> Result<Tensor> {
    let shape = Shape::try_new(g.dims()).unwrap_or(out);
    let (rows, inside) = within(rows, out.dim(0), shape)?;
    let g = inside.broadcast_as(g.dims())?.where_cond(g, &g.zeros_like()?)?;
    Tensor::zeros(out.dims(), DType::F32, g.device())?.index_add(&rows, &g, 0)
}
