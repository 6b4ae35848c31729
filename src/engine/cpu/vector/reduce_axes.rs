//! Reductions of a row-major tile over some of its axes.

use std::marker::PhantomData;

use super::{
    Kernel, Lanes, Tile, TileMut, Vector,
    reduce::{self, Fold, Max, Sum},
};
use crate::{graph::Reduce, shape::MAX_RANK};

/// Which axes of a row-major tile are reduced, in as few axes as say the same: neighbours are alternately kept and
/// reduced.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Reduction {
    axes: [Axis; MAX_RANK],
    rank: usize,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Axis {
    size: usize,
    reduced: bool,
}

impl Reduction {
    /// Of a tile of these sizes, over these axes.
    pub(in super::super) fn new(dims: &[usize], axes: &[u32]) -> Reduction {
        let mut merged = Reduction { axes: [Axis::default(); MAX_RANK], rank: 0 };
        for (axis, &size) in dims.iter().enumerate().filter(|(_, size)| **size != 1) {
            let reduced = axes.contains(&(axis as u32));
            if merged.rank > 0 && merged.axes[merged.rank - 1].reduced == reduced {
                merged.axes[merged.rank - 1].size *= size;
            } else {
                merged.axes[merged.rank] = Axis { size, reduced };
                merged.rank += 1;
            }
        }
        merged
    }

    fn axes(&self) -> &[Axis] {
        &self.axes[..self.rank]
    }

    /// Numbers before and after.
    fn elements(&self) -> (usize, usize) {
        let product =
            |kept: bool| self.axes().iter().filter(|axis| kept || axis.reduced).map(|axis| axis.size).product();
        let (all, reduced): (usize, usize) = (product(true), product(false));
        (all, all.checked_div(reduced).unwrap_or_else(|| self.kept()))
    }

    fn kept(&self) -> usize {
        self.axes().iter().filter(|axis| !axis.reduced).map(|axis| axis.size).product()
    }
}

impl Vector {
    /// Reduces `x` into `out`, which holds the kept axes and must be disjoint from `x`.
    pub(in super::super) fn reduce_axes(self, reduce: Reduce, reduction: &Reduction, x: Tile<'_>, out: TileMut<'_>) {
        assert_eq!((x.len(), out.len()), reduction.elements(), "tiles that do not fit their reduction");
        match reduce {
            Reduce::Sum => self.call(Axes { fold: PhantomData::<Sum>, reduction, x, out }),
            Reduce::Max => self.call(Axes { fold: PhantomData::<Max>, reduction, x, out }),
        }
    }
}

struct Axes<'a, R> {
    fold: PhantomData<R>,
    reduction: &'a Reduction,
    x: Tile<'a>,
    out: TileMut<'a>,
}

/// The innermost axes, which are reduced in one go.
#[derive(Debug, Clone, Copy)]
enum Block {
    /// `[rows, columns]` over rows: vectors are added to vectors.
    Columns { rows: usize, columns: usize },
    /// `[rows, columns]` over columns.
    Rows { rows: usize, columns: usize },
    /// `[rows, columns, 2]` over rows and pairs: pooling.
    Pairs { rows: usize, columns: usize },
}

impl Block {
    /// The block of the last axes, and how many axes are left.
    fn split(axes: &[Axis]) -> (Block, usize) {
        match *axes {
            [ref outer @ .., Axis { size: rows, reduced: true }, Axis { size: columns, reduced: false }] => {
                (Block::Columns { rows, columns }, outer.len())
            }
            [
                ref outer @ ..,
                Axis { size: rows, reduced: true },
                Axis { size: columns, .. },
                Axis { size: 2, reduced: true },
            ] => (Block::Pairs { rows, columns }, outer.len()),
            [ref outer @ .., Axis { size: columns, .. }, Axis { size: 2, reduced: true }] => {
                (Block::Pairs { rows: 1, columns }, outer.len())
            }
            [ref outer @ .., Axis { size: rows, .. }, Axis { size: columns, reduced: true }] => {
                (Block::Rows { rows, columns }, outer.len())
            }
            [Axis { size: columns, reduced: true }] => (Block::Rows { rows: 1, columns }, 0),
            [Axis { size: columns, reduced: false }] => (Block::Columns { rows: 1, columns }, 0),
            // `new` makes neighbours differ.
            [.., _, _] | [] => (Block::Columns { rows: 1, columns: 1 }, 0),
        }
    }

    /// Numbers before and after.
    fn elements(self) -> (usize, usize) {
        match self {
            Block::Columns { rows, columns } => (rows * columns, columns),
            Block::Rows { rows, columns } => (rows * columns, rows),
            Block::Pairs { rows, columns } => (rows * columns * 2, columns),
        }
    }
}

impl<R: Fold> Kernel for Axes<'_, R> {
    type Out = ();

    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let axes = self.reduction.axes();
        let (block, outer) = Block::split(axes);
        let (before, after) = block.elements();
        let mut walk = Walk::new(&axes[..outer], after);
        let blocks = axes[..outer].iter().map(|axis| axis.size).product();
        if before == 0 {
            // Nothing to reduce: 0, as in the reference.
            for place in 0..self.out.len() {
                // SAFETY: inside of the tile.
                unsafe { self.out.as_ptr().add(place).write(0.0) }
            }
            return;
        }
        for index in 0..blocks {
            // SAFETY: the block's numbers are inside of the tiles, whose lengths fit the axes.
            unsafe {
                let (x, out) = (self.x.as_ptr().add(index * before), self.out.as_ptr().add(walk.place));
                match block {
                    Block::Columns { rows, columns } => reduce_columns::<L, R>(l, x, (rows, columns), out, walk.first),
                    Block::Rows { rows, columns } => reduce_rows::<L, R>(l, x, (rows, columns), out, walk.first),
                    Block::Pairs { rows, columns } => reduce_pairs::<L, R>(l, x, (rows, columns), out, walk.first),
                }
            }
            walk.next();
        }
    }
}

/// Where each block of the outer axes, in order, leaves its results.
struct Walk {
    index: [usize; MAX_RANK],
    axes: [Axis; MAX_RANK],
    strides: [usize; MAX_RANK],
    rank: usize,
    place: usize,
    /// Whether no block before left its results at the same place.
    first: bool,
}

impl Walk {
    fn new(axes: &[Axis], block: usize) -> Walk {
        let mut walk = Walk {
            index: [0; MAX_RANK],
            axes: [Axis::default(); MAX_RANK],
            strides: [0; MAX_RANK],
            rank: axes.len(),
            place: 0,
            first: true,
        };
        walk.axes[..axes.len()].copy_from_slice(axes);
        let mut stride = block;
        for (place, axis) in walk.strides.iter_mut().zip(axes).rev() {
            if !axis.reduced {
                *place = stride;
                stride *= axis.size;
            }
        }
        walk
    }

    fn next(&mut self) {
        for axis in (0..self.rank).rev() {
            self.index[axis] += 1;
            self.place += self.strides[axis];
            if self.index[axis] < self.axes[axis].size {
                break;
            }
            self.place -= self.strides[axis] * self.index[axis];
            self.index[axis] = 0;
        }
        self.first = (0..self.rank).all(|axis| !self.axes[axis].reduced || self.index[axis] == 0);
    }
}

/// Over the rows of `[rows, columns]`, with what `out` holds unless this is the first.
///
/// # Safety
/// `rows * columns` numbers can be read and `columns` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn reduce_columns<L: Lanes, R: Fold>(
    l: L,
    x: *const f32,
    (rows, columns): (usize, usize),
    out: *mut f32,
    first: bool,
) {
    let mut column = 0;
    // SAFETY: columns `column ..` of every row are inside, as many as are left.
    unsafe {
        while column + 4 * L::COUNT <= columns {
            let mut totals = [l.splat(0.0); 4];
            for (turn, total) in totals.iter_mut().enumerate() {
                *total = l.load(x.add(column + turn * L::COUNT));
            }
            for row in 1..rows {
                for (turn, total) in totals.iter_mut().enumerate() {
                    *total = R::join(l, *total, l.load(x.add(row * columns + column + turn * L::COUNT)));
                }
            }
            for (turn, &total) in totals.iter().enumerate() {
                let out = out.add(column + turn * L::COUNT);
                l.store(if first { total } else { R::join(l, l.load(out), total) }, out);
            }
            column += 4 * L::COUNT;
        }
        while column < columns {
            let count = (columns - column).min(L::COUNT);
            let total = reduce_column::<L, R>(l, x.add(column), (rows, columns), count);
            let out = out.add(column);
            l.store_some(if first { total } else { R::join(l, l.load_some(out, count), total) }, out, count);
            column += count;
        }
    }
}

/// Over rows, for `count` columns of a register: four totals, since one would wait for itself.
///
/// # Safety
/// `count` numbers of each row, `columns` apart, can be read.
#[expect(unsafe_code, reason = "reads tiles")]
#[inline(always)]
unsafe fn reduce_column<L: Lanes, R: Fold>(l: L, x: *const f32, (rows, columns): (usize, usize), count: usize) -> L::F {
    // SAFETY: by contract.
    unsafe {
        let first = l.load_some(x, count);
        let start = R::start(l, first);
        let mut totals = [first, start, start, start];
        let mut row = 1;
        while row + 4 <= rows {
            for (turn, total) in totals.iter_mut().enumerate() {
                *total = R::join(l, *total, l.load_some(x.add((row + turn) * columns), count));
            }
            row += 4;
        }
        while row < rows {
            totals[0] = R::join(l, totals[0], l.load_some(x.add(row * columns), count));
            row += 1;
        }
        let [a, b, c, d] = totals;
        R::join(l, R::join(l, a, b), R::join(l, c, d))
    }
}

/// Over the columns of `[rows, columns]`.
///
/// # Safety
/// `rows * columns` numbers can be read and `rows` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn reduce_rows<L: Lanes, R: Fold>(
    l: L,
    x: *const f32,
    (rows, columns): (usize, usize),
    out: *mut f32,
    first: bool,
) {
    for row in 0..rows {
        // SAFETY: by contract.
        unsafe {
            let total = reduce::run::<L, R>(l, x.add(row * columns), columns);
            let out = out.add(row);
            out.write(if first { total } else { R::join_numbers(out.read(), total) });
        }
    }
}

/// Over the rows and pairs of `[rows, columns, 2]`.
///
/// # Safety
/// `rows * columns * 2` numbers can be read and `columns` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn reduce_pairs<L: Lanes, R: Fold>(
    l: L,
    x: *const f32,
    (rows, columns): (usize, usize),
    out: *mut f32,
    first: bool,
) {
    let mut column = 0;
    while column < columns {
        let count = (columns - column).min(L::COUNT);
        // SAFETY: `2 * count` numbers from `2 * column` on are inside of each row.
        unsafe {
            let x = x.add(2 * column);
            let (mut a, mut b) = l.load_two(x, 2 * count);
            let (even, _) = l.split_pairs(a, b);
            let (start, start2) = l.join_pairs(R::start(l, even), R::start(l, even));
            (a, b) = (R::join(l, start, a), R::join(l, start2, b));
            for row in 1..rows {
                let (c, d) = l.load_two(x.add(row * 2 * columns), 2 * count);
                (a, b) = (R::join(l, a, c), R::join(l, b, d));
            }
            let (even, odd) = l.split_pairs(a, b);
            let total = R::join(l, even, odd);
            let out = out.add(column);
            l.store_some(if first { total } else { R::join(l, l.load_some(out, count), total) }, out, count);
        }
        column += count;
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    /// As the reference defines it, in f64.
    fn expected(reduce: Reduce, dims: &[usize], axes: &[u32], x: &[f32]) -> Vec<f64> {
        let kept = |axis: usize| !axes.contains(&(axis as u32));
        let outs: usize = (0..dims.len()).filter(|&axis| kept(axis)).map(|axis| dims[axis]).product();
        let mut out: Vec<Option<f64>> = vec![None; outs];
        for (place, &value) in x.iter().enumerate() {
            let (mut rest, mut to, mut stride) = (place, 0, 1);
            for axis in (0..dims.len()).rev() {
                if kept(axis) {
                    to += rest % dims[axis] * stride;
                    stride *= dims[axis];
                }
                rest /= dims[axis];
            }
            let value = f64::from(value);
            out[to] = Some(match (out[to], reduce) {
                (None, _) => value,
                (Some(total), Reduce::Sum) => total + value,
                (Some(total), Reduce::Max) => total.max(value),
            });
        }
        out.into_iter().map(|x| x.unwrap_or(0.0)).collect()
    }

    #[test]
    fn any_axes_of_any_shape() {
        let shapes: [&[usize]; 14] = [
            &[],
            &[7],
            &[33, 70],
            &[3, 130],
            &[130, 3],
            &[2, 3, 4, 5],
            &[3, 7, 2, 14, 2],
            &[2, 3, 2, 33, 2],
            &[1, 5, 1, 4],
            &[2, 2, 2, 2, 2, 2],
            &[9, 1, 17],
            &[4, 0, 3],
            &[0, 3],
            &[5, 19, 3],
        ];
        for vector in vectors() {
            for dims in shapes {
                let x = values(dims.iter().product(), 3);
                for set in 0..1u32 << dims.len() {
                    let axes: Vec<u32> = (0..dims.len() as u32).filter(|axis| set >> axis & 1 == 1).collect();
                    for reduce in [Reduce::Sum, Reduce::Max] {
                        let expected = expected(reduce, dims, &axes, &x);
                        let mut out = vec![f32::NAN; expected.len()];
                        let reduction = Reduction::new(dims, &axes);
                        vector.reduce_axes(reduce, &reduction, Tile::new(&x), TileMut::new(&mut out));
                        for (&got, want) in out.iter().zip(expected) {
                            let error = (f64::from(got) - want).abs();
                            assert!(error <= 1e-4, "{vector:?} {reduce:?} {dims:?} {axes:?}: {got} for {want}");
                        }
                    }
                }
            }
        }
    }
}
