//! Sums and maxima over axes.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::host;
use crate::{graph::Reduce, shape::Shape};

pub(super) fn portable(x: &Tensor, reduce: Reduce, axes: &[u32]) -> Result<Tensor> {
    let axes: Vec<usize> = axes.iter().map(|&axis| axis as usize).collect();
    let x = x.contiguous()?;
    match reduce {
        Reduce::Sum => x.sum_keepdim(axes),
        Reduce::Max => axes.into_iter().try_fold(x, |x, axis| x.max_keepdim(axis)),
    }
}

pub(super) fn host(x: &Tensor, reduce: Reduce, axes: &[u32], out: Shape) -> Result<Tensor> {
    let plan = Plan::new(x.dims(), axes);
    let values = host::with([x], |[values]| match reduce {
        Reduce::Sum => plan.run(values, 0.0, |sum, x| sum + x),
        Reduce::Max => plan.run(values, f32::NEG_INFINITY, |max, x| if x > max { x } else { max }),
    })?;
    host::tensor(values, out)
}

/// A reduction as loops: for every row of results (`outer`), over all of `reduced`, along `columns` side by side.
#[derive(Debug)]
struct Plan {
    /// Where each row of results starts reading.
    outer: Vec<usize>,
    /// What is reduced, as offsets from there.
    reduced: Vec<usize>,
    /// Neighbouring elements that reduce to one, innermost.
    run: usize,
    /// Results side by side.
    columns: usize,
    /// Distance of the elements of neighbouring results.
    stride: usize,
}

/// Runs of fewer elements than this are reduced across neighbouring results instead of along the run.
const SHORT: usize = 8;

impl Plan {
    fn new(dims: &[usize], axes: &[u32]) -> Plan {
        // Axes of size 1 dropped, neighbours of one fate merged: (size, stride, reduced), innermost first.
        let mut merged: Vec<(usize, usize, bool)> = Vec::new();
        let mut stride = 1;
        for (axis, &size) in dims.iter().enumerate().rev().filter(|&(_, &size)| size != 1) {
            let reduced = axes.contains(&(axis as u32));
            match merged.last_mut() {
                Some(last) if last.2 == reduced => last.0 *= size,
                _ => merged.push((size, stride, reduced)),
            }
            stride *= size;
        }
        let mut plan = Plan { outer: vec![0], reduced: vec![0], run: 1, columns: 1, stride: 1 };
        let mut axes = merged.into_iter().peekable();
        if let Some((size, ..)) = axes.next_if(|&(_, _, reduced)| reduced) {
            if size < SHORT && axes.peek().is_some() {
                plan.reduced = (0..size).collect();
            } else {
                plan.run = size;
            }
        }
        if plan.run == 1
            && let Some((size, stride, _)) = axes.next_if(|&(_, _, reduced)| !reduced)
        {
            (plan.columns, plan.stride) = (size, stride);
        }
        for (size, stride, reduced) in axes {
            let offsets = if reduced { &mut plan.reduced } else { &mut plan.outer };
            *offsets = (0..size).flat_map(|i| offsets.iter().map(move |inner| i * stride + inner)).collect();
        }
        plan
    }

    fn run(&self, x: &[f32], start: f32, f: impl Fn(f32, f32) -> f32 + Sync) -> Vec<f32> {
        let results = self.outer.len() * self.columns;
        let mut y = vec![start; results];
        // So many results that one job reads about a chunk of elements.
        let per_result = self.reduced.len() * self.run;
        let job = (host::CHUNK / per_result.max(1)).clamp(1, results.max(1));
        if self.run > 1 {
            y.par_chunks_mut(job).enumerate().for_each(|(index, y)| {
                for (place, &first) in y.iter_mut().zip(&self.outer[index * job..]) {
                    for &offset in &self.reduced {
                        *place = f(*place, along(&x[first + offset..first + offset + self.run], start, &f));
                    }
                }
            });
        } else if job < self.columns {
            // Few long rows: each is shared.
            for (row, &first) in y.chunks_mut(self.columns).zip(&self.outer) {
                let job = job.max(256);
                row.par_chunks_mut(job)
                    .enumerate()
                    .for_each(|(index, part)| self.across(x, first + index * job * self.stride, part, &f));
            }
        } else {
            let rows = job / self.columns;
            y.par_chunks_mut(rows * self.columns).enumerate().for_each(|(index, y)| {
                for (row, &first) in y.chunks_mut(self.columns).zip(&self.outer[index * rows..]) {
                    self.across(x, first, row, &f);
                }
            });
        }
        y
    }

    /// Reduces into results side by side.
    fn across(&self, x: &[f32], first: usize, y: &mut [f32], f: &impl Fn(f32, f32) -> f32) {
        for &offset in &self.reduced {
            let x = &x[first + offset..];
            match self.stride {
                1 => y.iter_mut().zip(x).for_each(|(place, &x)| *place = f(*place, x)),
                2 => y.iter_mut().zip(x.chunks(2)).for_each(|(place, x)| *place = f(*place, x[0])),
                stride => y.iter_mut().zip(x.iter().step_by(stride)).for_each(|(place, &x)| *place = f(*place, x)),
            }
        }
    }
}

/// Reduces neighbouring elements, in 16 lanes that are joined at the end: faster than one by one, and more exact.
fn along(x: &[f32], start: f32, f: &impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; 16];
    let chunks = x.chunks_exact(16);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &x) in lanes.iter_mut().zip(chunk) {
            *lane = f(*lane, x);
        }
    }
    for (lane, &x) in lanes.iter_mut().zip(rest) {
        *lane = f(*lane, x);
    }
    let mut width = 16;
    while width > 1 {
        width /= 2;
        for i in 0..width {
            lanes[i] = f(lanes[i], lanes[i + width]);
        }
    }
    lanes[0]
}
