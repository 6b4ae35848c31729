//! Bilinear resampling by an affine map, and its transpose.

use super::Number;
use crate::{
    graph::{Border, Unary},
    shape::Shape,
};

/// Calls `term(input index, output index, weight)` for every pixel that an output pixel reads.
fn taps<T: Number>(input: Shape, output: Shape, map: &[T], border: Border, mut term: impl FnMut(usize, usize, T)) {
    let [n, c, h, w] = [0, 1, 2, 3].map(|axis| input.dim(axis));
    let (oh, ow) = (output.dim(2), output.dim(3));
    for image in 0..n {
        let map = &map[image * 6..image * 6 + 6];
        for p in 0..oh {
            for q in 0..ow {
                let (x, y) = (centred::<T>(q, ow), centred::<T>(p, oh));
                let column = map[0] * x + map[1] * y + map[2] + half::<T>(w);
                let row = map[3] * x + map[4] * y + map[5] + half::<T>(h);
                for (i, row_weight) in corners(row, h, border) {
                    for (j, column_weight) in corners(column, w, border) {
                        for channel in 0..c {
                            let plane = image * c + channel;
                            let weight = row_weight * column_weight;
                            term((plane * h + i) * w + j, (plane * oh + p) * ow + q, weight);
                        }
                    }
                }
            }
        }
    }
}

fn half<T: Number>(size: usize) -> T {
    T::from_f64((size as f64 - 1.0) / 2.0)
}

fn centred<T: Number>(index: usize, size: usize) -> T {
    T::from_f64(index as f64) - half::<T>(size)
}

/// The pixels of an axis that a coordinate reads, with their weights.
fn corners<T: Number>(coordinate: T, size: usize, border: Border) -> impl Iterator<Item = (usize, T)> {
    let (zero, one, last) = (T::from_f64(0.0), T::from_f64(1.0), T::from_f64(size as f64 - 1.0));
    let coordinate = match border {
        Border::Zero => coordinate,
        Border::Edge if coordinate < zero => zero,
        Border::Edge if coordinate > last => last,
        Border::Edge => coordinate,
    };
    let low = coordinate.unary(Unary::Floor);
    let fraction = coordinate - low;
    [(low, one - fraction), (low + one, fraction)]
        .into_iter()
        .filter(move |(place, weight)| *place >= zero && *place <= last && *weight != zero)
        .map(|(place, weight)| (place.into_f64() as usize, weight))
}

pub(super) fn sample<T: Number>(x: &[T], shape: Shape, map: &[T], border: Border, out: Shape) -> Vec<T> {
    let mut y = vec![T::from_f64(0.0); out.elements()];
    taps(shape, out, map, border, |i, o, weight| y[o] += weight * x[i]);
    y
}

pub(super) fn transpose<T: Number>(g: &[T], shape: Shape, map: &[T], border: Border, out: Shape) -> Vec<T> {
    let mut x = vec![T::from_f64(0.0); out.elements()];
    taps(out, shape, map, border, |i, o, weight| x[i] += weight * g[o]);
    x
}
