//! Winograd's algorithm for kernels of 3 x 3 at stride 1: a quarter of the multiplications of the definition, 36 for each
//! 4 x 4 outputs instead of 144, for additions before and after. The products of one point of all tiles are a matrix
//! product, so most of the time is spent in the same tiles as that of direct contractions.
//!
//! Everything is done in blocks whose transformed right operand fits the second-level cache.

mod forward;
mod transform;
mod weight;

pub(super) use forward::Forward;
pub(super) use weight::Weight;

use super::{pad::Pad, simd::Simd};
use transform::{POINTS, STEP, TILE};

/// How images are cut into tiles: a copy with enough zeros around for whole tiles, and where each tile starts in it.
#[derive(Debug, Clone, Copy)]
struct Tiles {
    images: usize,
    channels: usize,
    /// Tiles down and across one image.
    grid: [usize; 2],
    pad: Pad,
}

impl Tiles {
    /// Of images of `[n, channels, h, w]` read from `before` pixels outside on, so many that they give `out` outputs.
    fn of_inputs([images, channels, h, w]: [usize; 4], before: isize, out: [usize; 2]) -> Tiles {
        let grid = out.map(|size| size.div_ceil(STEP));
        // Rows are read in two groups of four, the last of which needs only two.
        let padded = [grid[0] * STEP + TILE - STEP, grid[1] * STEP + STEP];
        let pad = Pad { planes: images * channels, size: [h, w], padded, before: [before; 2], step: 1 };
        Tiles { images, channels, grid, pad }
    }

    /// Of images read as tiles that do not overlap.
    fn of_outputs([images, channels, h, w]: [usize; 4]) -> Tiles {
        let grid = [h, w].map(|size| size.div_ceil(STEP));
        let padded = grid.map(|tiles| tiles * STEP);
        let pad = Pad { planes: images * channels, size: [h, w], padded, before: [0; 2], step: 1 };
        Tiles { images, channels, grid, pad }
    }

    fn len(&self) -> usize {
        self.images * self.grid[0] * self.grid[1]
    }

    fn plane(&self) -> usize {
        self.pad.padded[0] * self.pad.padded[1]
    }

    fn row(&self) -> usize {
        self.pad.padded[1]
    }

    /// (image, row of tiles, column of tiles) of tile number `index`.
    fn place(&self, index: usize) -> [usize; 3] {
        let (row, column) = (index / self.grid[1], index % self.grid[1]);
        [row / self.grid[0], row % self.grid[0], column]
    }

    /// Offset of the tile in the first channel.
    fn offset(&self, index: usize) -> usize {
        let [image, row, column] = self.place(index);
        image * self.channels * self.plane() + (row * self.row() + column) * STEP
    }
}

/// Transforms the 6 x 6 inputs at each of `LANES` offsets; the values of point p go to `to[p * stride..]`.
#[inline(always)]
fn transform_input<S: Simd>(s: S, from: &[f32], offsets: &[usize], row: usize, to: &mut [f32], stride: usize) {
    transform::both_axes(
        s,
        #[inline(always)]
        |values| transform::input(s, values),
        #[inline(always)]
        |i| {
            let from = &from[i * row..];
            let ([a, b, c, d], [e, f, ..]) = (s.transposed(from, offsets), s.transposed(&from[STEP..], offsets));
            [a, b, c, d, e, f]
        },
        #[inline(always)]
        |j, column| {
            for i in 0..TILE {
                s.write(column[i], &mut to[(i * TILE + j) * stride..]);
            }
        },
    );
}

/// Row `i` of the values of all points, `stride` elements apart.
#[inline(always)]
fn load_points<S: Simd>(s: S, from: &[f32], i: usize, stride: usize) -> [S::F; TILE] {
    let mut row = [s.splat(0.0); TILE];
    for j in 0..TILE {
        row[j] = s.read(&from[(i * TILE + j) * stride..]);
    }
    row
}

/// Rows of the left operand, rounded up to whole vectors of any kind; one more, so that steps do not lie a power of two
/// apart, which would put them all into the same few places of the cache.
fn padded_rows(rows: usize) -> usize {
    rows.next_multiple_of(16) + 16
}
