//! Rows by index, and the sum back into rows.

use candle_core::{CpuStorage, DType, Result, Storage, Tensor};
use rayon::prelude::*;

use super::host;
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

pub(super) fn take_host(x: &Tensor, rows: &Tensor, out: Shape) -> Result<Tensor> {
    let (x, rows) = (x.contiguous()?, rows.to_vec1::<u32>()?);
    let width: usize = out.iter().skip(1).product();
    let mut y = vec![0.0; out.elements()];
    let (storage, layout) = x.storage_and_layout();
    let first = layout.start_offset();
    // The elements of a row that is there.
    let place = |row: u32| ((row as usize) < layout.dims()[0]).then(|| first + row as usize * width);
    let each = y.par_chunks_mut(width.max(1)).zip(&rows).with_min_len((host::CHUNK / width.max(1)).max(1));
    match &*storage {
        Storage::Cpu(CpuStorage::F32(values)) => each.for_each(|(y, &row)| {
            if let Some(start) = place(row) {
                y.copy_from_slice(&values[start..start + width]);
            }
        }),
        Storage::Cpu(CpuStorage::U8(values)) => each.for_each(|(y, &row)| {
            if let Some(start) = place(row) {
                y.iter_mut().zip(&values[start..]).for_each(|(place, &pixel)| *place = f32::from(pixel) / 255.0);
            }
        }),
        _ => candle_core::bail!("rows of f32 or u8 in main memory were expected"),
    }
    host::tensor(y, out)
}

pub(super) fn take_transpose_host(g: &Tensor, rows: &Tensor, out: Shape) -> Result<Tensor> {
    let rows = rows.to_vec1::<u32>()?;
    let width: usize = out.iter().skip(1).product();
    let mut y = vec![0.0; out.elements()];
    host::with([g], |[g]| {
        for (&row, g) in rows.iter().zip(g.chunks_exact(width)) {
            if (row as usize) < out.dim(0) {
                let y = &mut y[row as usize * width..][..width];
                y.iter_mut().zip(g).for_each(|(sum, &g)| *sum += g);
            }
        }
    })?;
    host::tensor(y, out)
}
