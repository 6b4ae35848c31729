//! Movement and reductions, element by element.

use super::{Number, Values};
use crate::{graph::Reduce, shape::Shape};

/// For each element of `out`, in order, its index along every axis.
fn indices(out: Shape) -> impl Iterator<Item = Vec<usize>> {
    let strides = out.strides();
    (0..out.elements()).map(move |i| strides.iter().zip(out.iter()).map(|(stride, size)| i / stride % size).collect())
}

/// Gathers: the element of `x` at the index that `from` makes of each index of `out`.
fn gather<T: Number>(x: &[T], shape: Shape, out: Shape, from: impl Fn(&[usize], usize) -> usize) -> Vec<T> {
    let strides = shape.strides();
    let offset =
        |index: &[usize]| strides.iter().enumerate().map(|(axis, stride)| from(index, axis) * stride).sum::<usize>();
    indices(out).map(|index| x[offset(&index)]).collect()
}

pub(super) fn permute<T: Number>(x: &[T], shape: Shape, axes: &[u32], out: Shape) -> Vec<T> {
    let inverse = crate::graph::inverse(axes);
    gather(x, shape, out, |index, axis| index[inverse[axis]])
}

pub(super) fn expand<T: Number>(x: &[T], shape: Shape, out: Shape) -> Vec<T> {
    gather(x, shape, out, |index, axis| if shape.dim(axis) == 1 { 0 } else { index[axis] })
}

pub(super) fn flip<T: Number>(x: &[T], axes: &[u32], out: Shape) -> Vec<T> {
    gather(
        x,
        out,
        out,
        |index, axis| {
            if axes.contains(&(axis as u32)) { out.dim(axis) - 1 - index[axis] } else { index[axis] }
        },
    )
}

pub(super) fn slice<T: Number>(x: &[T], shape: Shape, start: &[u32], step: &[u32], out: Shape) -> Vec<T> {
    gather(x, shape, out, |index, axis| start[axis] as usize + index[axis] * step[axis] as usize)
}

pub(super) fn pad<T: Number>(x: &[T], shape: Shape, low: &[u32], interior: &[u32], out: Shape) -> Vec<T> {
    let mut y = vec![T::from_f64(0.0); out.elements()];
    let strides = out.strides();
    for (value, index) in x.iter().zip(indices(shape)) {
        let place = |axis: usize| low[axis] as usize + index[axis] * (interior[axis] as usize + 1);
        y[(0..index.len()).map(|axis| place(axis) * strides[axis]).sum::<usize>()] = *value;
    }
    y
}

pub(super) fn concat<T: Number>(parts: &[(&[T], Shape)], axis: usize, out: Shape) -> Vec<T> {
    let outer: usize = out.iter().take(axis).product();
    let mut y = Vec::with_capacity(out.elements());
    for row in 0..outer {
        for (x, shape) in parts {
            let chunk: usize = shape.iter().skip(axis).product();
            y.extend_from_slice(&x[row * chunk..(row + 1) * chunk]);
        }
    }
    y
}

pub(super) fn reduce<T: Number>(x: &[T], shape: Shape, reduce: Reduce, axes: &[u32], out: Shape) -> Vec<T> {
    let strides = out.strides();
    let mut y: Vec<Option<T>> = vec![None; out.elements()];
    for (value, index) in x.iter().zip(indices(shape)) {
        let kept = |axis: usize| if axes.contains(&(axis as u32)) { 0 } else { index[axis] * strides[axis] };
        let place = &mut y[(0..index.len()).map(kept).sum::<usize>()];
        *place = Some(match (*place, reduce) {
            (None, _) => *value,
            (Some(sum), Reduce::Sum) => sum + *value,
            (Some(max), Reduce::Max) => {
                if *value > max {
                    *value
                } else {
                    max
                }
            }
        });
    }
    y.into_iter().map(|value| value.unwrap_or(T::from_f64(0.0))).collect()
}

pub(super) fn take<T: Number>(x: &Values<T>, shape: Shape, rows: &[u32], out: Shape) -> Vec<T> {
    let width: usize = out.iter().skip(1).product();
    let element = |index: usize| match x {
        Values::Real(values) => values[index],
        Values::Pixels(values) => T::from_f64(f64::from(values[index]) / 255.0),
        Values::Rows(values) => T::from_f64(values[index].into()),
    };
    let mut y = Vec::with_capacity(out.elements());
    for &row in rows {
        let inside = (row as usize) < shape.dim(0);
        y.extend((0..width).map(|i| if inside { element(row as usize * width + i) } else { T::from_f64(0.0) }));
    }
    y
}

pub(super) fn take_transpose<T: Number>(g: &[T], rows: &[u32], out: Shape) -> Vec<T> {
    let width: usize = out.iter().skip(1).product();
    let mut y = vec![T::from_f64(0.0); out.elements()];
    for (i, &row) in rows.iter().enumerate() {
        if (row as usize) < out.dim(0) {
            for j in 0..width {
                y[row as usize * width + j] += g[i * width + j];
            }
        }
    }
    y
}
