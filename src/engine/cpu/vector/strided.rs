//! Copies of views: permuted, repeated, flipped and sliced numbers into a row.

use super::{Kernel, Lanes, Tile, TileMut, Vector, View, lanes::MOST, view::Axis};
use crate::shape::MAX_RANK;

impl Vector {
    /// Writes the elements of a view of `x`, from number `start` on, into `out`, which is disjoint from `x`.
    pub(in super::super) fn copy(self, x: Tile<'_>, view: &View, start: usize, out: TileMut<'_>) {
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
            let rows = place.rows(len - done);
            // SAFETY: the view is inside of `x`, and `rows` are elements `done ..` of it, no more than `out` has.
            unsafe { copy_rows(l, self.x.as_ptr().offset(place.offset), rows, self.out.as_ptr().add(done)) }
            done += rows.count * rows.columns;
            place.advance(rows);
        }
    }
}

/// Rows of equal length, at equal distances.
#[derive(Debug, Clone, Copy)]
struct Rows {
    count: usize,
    stride: isize,
    columns: usize,
    column_stride: isize,
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

    /// The next elements that can be copied in one go, at most `most`: whole rows, or a part of one.
    fn rows(&self, most: usize) -> Rows {
        let last = self.axes.len() - 1;
        let inner = self.axes[last];
        let left = inner.size - self.index[last];
        let one = Rows { count: 1, stride: 0, columns: left.min(most), column_stride: inner.stride };
        if last == 0 || self.index[last] != 0 || most < inner.size {
            return one;
        }
        let outer = self.axes[last - 1];
        Rows { count: (outer.size - self.index[last - 1]).min(most / inner.size), stride: outer.stride, ..one }
    }

    /// Behind these rows, which begin here.
    fn advance(&mut self, rows: Rows) {
        let mut axis = self.axes.len() - 1;
        self.step(axis, rows.columns);
        if axis > 0 && self.index[axis] == self.axes[axis].size {
            self.step(axis - 1, rows.count - 1);
        }
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

/// Copies rows that begin at `x`.
///
/// # Safety
/// The rows can be read, and as many numbers written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn copy_rows<L: Lanes>(l: L, x: *const f32, rows: Rows, out: *mut f32) {
    // SAFETY: each function is given what it asks for.
    unsafe {
        match (rows.stride, rows.columns, rows.column_stride) {
            (1, 2, 0) => return double(l, x, rows.count, out),
            (_, _, 0..=2) => {}
            (1, _, _) if rows.count >= 4 => return transpose(l, x, rows, out),
            _ => {}
        }
        for row in 0..rows.count {
            let (x, out) = (x.offset(row as isize * rows.stride), out.add(row * rows.columns));
            match rows.column_stride {
                0 => fill(l, x.read(), rows.columns, out),
                1 => copy_run(l, x, rows.columns, out),
                2 => every_second(l, x, rows.columns, out),
                stride => gather(x, stride, rows.columns, out),
            }
        }
    }
}

/// # Safety
/// `count` numbers can be written.
#[expect(unsafe_code, reason = "writes tiles")]
#[inline(always)]
unsafe fn fill<L: Lanes>(l: L, x: f32, count: usize, out: *mut f32) {
    let x = l.splat(x);
    for done in (0..count).step_by(L::COUNT) {
        // SAFETY: no more than are left.
        unsafe { l.store_some(x, out.add(done), (count - done).min(L::COUNT)) }
    }
}

/// # Safety
/// `count` numbers can be read and written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn copy_run<L: Lanes>(l: L, x: *const f32, count: usize, out: *mut f32) {
    for done in (0..count).step_by(L::COUNT) {
        let now = (count - done).min(L::COUNT);
        // SAFETY: no more than are left.
        unsafe { l.store_some(l.load_some(x.add(done), now), out.add(done), now) }
    }
}

/// # Safety
/// `2 count - 1` numbers can be read and `count` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn every_second<L: Lanes>(l: L, x: *const f32, count: usize, out: *mut f32) {
    for done in (0..count).step_by(L::COUNT) {
        let now = (count - done).min(L::COUNT);
        // SAFETY: the last number that is read is the last that is wanted.
        unsafe {
            let (a, b) = l.load_two(x.add(2 * done), 2 * now - 1);
            l.store_some(l.split_pairs(a, b).0, out.add(done), now);
        }
    }
}

/// Every number twice: the derivative of pooling.
///
/// # Safety
/// `count` numbers can be read and `2 count` written.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn double<L: Lanes>(l: L, x: *const f32, count: usize, out: *mut f32) {
    for done in (0..count).step_by(L::COUNT) {
        let now = (count - done).min(L::COUNT);
        // SAFETY: no more than are left.
        unsafe {
            let x = l.load_some(x.add(done), now);
            let (a, b) = l.join_pairs(x, x);
            l.store_some(a, out.add(2 * done), (2 * now).min(L::COUNT));
            if 2 * now > L::COUNT {
                l.store_some(b, out.add(2 * done + L::COUNT), 2 * now - L::COUNT);
            }
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

/// Rows that are neighbours, of columns that are apart: read along the rows, a register at a time, so that each cache
/// line that is read or written is used in full.
///
/// # Safety
/// As of [`copy_rows`].
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
unsafe fn transpose<L: Lanes>(l: L, x: *const f32, rows: Rows, out: *mut f32) {
    let whole = rows.columns - rows.columns % 4;
    for row in (0..rows.count).step_by(L::COUNT) {
        let now = (rows.count - row).min(L::COUNT);
        for column in (0..whole).step_by(4) {
            let mut square = [l.splat(0.0); 4];
            let mut groups = [[0.0f32; MOST]; 4];
            // SAFETY: `now` rows and four columns are inside of the view and of the output.
            unsafe {
                for (turn, lanes) in square.iter_mut().enumerate() {
                    let stride = (column + turn) as isize * rows.column_stride;
                    *lanes = l.load_some(x.offset(row as isize + stride), now);
                }
                for (group, lanes) in groups.iter_mut().zip(l.transpose4(square)) {
                    l.store(lanes, group.as_mut_ptr());
                }
                for place in 0..now {
                    let four = groups[place % 4].as_ptr().add(place - place % 4).cast::<[f32; 4]>();
                    out.add((row + place) * rows.columns + column)
                        .cast::<[f32; 4]>()
                        .write_unaligned(four.read_unaligned());
                }
            }
        }
        for column in whole..rows.columns {
            for place in row..row + now {
                let from = place as isize + column as isize * rows.column_stride;
                // SAFETY: as above.
                unsafe { out.add(place * rows.columns + column).write(x.offset(from).read()) }
            }
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
