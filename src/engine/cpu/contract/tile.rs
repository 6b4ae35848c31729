//! The innermost loop: one tile of a product, summed in registers.

use super::simd::{MAX_LANES, Simd};
use crate::engine::cpu::parallel::Shared;

/// The longest tile of any instruction set.
pub(super) const MAX_ROWS: usize = 14;
/// The widest one, in lanes.
pub(super) const MAX_COLUMNS: usize = 32;

/// Where the sums of a tile go.
pub(super) struct Target<'a> {
    pub(super) out: Shared<'a>,
    /// Offset of every row.
    pub(super) rows: &'a [usize],
    /// Offset of every column; those past the end belong to padding.
    pub(super) columns: &'a [usize],
    /// Adds to what is there.
    pub(super) accumulate: bool,
}

/// A panel of the left operand: step after step, `stride` elements apart, of which the first are read, one a row.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
}

/// Adds up `a[k][row] * b[k][column]` over all k; `b` is a panel of `vectors` vectors. Different calls at one time write
/// different elements.
pub(super) fn tile<S: Simd>(simd: S, a: Left<'_>, b: &[f32], vectors: usize, target: &Target<'_>) {
    macro_rules! sized {
        ($($rows:literal)*) => {
            match (target.rows.len(), vectors) {
                $(
                    ($rows, 1) if $rows <= S::ROWS => {
                        simd.compiled(#[inline(always)] || sized::<S, $rows, 1>(simd, a, b, target));
                    }
                    ($rows, 2) if $rows <= S::ROWS && S::VECTORS >= 2 => {
                        simd.compiled(#[inline(always)] || sized::<S, $rows, 2>(simd, a, b, target));
                    }
                    ($rows, 3) if $rows <= S::ROWS && S::VECTORS >= 3 => {
                        simd.compiled(#[inline(always)] || sized::<S, $rows, 3>(simd, a, b, target));
                    }
                )*
                _ => unreachable!("no tile is larger than its instruction set's"),
            }
        };
    }
    sized!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

#[inline(always)]
fn sized<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S, a: Left<'_>, b: &[f32], target: &Target<'_>) {
    let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
    for (a, b) in a.data.chunks(a.stride).zip(b.chunks_exact(VECTORS * S::LANES)) {
        let a: &[f32; ROWS] = a.first_chunk().expect("an element a row");
        let mut right = [simd.splat(0.0); VECTORS];
        for v in 0..VECTORS {
            right[v] = simd.load(&b[v * S::LANES..(v + 1) * S::LANES]);
        }
        for row in 0..ROWS {
            let left = simd.splat(a[row]);
            for v in 0..VECTORS {
                sums[row][v] = simd.mul_add(left, right[v], sums[row][v]);
            }
        }
    }
    for v in 0..VECTORS {
        let columns = &target.columns[(v * S::LANES).min(target.columns.len())..];
        let columns = &columns[..columns.len().min(S::LANES)];
        let whole = columns.len() == S::LANES && columns.windows(2).all(|pair| pair[1] == pair[0] + 1);
        for row in 0..ROWS {
            if whole {
                write_vector(simd, sums[row][v], target.rows[row] + columns[0], target);
            } else {
                write_lanes(simd, sums[row][v], target.rows[row], columns, target);
            }
        }
    }
}

#[inline(always)]
#[expect(unsafe_code, reason = "tiles of one product are written by several threads")]
fn write_vector<S: Simd>(simd: S, sum: S::V, at: usize, target: &Target<'_>) {
    // SAFETY: calls at one time write different elements.
    let to = unsafe { target.out.part(at, S::LANES) };
    let sum = if target.accumulate { simd.add(simd.load(to), sum) } else { sum };
    simd.store(sum, to);
}

#[inline(always)]
#[expect(unsafe_code, reason = "tiles of one product are written by several threads")]
fn write_lanes<S: Simd>(simd: S, sum: S::V, row: usize, columns: &[usize], target: &Target<'_>) {
    let mut values = [0.0; MAX_LANES];
    simd.store(sum, &mut values);
    for (column, value) in columns.iter().zip(values) {
        // SAFETY: calls at one time write different elements.
        let to = unsafe { target.out.part(row + column, 1) };
        to[0] = if target.accumulate { to[0] + value } else { value };
    }
}
