//! Solving with a symmetric positive definite matrix.

use candle_core::{Result, Tensor};

use crate::shape::Shape;

/// x with a x = b, by Cholesky's a = l l^T in double precision; NaN where a is not positive definite. On the host for
/// every device: such systems are small (the images of a distilled set), and candle has no solver.
pub(super) fn solve(a: &Tensor, b: &Tensor, out: Shape) -> Result<Tensor> {
    let (n, m) = (out.dim(0), out.dim(1));
    let lower = cholesky(&read(a)?, n);
    let mut x: Vec<f64> = read(b)?.into_iter().map(f64::from).collect();
    for i in 0..n {
        let (known, rest) = x.split_at_mut(i * m);
        let row = &mut rest[..m];
        for (j, known) in known.chunks_exact(m).enumerate() {
            subtract(row, lower[i * n + j], known);
        }
        row.iter_mut().for_each(|x| *x /= lower[i * n + i]);
    }
    for i in (0..n).rev() {
        let (rest, known) = x.split_at_mut((i + 1) * m);
        let row = &mut rest[i * m..];
        for (j, known) in known.chunks_exact(m).enumerate() {
            subtract(row, lower[(i + 1 + j) * n + i], known);
        }
        row.iter_mut().for_each(|x| *x /= lower[i * n + i]);
    }
    Tensor::from_vec(x.into_iter().map(|x| x as f32).collect::<Vec<f32>>(), out.dims(), a.device())
}

/// `row -= factor * other`.
fn subtract(row: &mut [f64], factor: f64, other: &[f64]) {
    row.iter_mut().zip(other).for_each(|(x, other)| *x -= factor * other);
}

/// The lower triangle l of a = l l^T, from the lower triangle of a.
fn cholesky(a: &[f32], n: usize) -> Vec<f64> {
    let mut l = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = l[i * n..i * n + j].iter().zip(&l[j * n..j * n + j]).map(|(x, y)| x * y).sum();
            let rest = f64::from(a[i * n + j]) - known;
            l[i * n + j] = if i == j { rest.sqrt() } else { rest / l[j * n + j] };
        }
    }
    l
}

/// The values of a tensor of any device, row-major.
fn read(x: &Tensor) -> Result<Vec<f32>> {
    x.flatten_all()?.to_vec1()
}
