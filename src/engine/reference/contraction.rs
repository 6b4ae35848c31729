//! Matrix products, convolutions and solving, as their definitions read.

use super::Number;
use crate::{graph::Conv, shape::Shape};

pub(super) fn matmul<T: Number>(a: (&[T], Shape, bool), b: (&[T], Shape, bool), out: Shape) -> Vec<T> {
    let lead = out.rank() - 2;
    let (m, n) = (out.dim(lead), out.dim(lead + 1));
    let k = a.1.dim(lead + usize::from(!a.2));
    let batch: usize = out.iter().take(lead).product();
    let mut y = Vec::with_capacity(out.elements());
    for matrix in 0..batch {
        let (a, ta, b, tb) = (&a.0[matrix * m * k..], a.2, &b.0[matrix * k * n..], b.2);
        for row in 0..m {
            for column in 0..n {
                let term = |i: usize| {
                    let left = if ta { a[i * m + row] } else { a[row * k + i] };
                    left * if tb { b[column * k + i] } else { b[i * n + column] }
                };
                y.push((0..k).map(term).sum());
            }
        }
    }
    y
}

/// Calls `term(x index, k index, y index)` for every product of a convolution from `x` to `y` with kernels `k`.
fn products(conv: &Conv, x: Shape, k: Shape, y: Shape, mut term: impl FnMut(usize, usize, usize)) {
    let [batch, co, oh, ow] = [0, 1, 2, 3].map(|axis| y.dim(axis));
    let [h, w] = [2, 3].map(|axis| x.dim(axis));
    let [per_group, kh, kw] = [1, 2, 3].map(|axis| k.dim(axis));
    let (stride, padding) = (conv.stride as usize, conv.padding as usize);
    let group_outputs = co / conv.groups as usize;
    for n in 0..batch {
        for o in 0..co {
            for p in 0..oh {
                for q in 0..ow {
                    for i in 0..per_group {
                        let channel = o / group_outputs * per_group + i;
                        for r in 0..kh {
                            for s in 0..kw {
                                let (row, column) = (p * stride + r, q * stride + s);
                                if row < padding || column < padding || row - padding >= h || column - padding >= w {
                                    continue;
                                }
                                term(
                                    ((n * x.dim(1) + channel) * h + row - padding) * w + column - padding,
                                    ((o * per_group + i) * kh + r) * kw + s,
                                    ((n * co + o) * oh + p) * ow + q,
                                );
                            }
                        }
                    }
                }
            }
        }
    }
}

pub(super) fn conv2d<T: Number>(conv: &Conv, x: (&[T], Shape), k: (&[T], Shape), out: Shape) -> Vec<T> {
    let mut y = vec![T::from_f64(0.0); out.elements()];
    products(conv, x.1, k.1, out, |i, j, o| y[o] += x.0[i] * k.0[j]);
    y
}

pub(super) fn input_grad<T: Number>(conv: &Conv, g: (&[T], Shape), k: (&[T], Shape), out: Shape) -> Vec<T> {
    let mut x = vec![T::from_f64(0.0); out.elements()];
    products(conv, out, k.1, g.1, |i, j, o| x[i] += g.0[o] * k.0[j]);
    x
}

pub(super) fn weight_grad<T: Number>(conv: &Conv, x: (&[T], Shape), g: (&[T], Shape), out: Shape) -> Vec<T> {
    let mut k = vec![T::from_f64(0.0); out.elements()];
    products(conv, x.1, out, g.1, |i, j, o| k[j] += g.0[o] * x.0[i]);
    k
}

/// x with a x = b by Cholesky's a = l l^T, `a [n, n]`, `b [n, m]`. NaN where a is not positive definite.
pub(super) fn solve_spd<T: Number>(a: &[T], n: usize, b: &[T], m: usize) -> Vec<T> {
    let mut l = vec![T::from_f64(0.0); n * n];
    for i in 0..n {
        for j in 0..=i {
            let rest = a[i * n + j] - (0..j).map(|k| l[i * n + k] * l[j * n + k]).sum::<T>();
            l[i * n + j] = if i == j { rest.unary(crate::graph::Unary::Sqrt) } else { rest / l[j * n + j] };
        }
    }
    let mut x = b.to_vec();
    for column in 0..m {
        for i in 0..n {
            let known = (0..i).map(|k| l[i * n + k] * x[k * m + column]).sum::<T>();
            x[i * m + column] = (x[i * m + column] - known) / l[i * n + i];
        }
        for i in (0..n).rev() {
            let known = (i + 1..n).map(|k| l[k * n + i] * x[k * m + column]).sum::<T>();
            x[i * m + column] = (x[i * m + column] - known) / l[i * n + i];
        }
    }
    x
}
