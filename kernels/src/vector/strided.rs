//! Copies of views: permuted, repeated, flipped and sliced numbers into a row.

use super::{Kernel, Lanes, Tile, TileMut, Vector, View, view::Axis};
use crate::MAX_RANK;
use crate::lanes::MOST;

impl Vector {
    /// Writes the elements of a view of `x`, from number `start` on, into `out`, which is disjoint from `x`.
    pub fn copy(self, x: Tile<'_>, view: &View, start: usize, out: TileMut<'_>) {
        assert!(view.within(x.len()), "a view reaches outside of its tile");
        assert!(start + out.len() <= view.elements(), "a copy of more elements than a view has");
        self.call(Copy { x, view, start, out });
    }
}

struct Copy<'a> {
    x: Tile<'a>,
    view: &'a View,
    start: usize,
    out: TileMut<'a>,
}

impl Kernel for Copy<'_> {
    type Out = ();

    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let (len, mut done) = (self.out.len(), 0);
        if len == 0 {
            return;
        }
        let mut place = Place::new(self.view, self.start);
        while done < len {
            let block = place.block(len - done);
            // SAFETY: the view is inside of `x`, and the block's are elements `done ..` of it, no more than `out` has.
            unsafe { copy_block(l, self.x.as_ptr().offset(place.offset), &block, self.out.as_ptr().add(done)) }
            done += block.elements();
            place.advance(&block);
        }
    }
}

/// Elements that are copied in one go: nested loops over the innermost axes.
#[derive(Debug, Clone, Copy)]
struct Block {
    /// The axis of which only a part may be in the block, and how much of it. Axes inside of it are whole.
    axis: usize,
    count: usize,
    /// Loops around the columns, outermost first.
    loops: [Axis; 3],
    columns: Axis,
}

impl Block {
    fn elements(&self) -> usize {
        self.loops.iter().map(|axis| axis.size).product::<usize>() * self.columns.size
    }
}

/// A place in a view.
struct Place<'a> {
    axes: &'a [Axis],
    index: [usize; MAX_RANK],
    offset: isize,
}

impl<'a> Place<'a> {
    fn new(view: &'a View, element: usize) -> Place<'a> {
        let mut place = Place { axes: view.axes(), index: [0; MAX_RANK], offset: view.offset };
        let mut rest = element;
        for (number, axis) in view.axes().iter().enumerate().rev() {
            place.step(number, rest % axis.size);
            rest /= axis.size;
        }
        place
    }

    /// The next elements, at most `most`, that nested loops reach.
    fn block(&self, most: usize) -> Block {
        let mut axis = self.axes.len() - 1;
        let mut part = Axis { size: self.left(axis).min(most), ..self.axes[axis] };
        let mut block = Block { axis, count: part.size, loops: [Axis { size: 1, stride: 0 }; 3], columns: part };
        let mut elements = part.size;
        for slot in (0..3).rev() {
            // A loop around whole axes only.
            if axis == 0 || part.size != self.axes[axis].size || most < 2 * elements {
                break;
            }
            axis -= 1;
            part = Axis { size: self.left(axis).min(most / elements), ..self.axes[axis] };
            block.loops[slot] = part;
            (block.axis, block.count) = (axis, part.size);
            elements *= part.size;
        }
        block
    }

    fn left(&self, axis: usize) -> usize {
        self.axes[axis].size - self.index[axis]
    }

    /// Behind this block, which begins here.
    fn advance(&mut self, block: &Block) {
        let mut axis = block.axis;
        self.step(axis, block.count);
        while axis > 0 && self.index[axis] == self.axes[axis].size {
            self.offset -= self.index[axis] as isize * self.axes[axis].stride;
            self.index[axis] = 0;
            axis -= 1;
            self.step(axis, 1);
        }
    }

    fn step(&mut self, axis: usize, by: usize) {
        self.index[axis] += by;
        self.offset += by as isize * self.axes[axis].stride;
    }
}

/// Copies a block that begins at `x`.
///
/// # Safety
/// The block can be read, and as many numbers written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn copy_block<L: Lanes>(l: L, x: *const f32, block: &Block, out: *mut f32) {
    let rows = block.loops[2];
    // SAFETY: by contract.
    unsafe {
        match (rows.stride, block.columns.size, block.columns.stride) {
            (1, 2, 0) => nest::<L, Double>(l, x, block, out),
            (_, _, 0) => nest::<L, Fill>(l, x, block, out),
            (_, _, 1) => nest::<L, Run>(l, x, block, out),
            (_, _, 2) => nest::<L, EverySecond>(l, x, block, out),
            (1, _, _) if rows.size >= 4 => nest::<L, Transpose>(l, x, block, out),
            _ => nest::<L, Gather>(l, x, block, out),
        }
    }
}

/// The loops around rows, compiled for each way to copy them: with the choice inside, all ways would share registers.
///
/// # Safety
/// As of [`copy_block`].
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn nest<L: Lanes, R: Rows>(l: L, x: *const f32, block: &Block, out: *mut f32) {
    let [outer, middle, rows] = block.loops;
    let mut to = out;
    for i in 0..outer.size {
        for j in 0..middle.size {
            // SAFETY: inside of the block.
            unsafe {
                let x = x.offset(i as isize * outer.stride + j as isize * middle.stride);
                R::copy(l, x, rows, block.columns, to);
                to = to.add(rows.size * block.columns.size);
            }
        }
    }
}

/// A way to copy rows.
trait Rows {
    /// Copies rows that begin at `x`.
    ///
    /// # Safety
    /// The rows can be read, and as many numbers written.
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    unsafe fn copy<L: Lanes>(l: L, x: *const f32, rows: Axis, columns: Axis, out: *mut f32);
}

/// Defines a way to copy rows one by one.
macro_rules! each_row {
    ($(#[$doc:meta])* $name:ident, $l:ident, $x:ident, $columns:ident, $out:ident => $copy:expr) => {
        $(#[$doc])*
        struct $name;

        impl Rows for $name {
            #[expect(unsafe_code, reason = "reads and writes tiles")]
            #[inline(always)]
            unsafe fn copy<L: Lanes>($l: L, x: *const f32, rows: Axis, $columns: Axis, out: *mut f32) {
                for row in 0..rows.size {
                    // SAFETY: inside of the rows.
                    unsafe {
                        let ($x, $out) = (x.offset(row as isize * rows.stride), out.add(row * $columns.size));
                        $copy;
                    }
                }
            }
        }
    };
}

each_row!(
    /// One number again and again.
    Fill, l, x, columns, out => fill(l, x.read(), columns.size, out)
);
each_row!(
    /// Neighbours.
    Run, l, x, columns, out => copy_run(l, x, columns.size, out)
);
each_row!(
    /// Every second number.
    EverySecond, l, x, columns, out => every_second(l, x, columns.size, out)
);
each_row!(
    /// Numbers at any distance.
    Gather, _l, x, columns, out => gather(x, columns.stride, columns.size, out)
);

/// Neighbours, each twice, as if rows of two equal numbers: the derivative of pooling.
struct Double;

impl Rows for Double {
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    unsafe fn copy<L: Lanes>(l: L, x: *const f32, rows: Axis, _: Axis, out: *mut f32) {
        // SAFETY: by contract.
        unsafe { double(l, x, rows.size, out) }
    }
}

/// Rows that are neighbours, of columns that are apart: read along the rows, a register at a time, so that each cache
/// line that is read or written is used in full.
struct Transpose;

impl Rows for Transpose {
    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    unsafe fn copy<L: Lanes>(l: L, x: *const f32, rows: Axis, columns: Axis, out: *mut f32) {
        let whole = columns.size - columns.size % 4;
        for row in (0..rows.size).step_by(L::COUNT) {
            let now = (rows.size - row).min(L::COUNT);
            // SAFETY: `now` rows of the view and of the output.
            unsafe {
                let (x, out) = (x.add(row), out.add(row * columns.size));
                for column in (0..whole).step_by(4) {
                    let x = x.offset(column as isize * columns.stride);
                    transpose_four(l, x, columns.stride, now, out.add(column), columns.size);
                }
                for column in whole..columns.size {
                    for place in 0..now {
                        let from = place as isize + column as isize * columns.stride;
                        out.add(place * columns.size + column).write(x.offset(from).read());
                    }
                }
            }
        }
    }
}

/// # Safety
/// `count` numbers can be written.
#[expect(unsafe_code, reason = "writes tiles")]
#[inline(always)]
unsafe fn fill<L: Lanes>(l: L, x: f32, count: usize, out: *mut f32) {
    let (x, whole) = (l.splat(x), count - count % L::COUNT);
    // SAFETY: no more than `count`.
    unsafe {
        for done in (0..whole).step_by(L::COUNT) {
            l.store(x, out.add(done));
        }
        if whole < count {
            l.store_part(x, out.add(whole), count - whole);
        }
    }
}

/// # Safety
/// `count` numbers can be read and written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn copy_run<L: Lanes>(l: L, x: *const f32, count: usize, out: *mut f32) {
    let whole = count - count % L::COUNT;
    // SAFETY: no more than `count`.
    unsafe {
        for done in (0..whole).step_by(L::COUNT) {
            l.store(l.load(x.add(done)), out.add(done));
        }
        if whole < count {
            l.store_part(l.load_part(x.add(whole), count - whole), out.add(whole), count - whole);
        }
    }
}

/// # Safety
/// `2 count - 1` numbers can be read and `count` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn every_second<L: Lanes>(l: L, x: *const f32, count: usize, out: *mut f32) {
    // The last number that is read is the last that is wanted, so the last register is never whole.
    let whole = count.saturating_sub(1) / L::COUNT * L::COUNT;
    // SAFETY: by contract.
    unsafe {
        for done in (0..whole).step_by(L::COUNT) {
            let x = x.add(2 * done);
            l.store(l.split_pairs(l.load(x), l.load(x.add(L::COUNT))).0, out.add(done));
        }
        let (a, b) = l.load_two(x.add(2 * whole), 2 * (count - whole) - 1);
        l.store_some(l.split_pairs(a, b).0, out.add(whole), count - whole);
    }
}

/// # Safety
/// `count` numbers can be read and `2 count` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn double<L: Lanes>(l: L, x: *const f32, count: usize, out: *mut f32) {
    let whole = count - count % L::COUNT;
    // SAFETY: no more than `count` are read, and twice as many written.
    unsafe {
        for done in (0..whole).step_by(L::COUNT) {
            let x = l.load(x.add(done));
            let (a, b) = l.join_pairs(x, x);
            l.store(a, out.add(2 * done));
            l.store(b, out.add(2 * done + L::COUNT));
        }
        if whole < count {
            let x = l.load_part(x.add(whole), count - whole);
            let (a, b) = l.join_pairs(x, x);
            l.store_two(a, b, out.add(2 * whole), 2 * (count - whole));
        }
    }
}

/// # Safety
/// `count` numbers, `stride` apart, can be read, and as many written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn gather(x: *const f32, stride: isize, count: usize, out: *mut f32) {
    for place in 0..count {
        // SAFETY: by contract.
        unsafe { out.add(place).write(x.offset(place as isize * stride).read()) }
    }
}

/// Four numbers of each of up to a register of rows: `stride` apart in `x`, where rows are neighbours, and neighbours
/// in `out`, where rows are `width` apart.
///
/// # Safety
/// They can be read and written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn transpose_four<L: Lanes>(l: L, x: *const f32, stride: isize, rows: usize, out: *mut f32, width: usize) {
    let mut square = [l.splat(0.0); 4];
    // SAFETY: by contract.
    unsafe {
        for (turn, lanes) in square.iter_mut().enumerate() {
            *lanes = l.load_some(x.offset(turn as isize * stride), rows);
        }
        let square = l.transpose4(square);
        if rows == L::COUNT {
            for (turn, &lanes) in square.iter().enumerate() {
                l.store_fours(lanes, out.add(turn * width), 4 * width);
            }
            return;
        }
        let mut fours = [[[0.0f32; 4]; MOST / 4]; 4];
        for (fours, &lanes) in fours.iter_mut().zip(&square) {
            l.store(lanes, fours.as_mut_ptr().cast());
        }
        for row in 0..rows {
            out.add(row * width).cast::<[f32; 4]>().write_unaligned(fours[row % 4][row / 4]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};

    fn expected(x: &[f32], offset: isize, axes: &[(usize, isize)]) -> Vec<f32> {
        let elements: usize = axes.iter().map(|axis| axis.0).product();
        let place = |element: usize| {
            let (mut rest, mut place) = (element, offset);
            for &(size, stride) in axes.iter().rev() {
                place += (rest % size) as isize * stride;
                rest /= size;
            }
            place as usize
        };
        (0..elements).map(|element| x[place(element)]).collect()
    }

    #[test]
    fn any_view_from_any_start() {
        let views: [(isize, &[(usize, isize)]); 16] = [
            (0, &[]),
            (5, &[(40, 1)]),
            (5, &[(37, 0)]),
            (1, &[(37, 2)]),
            (3, &[(37, 3)]),
            (99, &[(100, -1)]),
            (0, &[(5, 14), (2, 0), (14, 1), (2, 0)]),
            (0, &[(3, 40), (2, 0), (40, 1), (2, 0)]),
            (0, &[(3, 0), (7, 1), (4, 0)]),
            (2, &[(9, 30), (17, 1)]),
            (0, &[(33, 1), (21, 33)]),
            (0, &[(3, 1), (21, 3)]),
            (0, &[(2, 400), (19, 1), (20, 20)]),
            (0, &[(5, 1), (6, 5), (7, 30)]),
            (399, &[(4, -100), (10, -10), (5, -2)]),
            (0, &[(3, 5), (0, 1)]),
        ];
        let x = values(1000, 4);
        for vector in vectors() {
            for (offset, axes) in views {
                let (view, expected) = (View::new(offset, axes.iter().copied()), expected(&x, offset, axes));
                for (start, end) in [(0, 0), (0, 1), (1, 0), (3, 2), (20, 5), (29, 11)] {
                    if start + end > expected.len() {
                        continue;
                    }
                    let wanted = &expected[start..expected.len() - end];
                    let mut out = vec![f32::NAN; wanted.len()];
                    vector.copy(Tile::new(&x), &view, start, TileMut::new(&mut out));
                    assert_eq!(out, wanted, "{vector:?} {offset} {axes:?} from {start}");
                }
            }
        }
    }

    #[test]
    #[should_panic(expected = "outside of its tile")]
    fn views_stay_inside() {
        let (x, mut out) = ([0.0; 9], [0.0; 10]);
        Vector::new(super::super::Isa::Baseline).copy(
            Tile::new(&x),
            &View::new(0, [(10, 1)]),
            0,
            TileMut::new(&mut out),
        );
    }
}
