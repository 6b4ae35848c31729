//! Sums, maxima and dot products of runs of numbers. The order of summation depends on lengths alone.

use super::{Kernel, Lanes, Tile, TileMut, Vector};
use crate::lanes::MOST;
use crate::{Binary, Reduce};

impl Vector {
    /// The sum of products of each row; there are as many rows as numbers in `out`, which is disjoint from both tiles.
    pub fn dot(self, a: Tile<'_>, b: Tile<'_>, out: TileMut<'_>) {
        assert_eq!(a.len(), b.len(), "a dot product of tiles of different lengths");
        assert!(a.len().is_multiple_of(out.len()), "rows of different lengths");
        self.call(Dot { a, b, out });
    }

    /// Reduces `x` into `total`, element by element.
    pub fn accumulate(self, reduce: Reduce, total: TileMut<'_>, x: Tile<'_>) {
        match reduce {
            Reduce::Sum => self.binary(Binary::Add, total.into(), x.into(), total),
            // In this order, what is not a number stays if it came first, as in the reference.
            Reduce::Max => self.binary(Binary::Max, x.into(), total.into(), total),
        }
    }
}

/// One of the reductions.
pub(super) trait Fold {
    /// Whether what is not a number makes a difference by coming first.
    const FIRST_COUNTS: bool;
    /// What further totals begin with beside one that begins with these first numbers.
    fn start<L: Lanes>(l: L, first: L::F) -> L::F;
    /// `total` and one more value.
    fn join<L: Lanes>(l: L, total: L::F, value: L::F) -> L::F;
    /// The same of two numbers.
    fn join_numbers(total: f32, value: f32) -> f32;
    /// All lanes together.
    fn lanes<L: Lanes>(l: L, totals: L::F) -> f32;
}

pub(super) struct Sum;

impl Fold for Sum {
    const FIRST_COUNTS: bool = false;

    #[inline(always)]
    fn start<L: Lanes>(l: L, _: L::F) -> L::F {
        l.splat(0.0)
    }

    #[inline(always)]
    fn join<L: Lanes>(l: L, total: L::F, value: L::F) -> L::F {
        l.add(total, value)
    }

    #[inline(always)]
    fn join_numbers(total: f32, value: f32) -> f32 {
        total + value
    }

    #[inline(always)]
    fn lanes<L: Lanes>(l: L, totals: L::F) -> f32 {
        l.sum(totals)
    }
}

pub(super) struct Max;

impl Fold for Max {
    const FIRST_COUNTS: bool = true;

    /// The reference keeps what is not a number if it comes first, and skips it elsewhere: so do totals that all begin
    /// with the first number.
    #[inline(always)]
    fn start<L: Lanes>(_: L, first: L::F) -> L::F {
        first
    }

    #[inline(always)]
    fn join<L: Lanes>(l: L, total: L::F, value: L::F) -> L::F {
        l.max(value, total)
    }

    #[inline(always)]
    fn join_numbers(total: f32, value: f32) -> f32 {
        if value > total { value } else { total }
    }

    #[inline(always)]
    fn lanes<L: Lanes>(l: L, totals: L::F) -> f32 {
        l.largest(totals)
    }
}

/// Reduces `len` numbers; 0 if there are none.
///
/// # Safety
/// They can be read.
#[expect(unsafe_code, reason = "reads tiles")]
#[inline(always)]
pub(super) unsafe fn run<L: Lanes, R: Fold>(l: L, x: *const f32, len: usize) -> f32 {
    if len == 0 {
        return 0.0;
    }
    // SAFETY: every read is inside of the first `len` numbers.
    unsafe {
        let start = R::start(l, l.splat(x.read()));
        let mut totals = [start; 4];
        let mut done = 0;
        while done + 4 * L::COUNT <= len {
            for (turn, total) in totals.iter_mut().enumerate() {
                *total = R::join(l, *total, l.load(x.add(done + turn * L::COUNT)));
            }
            done += 4 * L::COUNT;
        }
        while done + L::COUNT <= len {
            totals[0] = R::join(l, totals[0], l.load(x.add(done)));
            done += L::COUNT;
        }
        if done < len {
            let rest = l.select(first(l, len - done), l.load_part(x.add(done), len - done), start);
            totals[1] = R::join(l, totals[1], rest);
        }
        let [a, b, c, d] = totals;
        R::lanes(l, R::join(l, R::join(l, a, b), R::join(l, c, d)))
    }
}

/// The first `count` lanes.
#[inline(always)]
fn first<L: Lanes>(l: L, count: usize) -> L::M {
    const PLACES: [u32; MOST] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15];
    l.negative(l.minus(l.words(&PLACES), l.word(count as u32)))
}

struct Dot<'a> {
    a: Tile<'a>,
    b: Tile<'a>,
    out: TileMut<'a>,
}

impl Kernel for Dot<'_> {
    type Out = ();

    #[expect(unsafe_code, reason = "reads and writes tiles")]
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let (rows, out) = (self.out.len(), self.out.as_ptr());
        let len = self.a.len() / rows.max(1);
        for row in 0..rows {
            let (a, b) = (self.a.as_ptr().wrapping_add(row * len), self.b.as_ptr().wrapping_add(row * len));
            // SAFETY: the tiles hold the rows, and the output a number for each.
            unsafe { out.add(row).write(dot(l, a, b, len)) }
        }
    }
}

/// The sum of products of `len` numbers.
///
/// # Safety
/// They can be read.
#[expect(unsafe_code, reason = "reads tiles")]
#[inline(always)]
unsafe fn dot<L: Lanes>(l: L, a: *const f32, b: *const f32, len: usize) -> f32 {
    let mut totals = [l.splat(0.0); 4];
    let mut done = 0;
    // SAFETY: every read is inside of the first `len` numbers.
    unsafe {
        while done + 4 * L::COUNT <= len {
            for (turn, total) in totals.iter_mut().enumerate() {
                let place = done + turn * L::COUNT;
                *total = l.mul_add(l.load(a.add(place)), l.load(b.add(place)), *total);
            }
            done += 4 * L::COUNT;
        }
        while done + L::COUNT <= len {
            totals[0] = l.mul_add(l.load(a.add(done)), l.load(b.add(done)), totals[0]);
            done += L::COUNT;
        }
        if done < len {
            let rest = len - done;
            totals[1] = l.mul_add(l.load_part(a.add(done), rest), l.load_part(b.add(done), rest), totals[1]);
        }
    }
    l.sum(l.add(l.add(totals[0], totals[1]), l.add(totals[2], totals[3])))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::vector::Reduction;

    /// Of a whole tile.
    fn reduce(vector: Vector, reduce: Reduce, x: Tile<'_>) -> f32 {
        let mut out = [0.0];
        vector.reduce_axes(reduce, &Reduction::new(&[x.len()], &[0]), x, TileMut::new(&mut out));
        out[0]
    }

    /// The sum of all products.
    fn product(vector: Vector, a: Tile<'_>, b: Tile<'_>) -> f32 {
        let mut out = [f32::NAN];
        vector.dot(a, b, TileMut::new(&mut out));
        out[0]
    }

    #[test]
    fn products_of_rows() {
        for vector in vectors() {
            let (a, b) = (values(3 * 35, 1), values(3 * 35, 2));
            let mut out = [f32::NAN; 3];
            vector.dot(Tile::new(&a), Tile::new(&b), TileMut::new(&mut out));
            for (row, got) in out.into_iter().enumerate() {
                let part = |x| Tile::new(x).part(row * 35, 35);
                assert_eq!(got, product(vector, part(&a), part(&b)), "{vector:?} {row}");
            }
        }
    }

    #[test]
    fn reductions_of_any_length() {
        for vector in vectors() {
            for len in lengths() {
                let (a, b) = (values(len, 1), values(len, 2));
                let (x, y) = (Tile::new(&a), Tile::new(&b));
                let sizes: f64 = a.iter().map(|x| f64::from(x.abs())).sum();
                let sum: f64 = a.iter().map(|&x| f64::from(x)).sum();
                assert!((f64::from(reduce(vector, Reduce::Sum, x)) - sum).abs() <= 1e-6 * sizes, "{vector:?} {len}");
                let max = a.iter().copied().reduce(f32::max).unwrap_or(0.0);
                assert_eq!(reduce(vector, Reduce::Max, x), max, "{vector:?} {len}");
                let dot: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
                assert!((f64::from(product(vector, x, y)) - dot).abs() <= 4e-6 * sizes, "{vector:?} {len}");
            }
        }
    }

    #[test]
    fn maxima_keep_a_first_nan_and_skip_others() {
        for vector in vectors() {
            for len in lengths().filter(|&len| len > 1) {
                for place in [1, len / 2, len - 1] {
                    let mut x = vec![-1.0; len];
                    x[place] = f32::NAN;
                    assert_eq!(reduce(vector, Reduce::Max, Tile::new(&x)), -1.0, "{vector:?} {len} {place}");
                }
                let mut x = vec![-1.0; len];
                x[0] = f32::NAN;
                assert!(reduce(vector, Reduce::Max, Tile::new(&x)).is_nan(), "{vector:?} {len}");
                // Nothing but the tile counts.
                assert_eq!(reduce(vector, Reduce::Max, Tile::new(&vec![f32::NEG_INFINITY; len])), f32::NEG_INFINITY);
            }
        }
    }

    #[test]
    fn totals_of_each_element() {
        for vector in vectors() {
            let (mut total, x) = ([1.0, f32::NAN, 3.0, 4.0], [2.0, 2.0, f32::NAN, 1.0]);
            vector.accumulate(Reduce::Max, TileMut::new(&mut total), Tile::new(&x));
            assert!(total[1].is_nan() && [total[0], total[2], total[3]] == [2.0, 3.0, 4.0], "{vector:?}");
            let mut total = [1.0, 2.0, 3.0];
            vector.accumulate(Reduce::Sum, TileMut::new(&mut total), Tile::new(&x[..2].repeat(2)[..3]));
            assert_eq!(total, [3.0, 4.0, 5.0]);
        }
    }
}
