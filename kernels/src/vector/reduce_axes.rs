//! Reductions of a row-major tile over some of its axes.

use std::marker::PhantomData;

use super::{
    Kernel, Lanes, Tile, TileMut, Vector,
    reduce::{self, Fold, Max, Sum},
};
use crate::{MAX_RANK, Reduce};

/// Which axes of a row-major tile are reduced, in as few axes as say the same: neighbours are alternately kept and
/// reduced.
#[derive(Debug, Clone, Copy)]
pub struct Reduction {
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
    pub fn new(dims: &[usize], axes: &[u32]) -> Reduction {
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
        let kept = self.axes().iter().filter(|axis| !axis.reduced);
        (self.axes().iter().map(|axis| axis.size).product(), kept.map(|axis| axis.size).product())
    }
}

impl Vector {
    /// Reduces `x` into `out`, which holds the kept axes and must be disjoint from `x`.
    pub fn reduce_axes(self, reduce: Reduce, reduction: &Reduction, x: Tile<'_>, out: TileMut<'_>) {
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
struct Block {
    way: Way,
    rows: usize,
    columns: usize,
}

#[derive(Debug, Clone, Copy)]
enum Way {
    /// `[rows, columns]` over rows: vectors are added to vectors.
    Rows,
    /// `[rows, columns]` over columns.
    Columns,
    /// `[rows, columns, 2]` over rows and pairs: pooling.
    Pairs,
}

impl Block {
    /// The block of the last axes, and how many axes are left.
    fn split(axes: &[Axis]) -> (Block, usize) {
        let block = |way, rows, columns, outer: &[Axis]| (Block { way, rows, columns }, outer.len());
        match *axes {
            [ref outer @ .., Axis { size: rows, reduced: true }, Axis { size: columns, reduced: false }] => {
                block(Way::Rows, rows, columns, outer)
            }
            [ref outer @ .., Axis { size: rows, reduced: true }, Axis { size: columns, .. }, PAIR] => {
                block(Way::Pairs, rows, columns, outer)
            }
            [ref outer @ .., Axis { size: columns, .. }, PAIR] => block(Way::Pairs, 1, columns, outer),
            [ref outer @ .., Axis { size: rows, .. }, Axis { size: columns, .. }] => {
                block(Way::Columns, rows, columns, outer)
            }
            [Axis { size: columns, reduced: true }] => block(Way::Columns, 1, columns, &[]),
            [Axis { size: columns, reduced: false }] => block(Way::Rows, 1, columns, &[]),
            [] => block(Way::Rows, 1, 1, &[]),
        }
    }

    /// Numbers before and after.
    fn elements(self) -> (usize, usize) {
        match self.way {
            Way::Rows => (self.rows * self.columns, self.columns),
            Way::Columns => (self.rows * self.columns, self.rows),
            Way::Pairs => (self.rows * self.columns * 2, self.columns),
        }
    }
}

/// A reduced axis of two.
const PAIR: Axis = Axis { size: 2, reduced: true };

impl<R: Fold> Kernel for Axes<'_, R> {
    type Out = ();

    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let axes = self.reduction.axes();
        let (block, outer) = Block::split(axes);
        let (x, out) = (self.x.as_ptr(), self.out.as_ptr());
        if self.x.is_empty() {
            // Nothing to reduce: 0, as in the reference.
            for place in 0..self.out.len() {
                // SAFETY: inside of the tile.
                unsafe { out.add(place).write(0.0) }
            }
            return;
        }
        let walk = Walk::new(&axes[..outer], block);
        // SAFETY: the tiles' lengths fit the axes.
        unsafe {
            match block.way {
                Way::Rows => each::<L, R, Rows>(l, walk, block, x, out),
                Way::Columns => each::<L, R, Columns>(l, walk, block, x, out),
                Way::Pairs => each::<L, R, Pairs>(l, walk, block, x, out),
            }
        }
    }
}

/// The loops around blocks, compiled for each way to reduce them: with the choice inside, all ways would share
/// registers.
///
/// # Safety
/// The numbers of all blocks can be read, and their results written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn each<L: Lanes, R: Fold, B: Reducer>(l: L, mut walk: Walk, block: Block, x: *const f32, out: *mut f32) {
    let (before, _) = block.elements();
    let mut x = x;
    for _ in 0..walk.runs {
        let mut out = out.wrapping_add(walk.place);
        for index in 0..walk.inner.size {
            let first = walk.first && (index == 0 || !walk.inner.reduced);
            // SAFETY: by contract.
            unsafe { B::reduce::<L, R>(l, x, (block.rows, block.columns), out, first) }
            (x, out) = (x.wrapping_add(before), out.wrapping_add(walk.inner_stride));
        }
        walk.next();
    }
}

/// Where the blocks of the outer axes, in order, leave their results: runs along the innermost of these axes, and where
/// each begins.
struct Walk {
    runs: usize,
    inner: Axis,
    inner_stride: usize,
    /// The axes around that one.
    axes: [Axis; MAX_RANK],
    strides: [usize; MAX_RANK],
    index: [usize; MAX_RANK],
    rank: usize,
    place: usize,
    /// Whether no run before left its results at the same places.
    first: bool,
}

impl Walk {
    fn new(axes: &[Axis], block: Block) -> Walk {
        let (outer, inner) = match *axes {
            [ref outer @ .., inner] => (outer, inner),
            [] => (axes, Axis { size: 1, reduced: false }),
        };
        let (_, inner_stride) = block.elements();
        let mut walk = Walk {
            runs: outer.iter().map(|axis| axis.size).product(),
            inner,
            inner_stride: if inner.reduced { 0 } else { inner_stride },
            axes: [Axis::default(); MAX_RANK],
            strides: [0; MAX_RANK],
            index: [0; MAX_RANK],
            rank: outer.len(),
            place: 0,
            first: true,
        };
        walk.axes[..outer.len()].copy_from_slice(outer);
        let mut stride = if inner.reduced { inner_stride } else { inner_stride * inner.size };
        for (place, axis) in walk.strides.iter_mut().zip(outer).rev() {
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

/// A way to reduce a block.
trait Reducer {
    /// Reduces a block of (rows, columns), with what `out` holds unless this is the first.
    ///
    /// # Safety
    /// As many numbers can be read and written as the block has.
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    unsafe fn reduce<L: Lanes, R: Fold>(l: L, x: *const f32, size: (usize, usize), out: *mut f32, first: bool);
}

struct Rows;

impl Reducer for Rows {
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    unsafe fn reduce<L: Lanes, R: Fold>(
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
}

struct Columns;

impl Reducer for Columns {
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    unsafe fn reduce<L: Lanes, R: Fold>(
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
}

struct Pairs;

impl Reducer for Pairs {
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    unsafe fn reduce<L: Lanes, R: Fold>(
        l: L,
        x: *const f32,
        (rows, columns): (usize, usize),
        out: *mut f32,
        first: bool,
    ) {
        let whole = columns - columns % L::COUNT;
        // SAFETY: the pairs of columns `column ..`, as many as are given or a register has, are inside of each row.
        unsafe {
            for column in (0..whole).step_by(L::COUNT) {
                let mut total = reduce_pairs::<L, R>(l, x.add(2 * column), (rows, columns), L::COUNT);
                if !first {
                    total = R::join(l, l.load(out.add(column)), total);
                }
                l.store(total, out.add(column));
            }
            if whole < columns {
                let count = columns - whole;
                let mut total = reduce_pairs::<L, R>(l, x.add(2 * whole), (rows, columns), count);
                if !first {
                    total = R::join(l, l.load_part(out.add(whole), count), total);
                }
                l.store_part(total, out.add(whole), count);
            }
        }
    }
}

/// Over rows and pairs, for `count` pairs.
///
/// # Safety
/// `2 * count` numbers of each row, `2 * columns` apart, can be read.
#[expect(unsafe_code, reason = "reads tiles")]
#[inline(always)]
unsafe fn reduce_pairs<L: Lanes, R: Fold>(l: L, x: *const f32, (rows, columns): (usize, usize), count: usize) -> L::F {
    // SAFETY: by contract.
    unsafe {
        let (mut a, mut b) = l.load_two(x, 2 * count);
        if R::FIRST_COUNTS {
            let (even, _) = l.split_pairs(a, b);
            let (start, start2) = l.join_pairs(even, even);
            (a, b) = (R::join(l, start, a), R::join(l, start2, b));
        }
        for row in 1..rows {
            let (c, d) = l.load_two(x.add(row * 2 * columns), 2 * count);
            (a, b) = (R::join(l, a, c), R::join(l, b, d));
        }
        let (even, odd) = l.split_pairs(a, b);
        R::join(l, even, odd)
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
