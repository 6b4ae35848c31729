//! The innermost loop: one tile of a product, summed in registers.

use super::simd::{Kernel, Lanes, Simd, dispatch};
use crate::{Isa, parallel::Shared};

/// Rows of the longest tile of any instruction set.
pub(super) const MAX_ROWS: usize = 14;
/// Columns of the widest one.
pub(super) const MAX_COLUMNS: usize = 32;

/// A panel of the left operand: step after step, `stride` elements apart, of which the first are read, one a row.
#[derive(Clone, Copy)]
pub(super) struct Left<'a> {
    pub(super) data: &'a [f32],
    pub(super) stride: usize,
}

/// Adds up `a[k][row] * b[k][column]` over all k and writes the sums to `to`, row after row; `b` is a panel of `vectors`
/// vectors.
pub(super) fn tile<S: Simd>(simd: S, a: Left<'_>, b: &[f32], [rows, vectors]: [usize; 2], to: &mut [f32]) {
    macro_rules! sized {
        ($($rows:literal)*) => {
            match (rows, vectors) {
                $(
                    ($rows, 1) if $rows <= S::ROWS => {
                        simd.compiled(#[inline(always)] || sized::<S, $rows, 1>(simd, a, b, to));
                    }
                    ($rows, 2) if $rows <= S::ROWS && S::VECTORS >= 2 => {
                        simd.compiled(#[inline(always)] || sized::<S, $rows, 2>(simd, a, b, to));
                    }
                    ($rows, 3) if $rows <= S::ROWS && S::VECTORS >= 3 => {
                        simd.compiled(#[inline(always)] || sized::<S, $rows, 3>(simd, a, b, to));
                    }
                )*
                _ => unreachable!("no tile is larger than its instruction set's"),
            }
        };
    }
    sized!(1 2 3 4 5 6 7 8 9 10 11 12 13 14);
}

#[inline(always)]
fn sized<S: Simd, const ROWS: usize, const VECTORS: usize>(simd: S, a: Left<'_>, b: &[f32], to: &mut [f32]) {
    // Every index of `sums` is known once the loops are unrolled, which is what keeps them in registers.
    let mut sums = [[simd.splat(0.0); VECTORS]; ROWS];
    let mut left = a.data;
    for b in b.chunks_exact(VECTORS * S::COUNT) {
        let a_step: &[f32; ROWS] = left.first_chunk().expect("an element a row");
        left = &left[a.stride.min(left.len())..];
        let mut right = [simd.splat(0.0); VECTORS];
        for v in 0..VECTORS {
            right[v] = simd.read(&b[v * S::COUNT..(v + 1) * S::COUNT]);
        }
        for row in 0..ROWS {
            let factor = simd.splat(a_step[row]);
            for v in 0..VECTORS {
                sums[row][v] = simd.mul_add(factor, right[v], sums[row][v]);
            }
        }
    }
    let to = &mut to[..ROWS * VECTORS * S::COUNT];
    for row in 0..ROWS {
        for v in 0..VECTORS {
            simd.write(sums[row][v], &mut to[(row * VECTORS + v) * S::COUNT..]);
        }
    }
}

/// Sums the largest tile of these instructions `turns` times over panels that lie in the innermost cache, and tells how
/// many floating-point operations that took: what every product is measured against.
pub fn cached(isa: Isa, turns: usize) -> u64 {
    dispatch(isa, Cached { turns })
}

struct Cached {
    turns: usize,
}

impl Kernel for Cached {
    type Out = u64;

    fn run<S: Lanes>(self, simd: S) -> u64 {
        const STEPS: usize = 128;
        let columns = S::VECTORS * S::COUNT;
        let (a, b) = (vec![1.0; STEPS * S::ROWS], vec![1.0; STEPS * columns]);
        let mut sums = vec![0.0; S::ROWS * columns];
        for _ in 0..self.turns {
            let left = Left { data: std::hint::black_box(&a), stride: S::ROWS };
            tile(simd, left, &b, [S::ROWS, S::VECTORS], &mut sums);
        }
        std::hint::black_box(&sums);
        (2 * self.turns * STEPS * S::ROWS * columns) as u64
    }
}

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

impl Target<'_> {
    /// Puts the sums of a tile of `width` columns into place. Different calls at one time write different elements.
    #[inline(always)]
    pub(super) fn write<S: Simd>(&self, simd: S, sums: &[f32], width: usize) {
        for (columns, first) in self.columns.chunks(S::COUNT).zip((0..width).step_by(S::COUNT)) {
            let whole = columns.len() == S::COUNT && columns[S::COUNT - 1] == columns[0] + S::COUNT - 1;
            for (&row, sums) in self.rows.iter().zip(sums[first..].chunks(width)) {
                if whole {
                    self.write_vector(simd, &sums[..S::COUNT], row + columns[0]);
                } else {
                    self.write_lanes(sums, row, columns);
                }
            }
        }
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "tiles of one product are written by several threads")]
    fn write_vector<S: Simd>(&self, simd: S, sums: &[f32], at: usize) {
        // SAFETY: calls at one time write different elements.
        let to = unsafe { self.out.part(at, S::COUNT) };
        let sums = simd.read(sums);
        let sums = if self.accumulate { simd.add(simd.read(to), sums) } else { sums };
        simd.write(sums, to);
    }

    #[inline(always)]
    #[expect(unsafe_code, reason = "tiles of one product are written by several threads")]
    fn write_lanes(&self, sums: &[f32], row: usize, columns: &[usize]) {
        for (column, sum) in columns.iter().zip(sums) {
            // SAFETY: calls at one time write different elements.
            let to = unsafe { self.out.part(row + column, 1) };
            to[0] = if self.accumulate { to[0] + sum } else { *sum };
        }
    }
}
