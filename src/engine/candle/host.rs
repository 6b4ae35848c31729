//! Work on slices in main memory, in parallel. The partition of the work depends on its size alone, never on the
//! number of threads, so results are the same bits on every machine size.

use candle_core::{CpuStorage, Device, Layout, Result, Storage, Tensor};
use rayon::prelude::*;

use crate::shape::Shape;

/// Elements that one thread takes at a time.
pub(super) const CHUNK: usize = 16 * 1024;

/// A tensor in main memory.
pub(super) fn tensor(values: Vec<f32>, shape: Shape) -> Result<Tensor> {
    Tensor::from_vec(values, shape.dims(), &Device::Cpu)
}

/// Calls `f` with each tensor's values from its first element on (all of its memory), and its layout.
pub(super) fn with_layouts<R>(tensors: &[Tensor], f: impl FnOnce(&[(&[f32], &Layout)]) -> R) -> Result<R> {
    let guards: Vec<_> = tensors.iter().map(Tensor::storage_and_layout).collect();
    let mut slices = Vec::with_capacity(guards.len());
    for (storage, layout) in &guards {
        match &**storage {
            Storage::Cpu(CpuStorage::F32(values)) => slices.push((&values[layout.start_offset()..], *layout)),
            _ => candle_core::bail!("a tensor of f32 in main memory was expected"),
        }
    }
    Ok(f(&slices))
}

/// Calls `f` with the values of each tensor, row-major.
pub(super) fn with<const N: usize, R>(tensors: [&Tensor; N], f: impl FnOnce([&[f32]; N]) -> R) -> Result<R> {
    let packed = tensors.into_iter().map(packed).collect::<Result<Vec<_>>>()?;
    with_layouts(&packed, |slices| f(std::array::from_fn(|i| &slices[i].0[..packed[i].elem_count()])))
}

/// The values of a tensor of any device, row-major.
pub(super) fn read(x: &Tensor) -> Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}

/// The same tensor, row-major in memory: itself if it is already.
pub(super) fn packed(x: &Tensor) -> Result<Tensor> {
    if x.is_contiguous() {
        return Ok(x.clone());
    }
    let values = with_layouts(std::slice::from_ref(x), |slices| View::new(slices[0].0, slices[0].1).collect())?;
    Tensor::from_vec(values, x.dims(), &Device::Cpu)
}

/// A vector of `len` values made chunk by chunk: `fill(start, chunk)` writes all of a chunk of zeros.
pub(super) fn build(len: usize, fill: impl Fn(usize, &mut [f32]) + Sync) -> Vec<f32> {
    let mut values = vec![0.0; len];
    if len <= CHUNK {
        fill(0, &mut values);
    } else {
        values.par_chunks_mut(CHUNK).enumerate().for_each(|(index, chunk)| fill(index * CHUNK, chunk));
    }
    values
}

/// Values seen in the row-major order of some axes, wherever they lie in memory.
#[derive(Debug, Clone)]
pub(super) struct View<'a> {
    values: &'a [f32],
    offset: isize,
    /// Size and stride of each axis, outermost first; never empty. Neighbours that make one axis are merged.
    axes: Vec<(usize, isize)>,
}

impl<'a> View<'a> {
    pub fn new(values: &'a [f32], layout: &Layout) -> View<'a> {
        let axes = layout.dims().iter().zip(layout.stride()).map(|(&size, &stride)| (size, stride as isize));
        View::strided(values, 0, axes)
    }

    /// Element `i, j, ..` is at `offset + i * stride_0 + j * stride_1 ..`.
    pub fn strided(values: &'a [f32], offset: isize, axes: impl Iterator<Item = (usize, isize)>) -> View<'a> {
        let mut merged: Vec<(usize, isize)> = Vec::new();
        for (size, stride) in axes.filter(|&(size, _)| size != 1) {
            match merged.last_mut() {
                Some(outer) if outer.1 == size as isize * stride => *outer = (outer.0 * size, stride),
                _ => merged.push((size, stride)),
            }
        }
        if merged.is_empty() {
            merged.push((1, 1));
        }
        View { values, offset, axes: merged }
    }

    fn elements(&self) -> usize {
        self.axes.iter().map(|axis| axis.0).product()
    }

    /// All elements in one piece, if they lie so.
    pub fn slice(&self) -> Option<&'a [f32]> {
        match self.axes[..] {
            [(size, 1)] => Some(&self.values[self.offset as usize..self.offset as usize + size]),
            _ => None,
        }
    }

    /// All elements in order.
    pub fn collect(&self) -> Vec<f32> {
        build(self.elements(), |start, chunk| self.fill(start, chunk))
    }

    /// Writes the elements from number `start` on into `out`.
    pub fn fill(&self, start: usize, out: &mut [f32]) {
        let (last, (size, stride)) = (self.axes.len() - 1, self.axes[self.axes.len() - 1]);
        let mut index = vec![0; self.axes.len()];
        let (mut rest, mut offset) = (start, self.offset);
        for (place, &(size, stride)) in index.iter_mut().zip(&self.axes).rev() {
            *place = rest % size;
            offset += *place as isize * stride;
            rest /= size;
        }
        let mut done = 0;
        while done < out.len() {
            // Rows so short that stepping from one to the next would cost more than copying them: as many as
            // the axis above still has are done together.
            if last > 0 && size <= 8 && index[last] == 0 {
                let (rows, above) = self.axes[last - 1];
                let rows = (rows - index[last - 1]).min((out.len() - done) / size);
                if rows > 1 {
                    self.short_rows(&mut out[done..done + rows * size], offset, (above, size, stride));
                    done += rows * size;
                    index[last - 1] += rows;
                    offset += rows as isize * above;
                    self.carry(&mut index, &mut offset, last - 1);
                    continue;
                }
            }
            let run = (size - index[last]).min(out.len() - done);
            self.row(&mut out[done..done + run], offset, stride);
            done += run;
            index[last] += run;
            offset += run as isize * stride;
            self.carry(&mut index, &mut offset, last);
        }
    }

    /// Moves full axes, from `axis` outwards, back to their start and their neighbours on by one.
    fn carry(&self, index: &mut [usize], offset: &mut isize, mut axis: usize) {
        while index[axis] == self.axes[axis].0 && axis > 0 {
            *offset += self.axes[axis - 1].1 - index[axis] as isize * self.axes[axis].1;
            index[axis] = 0;
            axis -= 1;
            index[axis] += 1;
        }
    }

    fn row(&self, out: &mut [f32], offset: isize, stride: isize) {
        let first = offset as usize;
        match stride {
            0 => out.fill(self.values[first]),
            1 => out.copy_from_slice(&self.values[first..first + out.len()]),
            _ => {
                for (i, place) in out.iter_mut().enumerate() {
                    *place = self.values[(offset + i as isize * stride) as usize];
                }
            }
        }
    }

    fn short_rows(&self, out: &mut [f32], offset: isize, (above, size, stride): (isize, usize, isize)) {
        if (above, size, stride) == (1, 2, 0) {
            // Every element twice: the derivative of 2 x 2 pooling.
            let values = &self.values[offset as usize..offset as usize + out.len() / 2];
            for (pair, &value) in out.chunks_exact_mut(2).zip(values) {
                pair.fill(value);
            }
            return;
        }
        for (row, places) in out.chunks_exact_mut(size).enumerate() {
            let first = offset + row as isize * above;
            for (i, place) in places.iter_mut().enumerate() {
                *place = self.values[(first + i as isize * stride) as usize];
            }
        }
    }
}
