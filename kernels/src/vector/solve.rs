//! Solving with symmetric positive definite matrices: Cholesky's a = l l^T, block by block, in double precision.

use super::{Kernel, Lanes, Vector, whole::CHUNK};
use crate::parallel::{self, Shared};

/// Rows and columns of a block.
const BLOCK: usize = 32;

/// Numbers that the inner loop keeps in registers.
const RUN: usize = 32;

/// How many numbers [`Vector::solve_spd`] needs as scratch for `a [n, n]` and `b [n, m]`.
pub fn solve_scratch(n: usize, m: usize) -> usize {
    n * n + BLOCK * n + n * m
}

impl Vector {
    /// x with a x = b, of `a [n, n]` (only its lower triangle is read) and `b [n, m]`; not a number where a is not
    /// positive definite.
    pub fn solve_spd(self, a: &[f32], b: &[f32], (n, m): (usize, usize), scratch: &mut [f64], out: &mut [f32]) {
        assert_eq!((a.len(), b.len(), out.len()), (n * n, n * m, n * m), "sizes do not fit");
        let (lower, rest) = scratch[..solve_scratch(n, m)].split_at_mut(n * n);
        let (panel, x) = rest.split_at_mut(BLOCK * n);
        lower.iter_mut().zip(a).for_each(|(place, &a)| *place = f64::from(a));
        x.iter_mut().zip(b).for_each(|(place, &b)| *place = f64::from(b));
        self.factor(lower, n, panel);
        self.substitute(lower, x, (n, m));
        self.substitute_back(lower, x, (n, m));
        out.iter_mut().zip(&*x).for_each(|(place, &x)| *place = x as f32);
    }

    /// Replaces the lower triangle of a by l.
    fn factor(self, a: &mut [f64], n: usize, panel: &mut [f64]) {
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            factor_block(a, n, start, end);
            // The rows below the block, transposed so that each column is a vector.
            let height = n - end;
            for row in end..n {
                (start..end).for_each(|k| panel[(k - start) * height + row - end] = a[row * n + k]);
            }
            for column in start..end {
                let (known, rest) = panel.split_at_mut((column - start) * height);
                let factors = &a[column * n + start..=column * n + column];
                let target = &mut rest[..height];
                self.subtract(
                    Combination { factors: &factors[..column - start], vectors: known, stride: height },
                    target,
                );
                target.iter_mut().for_each(|x| *x /= factors[column - start]);
            }
            for row in end..n {
                (start..end).for_each(|k| a[row * n + k] = panel[(k - start) * height + row - end]);
            }
            // Nothing above the diagonal is needed: row i ends there.
            let vectors = &panel[..(end - start) * height];
            each_row(&mut a[end * n..], n, |row, values| {
                let (left, right) = values.split_at_mut(end);
                self.subtract(Combination { factors: &left[start..], vectors, stride: height }, &mut right[..=row]);
            });
        }
    }

    /// x with l x = b, in place of b.
    fn substitute(self, l: &[f64], x: &mut [f64], (n, m): (usize, usize)) {
        for start in (0..n).step_by(BLOCK) {
            let end = (start + BLOCK).min(n);
            let (known, below) = x.split_at_mut(end * m);
            let block = &mut known[start * m..];
            for row in start..end {
                let (known, rest) = block.split_at_mut((row - start) * m);
                let factors = &l[row * n + start..row * n + row];
                self.subtract(Combination { factors, vectors: known, stride: m }, &mut rest[..m]);
                rest[..m].iter_mut().for_each(|x| *x /= l[row * n + row]);
            }
            let block = &known[start * m..];
            each_row(below, m, |row, values| {
                let factors = &l[(end + row) * n + start..(end + row) * n + end];
                self.subtract(Combination { factors, vectors: block, stride: m }, values);
            });
        }
    }

    /// x with l^T x = b, in place of b.
    fn substitute_back(self, l: &[f64], x: &mut [f64], (n, m): (usize, usize)) {
        for start in (0..n).step_by(BLOCK).rev() {
            let end = (start + BLOCK).min(n);
            // Down to the diagonal, the factors of a row stand in a column.
            let column = |row: usize, from: usize| {
                let mut factors = [0.0; BLOCK];
                (from..end).for_each(|k| factors[k - from] = l[k * n + row]);
                (factors, end - from)
            };
            let (above, rest) = x.split_at_mut(start * m);
            let block = &mut rest[..(end - start) * m];
            for row in (start..end).rev() {
                let (rest, known) = block.split_at_mut((row + 1 - start) * m);
                let target = &mut rest[(row - start) * m..];
                let (factors, count) = column(row, row + 1);
                self.subtract(Combination { factors: &factors[..count], vectors: known, stride: m }, target);
                target.iter_mut().for_each(|x| *x /= l[row * n + row]);
            }
            each_row(above, m, |row, values| {
                let (factors, count) = column(row, start);
                self.subtract(Combination { factors: &factors[..count], vectors: block, stride: m }, values);
            });
        }
    }

    fn subtract(self, combination: Combination<'_>, target: &mut [f64]) {
        self.call(Subtract { combination, target });
    }
}

/// Calls `work(index, row)` for rows of `width` numbers, in parallel.
#[expect(unsafe_code, reason = "hands out rows to several threads")]
fn each_row(values: &mut [f64], width: usize, work: impl Fn(usize, &mut [f64]) + Sync) {
    let rows = values.len().checked_div(width).unwrap_or(0);
    // A number costs as much as a block has rows.
    let per_part = (CHUNK / (width.max(1) * BLOCK)).max(4);
    let shared = Shared::new(values);
    parallel::for_each(rows.div_ceil(per_part), |_, part| {
        for row in part * per_part..rows.min((part + 1) * per_part) {
            // SAFETY: rows do not overlap, and each is held once.
            work(row, unsafe { shared.part(row * width, width) });
        }
    });
}

/// Cholesky's algorithm as it is written, for rows and columns `start .. end`.
fn factor_block(a: &mut [f64], n: usize, start: usize, end: usize) {
    for i in start..end {
        for j in start..=i {
            let known: f64 = (start..j).map(|k| a[i * n + k] * a[j * n + k]).sum();
            let rest = a[i * n + j] - known;
            a[i * n + j] = if i == j { rest.sqrt() } else { rest / a[j * n + j] };
        }
    }
}

/// A sum of factors times vectors, which begin `stride` apart.
struct Combination<'a> {
    factors: &'a [f64],
    vectors: &'a [f64],
    stride: usize,
}

/// `target -= combination`.
struct Subtract<'a> {
    combination: Combination<'a>,
    target: &'a mut [f64],
}

impl Kernel for Subtract<'_> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        let Combination { factors, vectors, stride } = self.combination;
        let (runs, rest) = self.target.as_chunks_mut::<RUN>();
        let done = runs.len() * RUN;
        for (index, run) in runs.iter_mut().enumerate() {
            // A copy of its own, which stays in registers.
            let mut totals = *run;
            for (k, factor) in factors.iter().enumerate() {
                let vector = &vectors[k * stride + index * RUN..][..RUN];
                for (total, x) in totals.iter_mut().zip(vector) {
                    *total = subtract::<L>(*total, *factor, *x);
                }
            }
            *run = totals;
        }
        for (k, factor) in factors.iter().enumerate() {
            let vector = &vectors[k * stride + done..][..rest.len()];
            for (total, x) in rest.iter_mut().zip(vector) {
                *total = subtract::<L>(*total, *factor, *x);
            }
        }
    }
}

/// `total - a * b`.
#[inline(always)]
fn subtract<L: Lanes>(total: f64, a: f64, b: f64) -> f64 {
    if L::FUSED { (-a).mul_add(b, total) } else { total - a * b }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn solutions_solve() {
        for vector in vectors() {
            for (n, m) in [(0, 3), (1, 1), (5, 0), (7, 3), (32, 1), (33, 10), (100, 40), (161, 70)] {
                // c c^T + 1 is well conditioned.
                let c = values(n * n, 1);
                let dot =
                    |i: usize, j: usize| (0..n).map(|k| f64::from(c[i * n + k]) * f64::from(c[j * n + k])).sum::<f64>();
                let full: Vec<f64> = (0..n * n)
                    .map(|place| dot(place / n, place % n) + if place / n == place % n { 10.0 } else { 0.0 })
                    .collect();
                // Nothing above the diagonal is read.
                let a: Vec<f32> = (0..n * n).map(|p| if p % n > p / n { f32::NAN } else { full[p] as f32 }).collect();
                let x = values(n * m, 2);
                let a_x = |p: usize| (0..n).map(|k| full[p / m * n + k] * f64::from(x[k * m + p % m])).sum::<f64>();
                let b: Vec<f32> = (0..n * m).map(|place| a_x(place) as f32).collect();
                let (mut scratch, mut out) = (vec![f64::NAN; solve_scratch(n, m)], vec![f32::NAN; n * m]);
                vector.solve_spd(&a, &b, (n, m), &mut scratch, &mut out);
                for (got, want) in out.iter().zip(&x) {
                    assert!((got - want).abs() < 2e-3, "{vector:?} {n} {m}: {got} for {want}");
                }
            }
            let mut out = [0.0];
            vector.solve_spd(&[-1.0], &[1.0], (1, 1), &mut vec![0.0; solve_scratch(1, 1)], &mut out);
            assert!(out[0].is_nan());
        }
    }
}
