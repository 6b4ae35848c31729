//! Whole nodes on whole arrays: what moves numbers and is not part of a fused kernel. They run in parallel, in parts
//! that depend on sizes alone, and allocate nothing.

use super::{Kernel, Lanes, Tile, TileMut, Vector};
use crate::{
    MAX_RANK,
    parallel::{self, Shared},
};

/// Numbers that a part works on, about.
pub(super) const CHUNK: usize = 16 * 1024;

/// Calls `work(first, part)` for parts of `out` of `len` numbers each, the last of them shorter.
#[expect(unsafe_code, reason = "hands out parts of one slice to several threads")]
pub(super) fn in_parts(out: &mut [f32], len: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let all = out.len();
    let shared = Shared::new(out);
    parallel::for_each(all.div_ceil(len), |_, part| {
        let first = part * len;
        // SAFETY: parts do not overlap.
        work(first, unsafe { shared.part(first, len.min(all - first)) });
    });
}

impl Vector {
    /// Parts one after another in each of `rows` rows.
    pub fn concat<'a>(self, parts: impl Iterator<Item = &'a [f32]> + Clone + Sync, rows: usize, out: &mut [f32]) {
        let row: usize = parts.clone().map(|part| part.len() / rows.max(1)).sum();
        assert_eq!(out.len(), row * rows, "an output of another size than its parts");
        in_parts(out, CHUNK, |first, mut out| {
            // Pieces of parts, from wherever this chunk begins.
            let mut place = first;
            while !out.is_empty() {
                let (index, mut within) = (place / row, place % row);
                for part in parts.clone() {
                    let width = part.len() / rows;
                    if within < width && !out.is_empty() {
                        let len = (width - within).min(out.len());
                        let (piece, rest) = out.split_at_mut(len);
                        piece.copy_from_slice(&part[index * width + within..][..len]);
                        (out, within, place) = (rest, 0, place + len);
                    } else {
                        within = within.saturating_sub(width);
                    }
                }
            }
        });
    }

    /// `x` with zeros around its elements and between them.
    pub fn pad(self, x: &[f32], padding: &Padding, out: &mut [f32]) {
        let axes = padding.axes();
        let size = |of: fn(&Padded) -> usize| axes.iter().map(of).product::<usize>();
        assert_eq!((x.len(), out.len()), (size(|axis| axis.inside), size(|axis| axis.outside)), "sizes do not fit");
        let [outer @ .., inner] = axes else { return out.copy_from_slice(x) };
        let rows = (CHUNK / inner.outside.max(1)).max(1);
        in_parts(out, (rows * inner.outside).max(1), |first, part| {
            for (index, row) in part.chunks_exact_mut(inner.outside).enumerate() {
                row.fill(0.0);
                if let Some(from) = source_row(outer, first / inner.outside + index) {
                    let elements = &x[from * inner.inside..][..inner.inside];
                    let row = &mut row[inner.low..];
                    match inner.step {
                        1 => row[..elements.len()].copy_from_slice(elements),
                        step => row.iter_mut().step_by(step).zip(elements).for_each(|(place, &x)| *place = x),
                    }
                }
            }
        });
    }

    /// Row `rows[i]` of `x`, each of `width` numbers, at row i of `out`; zeros where there is no such row.
    pub fn take(self, x: &[f32], rows: &[u32], width: usize, out: &mut [f32]) {
        take_rows(x, rows, width, out, |x, out| out.copy_from_slice(x));
    }

    /// The same of pixels, as value / 255.
    pub fn take_pixels(self, x: &[u8], rows: &[u32], width: usize, out: &mut [f32]) {
        take_rows(x, rows, width, out, |x, out| self.call(Pixels { x, out }));
    }

    /// Sums, in increasing order of i, of row i of `g` into row `rows[i]` of `out`.
    #[expect(unsafe_code, reason = "hands out columns to several threads")]
    pub fn take_transpose(self, g: &[f32], rows: &[u32], width: usize, out: &mut [f32]) {
        assert_eq!(g.len(), rows.len() * width, "rows of another width");
        let count = out.len().checked_div(width).unwrap_or(0);
        // A part is a range of columns: none reads what it does not need, and no row has to be searched for.
        let columns = (CHUNK / rows.len().max(1)).next_multiple_of(64).max(64);
        let shared = Shared::new(out);
        parallel::for_each(width.div_ceil(columns), |_, part| {
            let first = part * columns;
            let len = columns.min(width - first);
            // SAFETY: parts are disjoint ranges of columns, of which one row is held at a time.
            let row = |index: usize| unsafe { shared.part(index * width + first, len) };
            (0..count).for_each(|index| row(index).fill(0.0));
            for (g, &index) in g.chunks_exact(width).zip(rows).filter(|(_, index)| (**index as usize) < count) {
                let total = TileMut::new(row(index as usize));
                self.accumulate(crate::Reduce::Sum, total, Tile::new(&g[first..first + len]));
            }
        });
    }
}

fn take_rows<T: Sync>(x: &[T], rows: &[u32], width: usize, out: &mut [f32], copy: impl Fn(&[T], &mut [f32]) + Sync) {
    assert_eq!(out.len(), rows.len() * width, "rows of another width");
    let per_part = (CHUNK / width.max(1)).max(1);
    in_parts(out, (per_part * width).max(1), |first, part| {
        for (out, &row) in part.chunks_exact_mut(width).zip(&rows[first / width..]) {
            match x.get(row as usize * width..(row as usize + 1) * width) {
                Some(x) => copy(x, out),
                None => out.fill(0.0),
            }
        }
    });
}

struct Pixels<'a> {
    x: &'a [u8],
    out: &'a mut [f32],
}

impl Kernel for Pixels<'_> {
    type Out = ();

    /// A loop that compilers vectorise: there is nothing to gain from registers of bytes.
    #[inline(always)]
    fn run<L: Lanes>(self, _: L) {
        for (place, &x) in self.out.iter_mut().zip(self.x) {
            *place = f32::from(x) / 255.0;
        }
    }
}

/// The geometry of a padding, in as few axes as say the same.
#[derive(Debug, Clone, Copy)]
pub struct Padding {
    axes: [Padded; MAX_RANK],
    rank: usize,
}

/// Element i of `inside` goes to place `low + i * step` of `outside`.
#[derive(Debug, Clone, Copy, Default)]
struct Padded {
    inside: usize,
    outside: usize,
    low: usize,
    step: usize,
}

impl Padding {
    /// From sizes `inside` to sizes `outside`.
    pub fn new(inside: &[usize], low: &[u32], interior: &[u32], outside: &[usize]) -> Padding {
        let mut padding = Padding { axes: [Padded::default(); MAX_RANK], rank: 0 };
        for axis in 0..inside.len() {
            let new = Padded {
                inside: inside[axis],
                outside: outside[axis],
                low: low[axis] as usize,
                step: interior[axis] as usize + 1,
            };
            match padding.axes[..padding.rank].last_mut() {
                // An axis that is not padded only makes the elements of the axis before longer.
                Some(before) if new.inside == new.outside && before.step == 1 => {
                    before.inside *= new.inside;
                    before.outside *= new.inside;
                    before.low *= new.inside;
                }
                _ => {
                    padding.axes[padding.rank] = new;
                    padding.rank += 1;
                }
            }
        }
        padding
    }

    fn axes(&self) -> &[Padded] {
        &self.axes[..self.rank]
    }
}

/// Which row of the elements becomes this row of the result.
fn source_row(axes: &[Padded], row: usize) -> Option<usize> {
    let (mut rest, mut from, mut stride) = (row, 0, 1);
    for axis in axes.iter().rev() {
        let place = (rest % axis.outside).checked_sub(axis.low)?;
        if place % axis.step != 0 || place / axis.step >= axis.inside {
            return None;
        }
        from += place / axis.step * stride;
        stride *= axis.inside;
        rest /= axis.outside;
    }
    Some(from)
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    #[test]
    fn rows_by_index_and_back() {
        for vector in vectors() {
            for (count, width, taken) in [(5, 1, 9), (7, 70, 3), (3, 784, 40), (20_000, 3, 9_000), (4, 0, 2)] {
                let mut draws = crate::rng::Draws::new(3, 0, 0);
                let rows: Vec<u32> = (0..taken).map(|_| draws.below(count + 1) as u32).collect();
                let x = values(count * width, 1);
                let mut out = vec![f32::NAN; taken * width];
                vector.take(&x, &rows, width, &mut out);
                let pixels: Vec<u8> = (0..count * width).map(|i| (i * 7) as u8).collect();
                let mut scaled = vec![f32::NAN; taken * width];
                vector.take_pixels(&pixels, &rows, width, &mut scaled);
                let mut sums = vec![0.0; count * width];
                for (i, &row) in rows.iter().enumerate() {
                    for j in 0..width {
                        let place = row as usize * width + j;
                        let inside = (row as usize) < count;
                        assert_eq!(out[i * width + j], if inside { x[place] } else { 0.0 });
                        assert_eq!(scaled[i * width + j], if inside { f32::from(pixels[place]) / 255.0 } else { 0.0 });
                        if inside {
                            sums[place] += out[i * width + j];
                        }
                    }
                }
                let mut back = vec![f32::NAN; count * width];
                vector.take_transpose(&out, &rows, width, &mut back);
                assert_eq!(back, sums, "{vector:?} {count} {width} {taken}");
            }
        }
    }

    #[test]
    fn parts_side_by_side() {
        let vector = Vector::new(super::super::Isa::best());
        for (rows, widths) in
            [(1, vec![3, 5]), (4, vec![1, 0, 7]), (3000, vec![9, 4, 20]), (2, vec![40_000, 1]), (0, vec![])]
        {
            let parts: Vec<Vec<f32>> = widths.iter().enumerate().map(|(k, w)| values(rows * w, k as u32)).collect();
            let mut expected = Vec::new();
            for row in 0..rows {
                parts
                    .iter()
                    .zip(&widths)
                    .for_each(|(part, w)| expected.extend_from_slice(&part[row * w..(row + 1) * w]));
            }
            let mut out = vec![f32::NAN; expected.len()];
            vector.concat(parts.iter().map(Vec::as_slice), rows, &mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn zeros_around_and_between() {
        let vector = Vector::new(super::super::Isa::best());
        type Case<'a> = (&'a [usize], &'a [u32], &'a [u32], &'a [usize]);
        let cases: [Case<'_>; 8] = [
            (&[], &[], &[], &[]),
            (&[4], &[2], &[0], &[9]),
            (&[4], &[1], &[2], &[11]),
            (&[2, 3, 5], &[0, 1, 0], &[0, 0, 0], &[2, 5, 5]),
            (&[2, 3, 5], &[1, 0, 2], &[1, 0, 3], &[5, 3, 20]),
            (&[2, 0, 5], &[1, 1, 2], &[1, 0, 3], &[5, 3, 20]),
            (&[40, 30, 30], &[0, 1, 1], &[0, 1, 1], &[40, 62, 61]),
            (&[3, 2], &[0, 0], &[1, 0], &[6, 2]),
        ];
        for (inside, low, interior, outside) in cases {
            let x = values(inside.iter().product(), 1);
            let mut expected = vec![0.0; outside.iter().product()];
            for (element, &x) in x.iter().enumerate() {
                let (mut rest, mut to, mut stride) = (element, 0, 1);
                for axis in (0..inside.len()).rev() {
                    to += (low[axis] as usize + rest % inside[axis] * (interior[axis] as usize + 1)) * stride;
                    stride *= outside[axis];
                    rest /= inside[axis];
                }
                expected[to] = x;
            }
            let mut out = vec![f32::NAN; expected.len()];
            vector.pad(&x, &Padding::new(inside, low, interior, outside), &mut out);
            assert_eq!(out, expected, "{inside:?} {low:?} {interior:?} {outside:?}");
        }
    }
}
