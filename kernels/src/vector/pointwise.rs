//! Element-wise functions of tiles and numbers.

use std::marker::PhantomData;

use super::{Kernel, Lanes, Operand, TileMut, Vector, functions};
use crate::lanes::MOST;
use crate::{Binary, Compare, Unary};

impl Vector {
    /// `out = function(x)`.
    pub fn unary(self, function: Unary, x: Operand<'_>, out: TileMut<'_>) {
        let mut runs = Runs::new(&[x], out.len());
        match function {
            Unary::Neg => self.map::<Neg, _>(&mut runs, out),
            Unary::Exp => self.map::<Exp, _>(&mut runs, out),
            Unary::Log => self.map::<Log, _>(&mut runs, out),
            Unary::Sin => self.map::<Sin, _>(&mut runs, out),
            Unary::Cos => self.map::<Cos, _>(&mut runs, out),
            Unary::Sqrt => self.map::<Sqrt, _>(&mut runs, out),
            Unary::Tanh => self.map::<Tanh, _>(&mut runs, out),
            Unary::Recip => self.map::<Recip, _>(&mut runs, out),
            Unary::Floor => self.map::<Floor, _>(&mut runs, out),
        }
    }

    /// `out = function(a, b)`.
    pub fn binary(self, function: Binary, a: Operand<'_>, b: Operand<'_>, out: TileMut<'_>) {
        let mut runs = Runs::new(&[a, b], out.len());
        match function {
            Binary::Add => self.map::<Add, _>(&mut runs, out),
            Binary::Sub => self.map::<Sub, _>(&mut runs, out),
            Binary::Mul => self.map::<Mul, _>(&mut runs, out),
            Binary::Div => self.map::<Div, _>(&mut runs, out),
            Binary::Max => self.map::<Max, _>(&mut runs, out),
        }
    }

    /// `out = 1` where the comparison holds, else 0.
    pub fn compare(self, compare: Compare, a: Operand<'_>, b: Operand<'_>, out: TileMut<'_>) {
        let mut runs = Runs::new(&[a, b], out.len());
        match compare {
            Compare::Gt => self.map::<Gt, _>(&mut runs, out),
            Compare::Ge => self.map::<Ge, _>(&mut runs, out),
            Compare::Eq => self.map::<Eq, _>(&mut runs, out),
        }
    }

    /// `out = a` where `mask` is not 0, else `b`.
    pub fn select(self, mask: Operand<'_>, a: Operand<'_>, b: Operand<'_>, out: TileMut<'_>) {
        self.map::<Select, _>(&mut Runs::new(&[mask, a, b], out.len()), out);
    }

    /// `out = a * b + c`, rounded once where the instructions can.
    pub fn mul_add(self, a: Operand<'_>, b: Operand<'_>, c: Operand<'_>, out: TileMut<'_>) {
        self.map::<MulAdd, _>(&mut Runs::new(&[a, b, c], out.len()), out);
    }

    /// `out = x` where `gate > 0`, else 0: the derivative of relu times x; relu itself with `gate = x`.
    pub fn gated(self, gate: Operand<'_>, x: Operand<'_>, out: TileMut<'_>) {
        self.map::<Gated, _>(&mut Runs::new(&[gate, x], out.len()), out);
    }

    fn map<F: Function<N>, const N: usize>(self, runs: &mut Runs, out: TileMut<'_>) {
        self.call(Map { function: PhantomData::<F>, runs, out });
    }
}

/// A function of N registers.
trait Function<const N: usize> {
    fn of<L: Lanes>(l: L, x: [L::F; N]) -> L::F;
}

/// One element-wise function on a tile.
struct Map<'a, F, const N: usize> {
    function: PhantomData<F>,
    runs: &'a mut Runs,
    out: TileMut<'a>,
}

/// Registers that a turn of the loop works on.
const UNROLLED: usize = 4;

/// Numbers that a turn works on, at most.
const BLOCK: usize = UNROLLED * MOST;

/// Operands of the function that has most.
const MOST_OPERANDS: usize = 3;

/// The operands of a function, run after run of elements for which none changes the number that it repeats. Apart from
/// the functions, since what stands in each of them is many times there.
struct Runs {
    sources: [Source; MOST_OPERANDS],
    /// A number that repeats becomes a block of it that is read again and again, so that no loop is compiled twice.
    blocks: [[f32; BLOCK]; MOST_OPERANDS],
    /// Elements of a run.
    len: usize,
}

/// Where the numbers of an operand come from. They live as long as the call.
#[derive(Clone, Copy)]
enum Source {
    /// As many as the output's.
    Tile(*const f32),
    /// The next one, which counts `times` times, from element `from` on.
    Repeated { next: *const f32, times: usize, from: usize },
    /// One for all.
    One(f32),
}

/// The place of an operand's numbers, and by how many it moves an element (0 or 1).
type Place = (*const f32, usize);

impl Runs {
    /// For an output of `len`.
    #[inline(never)]
    fn new(operands: &[Operand<'_>], len: usize) -> Runs {
        let mut runs = Runs { sources: [Source::One(0.0); MOST_OPERANDS], blocks: [[0.0; BLOCK]; MOST_OPERANDS], len };
        for (source, operand) in runs.sources.iter_mut().zip(operands) {
            let count;
            (*source, count) = match *operand {
                Operand::Tile(tile) => (Source::Tile(tile.as_ptr()), tile.len()),
                Operand::Repeated(tile, times) => {
                    runs.len = common_divisor(runs.len, times);
                    (Source::Repeated { next: tile.as_ptr(), times, from: 0 }, tile.len() * times)
                }
                Operand::One(value) => (Source::One(value), len),
            };
            assert_eq!(count, len, "an operand of another length than the output");
        }
        runs
    }

    /// Where the numbers for the run from element `start` on are, in blocks of `count`.
    #[expect(unsafe_code, reason = "reads tiles")]
    #[inline(never)]
    fn follow(&mut self, count: usize, start: usize, places: &mut [Place]) {
        for ((place, source), block) in places.iter_mut().zip(&mut self.sources).zip(&mut self.blocks) {
            *place = (block.as_ptr(), 0);
            match source {
                Source::Tile(first) => *place = (first.wrapping_add(start), 1),
                Source::Repeated { next, times, from } if *from == start => {
                    // SAFETY: there is a number for every so many elements.
                    block[..count].fill(unsafe { next.read() });
                    (*next, *from) = (next.wrapping_add(1), start + *times);
                }
                Source::One(value) if start == 0 => block[..count].fill(*value),
                Source::Repeated { .. } | Source::One(_) => {}
            }
        }
    }
}

impl<F: Function<N>, const N: usize> Kernel for Map<'_, F, N> {
    type Out = ();

    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let (mut start, mut places) = (0, [(std::ptr::null(), 0); N]);
        while start < self.out.len() {
            self.runs.follow(UNROLLED * L::COUNT, start, &mut places);
            loops::<L, F, N>(l, places, self.runs.len, self.out.as_ptr().wrapping_add(start));
            start += self.runs.len;
        }
    }
}

fn common_divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { common_divisor(b, a % b) }
}

/// Applies a function to `len` numbers of each source.
#[expect(unsafe_code, reason = "reads and writes tiles")]
#[inline(always)]
fn loops<L: Lanes, F: Function<N>, const N: usize>(l: L, sources: [Place; N], len: usize, out: *mut f32) {
    let mut done = 0;
    while done + UNROLLED * L::COUNT <= len {
        for turn in 0..UNROLLED {
            // SAFETY: within the first `len` numbers of tiles, or within a block.
            unsafe {
                let mut x = [l.splat(0.0); N];
                for (x, (start, step)) in x.iter_mut().zip(sources) {
                    *x = l.load(start.add(done * step + turn * L::COUNT));
                }
                l.store(F::of(l, x), out.add(done + turn * L::COUNT));
            }
        }
        done += UNROLLED * L::COUNT;
    }
    while done + L::COUNT <= len {
        // SAFETY: as above.
        unsafe {
            let mut x = [l.splat(0.0); N];
            for (x, (start, step)) in x.iter_mut().zip(sources) {
                *x = l.load(start.add(done * step));
            }
            l.store(F::of(l, x), out.add(done));
        }
        done += L::COUNT;
    }
    if done < len {
        // SAFETY: as above.
        unsafe {
            let mut x = [l.splat(0.0); N];
            for (x, (start, step)) in x.iter_mut().zip(sources) {
                *x = l.load_part(start.add(done * step), len - done);
            }
            l.store_part(F::of(l, x), out.add(done), len - done);
        }
    }
}

/// Names a function of registers.
macro_rules! function {
    ($($name:ident<$count:literal>($l:ident, $($x:ident),+) = $body:expr;)*) => {$(
        struct $name;

        impl Function<$count> for $name {
            #[inline(always)]
            fn of<L: Lanes>($l: L, [$($x),+]: [L::F; $count]) -> L::F {
                $body
            }
        }
    )*};
}

function! {
    Neg<1>(l, x) = l.neg(x);
    Exp<1>(l, x) = functions::exp(l, x);
    Log<1>(l, x) = functions::log(l, x);
    Sin<1>(l, x) = functions::sin(l, x);
    Cos<1>(l, x) = functions::cos(l, x);
    Sqrt<1>(l, x) = l.sqrt(x);
    Tanh<1>(l, x) = functions::tanh(l, x);
    Recip<1>(l, x) = l.div(l.splat(1.0), x);
    Floor<1>(l, x) = l.floor(x);

    Add<2>(l, a, b) = l.add(a, b);
    Sub<2>(l, a, b) = l.sub(a, b);
    Mul<2>(l, a, b) = l.mul(a, b);
    Div<2>(l, a, b) = l.div(a, b);
    Max<2>(l, a, b) = l.max(a, b);

    Gt<2>(l, a, b) = l.select(l.gt(a, b), l.splat(1.0), l.splat(0.0));
    Ge<2>(l, a, b) = l.select(l.ge(a, b), l.splat(1.0), l.splat(0.0));
    Eq<2>(l, a, b) = l.select(l.eq(a, b), l.splat(1.0), l.splat(0.0));

    // What is not a number is not 0.
    Select<3>(l, mask, a, b) = l.select(l.eq(mask, l.splat(0.0)), b, a);
    MulAdd<3>(l, a, b, c) = l.mul_add(a, b, c);
    Gated<2>(l, gate, x) = l.select(l.gt(gate, l.splat(0.0)), x, l.splat(0.0));
}

#[cfg(test)]
mod tests {
    use super::{
        super::{Tile, testing::*},
        *,
    };

    const UNARY: [Unary; 9] = [
        Unary::Neg,
        Unary::Exp,
        Unary::Log,
        Unary::Sin,
        Unary::Cos,
        Unary::Sqrt,
        Unary::Tanh,
        Unary::Recip,
        Unary::Floor,
    ];
    const BINARY: [Binary; 5] = [Binary::Add, Binary::Sub, Binary::Mul, Binary::Div, Binary::Max];
    const COMPARE: [Compare; 3] = [Compare::Gt, Compare::Ge, Compare::Eq];

    fn close(got: f32, want: f32) -> bool {
        got.is_nan() == want.is_nan()
            && (got.is_nan() || got == want || (got - want).abs() <= 4e-7 * want.abs().max(1.0))
    }

    /// Both of `out = f(x)` with other memory and with the memory of `x`, and of `x` as one number, are as `f` says.
    fn check<const N: usize>(
        vector: Vector,
        name: &str,
        run: impl Fn([Operand<'_>; N], TileMut<'_>),
        wanted: impl Fn([f32; N]) -> f32,
    ) {
        for len in lengths() {
            let mut x: [Vec<f32>; N] = std::array::from_fn(|k| values(len, k as u32));
            // Ties and zeros, for comparisons and masks.
            for place in (0..len).step_by(3) {
                (0..N).for_each(|k| x[k][place] = (place / 3 % (k + 2)) as f32);
            }
            let at = |place: usize| std::array::from_fn(|k| x[k][place]);
            let want: Vec<f32> = (0..len).map(|place| wanted(at(place))).collect();
            let same = |got: &[f32], case: &str| {
                for (place, (&got, &want)) in got.iter().zip(&want).enumerate() {
                    assert!(close(got, want), "{vector:?} {name} {case} of {:?}: {got} for {want}", at(place));
                }
            };
            let mut out = vec![f32::NAN; len];
            run(std::array::from_fn(|k| Operand::from(&x[k][..])), TileMut::new(&mut out));
            same(&out, "apart");
            for k in 0..N {
                let mut out = x[k].clone();
                let tile = TileMut::new(&mut out);
                run(std::array::from_fn(|j| if j == k { tile.into() } else { Operand::from(&x[j][..]) }), tile);
                same(&out, "in place");
            }
            if len > 0 {
                let one = |k: usize| Operand::One(x[k][len - 1]);
                let mut out = vec![f32::NAN; len];
                run(
                    std::array::from_fn(|k| if k == 0 { one(k) } else { Operand::from(&x[k][..]) }),
                    TileMut::new(&mut out),
                );
                let want = wanted(at(len - 1));
                assert!(close(out[len - 1], want), "{vector:?} {name} of a number");
                run(std::array::from_fn(one), TileMut::new(&mut out));
                assert!(out.iter().all(|&got| close(got, want)), "{vector:?} {name} of numbers");
            }
        }
    }

    /// Operands that repeat their numbers give what their copies written out give.
    #[test]
    fn repeated_numbers() {
        for vector in vectors() {
            for times in [[1, 1, 1], [2, 2, 2], [3, 6, 1], [4, 6, 9], [16, 16, 48], [31, 31, 31], [64, 128, 64]] {
                let len = 2 * times.into_iter().reduce(|a, b| a / common_divisor(a, b) * b).unwrap();
                let few = times.map(|times| values(len / times, times as u32));
                let all: [Vec<f32>; 3] =
                    std::array::from_fn(|k| few[k].iter().flat_map(|&x| std::iter::repeat_n(x, times[k])).collect());
                let run = |operands: [Operand<'_>; 3]| {
                    let mut out = vec![f32::NAN; len];
                    let [a, b, c] = operands;
                    vector.select(a, b, c, TileMut::new(&mut out));
                    let tile = TileMut::new(&mut out);
                    vector.mul_add(a, b, tile.into(), tile);
                    out
                };
                let want = run(std::array::from_fn(|k| Operand::from(&all[k][..])));
                let repeated = |k: usize| Operand::Repeated(Tile::new(&few[k]), times[k]);
                assert_eq!(run(std::array::from_fn(repeated)), want, "{vector:?} {times:?}");
                let mixed = [Operand::from(&all[0][..]), repeated(1), repeated(2)];
                assert_eq!(run(mixed), want, "{vector:?} {times:?}");
            }
        }
    }

    #[test]
    fn functions_of_tiles_and_numbers() {
        for vector in vectors() {
            for f in UNARY {
                check(vector, &format!("{f:?}"), |[x], out| vector.unary(f, x, out), |[x]| f.of(x.into()) as f32);
            }
            for f in BINARY {
                check(
                    vector,
                    &format!("{f:?}"),
                    |[a, b], out| vector.binary(f, a, b, out),
                    |[a, b]| f.of(a.into(), b.into()) as f32,
                );
            }
            for f in COMPARE {
                check(
                    vector,
                    &format!("{f:?}"),
                    |[a, b], out| vector.compare(f, a, b, out),
                    |[a, b]| f32::from(f.of(a.into(), b.into())),
                );
            }
            let select = |[m, a, b]: [f32; 3]| if m != 0.0 { a } else { b };
            check(vector, "select", |[m, a, b], out| vector.select(m, a, b, out), select);
            check(vector, "mul_add", |[a, b, c], out| vector.mul_add(a, b, c, out), |[a, b, c]| a.mul_add(b, c));
            let gated = |[gate, x]: [f32; 2]| if gate > 0.0 { x } else { 0.0 };
            check(vector, "gated", |[gate, x], out| vector.gated(gate, x, out), gated);
        }
    }

    #[test]
    fn special_values_are_as_in_rust() {
        let special =
            [0.0, -0.0, 1.0, -1.5, f32::INFINITY, f32::NEG_INFINITY, f32::NAN, 1e-40, -1e-40, 1e30, -1e30, 8_388_609.0];
        for vector in vectors() {
            for (f, x) in UNARY.iter().flat_map(|&f| special.map(|x| (f, x))) {
                // The angle is beyond what the sine is good for.
                if matches!(f, Unary::Sin | Unary::Cos) && x.abs() > 1e6 && x.is_finite() {
                    continue;
                }
                let (mut out, want) = ([0.0], f.of(x.into()) as f32);
                vector.unary(f, x.into(), TileMut::new(&mut out));
                assert!(close(out[0], want), "{vector:?} {f:?} {x}: {} for {want}", out[0]);
            }
            for (a, b) in special.iter().flat_map(|&a| special.map(|b| (a, b))) {
                let mut out = [0.0];
                for f in BINARY {
                    vector.binary(f, a.into(), b.into(), TileMut::new(&mut out));
                    assert!(close(out[0], f.of(a.into(), b.into()) as f32), "{vector:?} {f:?} {a} {b}: {}", out[0]);
                }
                for f in COMPARE {
                    vector.compare(f, a.into(), b.into(), TileMut::new(&mut out));
                    assert!(close(out[0], f32::from(f.of(a.into(), b.into()))), "{vector:?} {f:?} {a} {b}: {}", out[0]);
                }
                vector.select(a.into(), Operand::One(1.0), b.into(), TileMut::new(&mut out));
                assert!(close(out[0], if a != 0.0 { 1.0 } else { b }), "{vector:?} select {a} {b}: {}", out[0]);
                vector.gated(a.into(), b.into(), TileMut::new(&mut out));
                assert!(close(out[0], if a > 0.0 { b } else { 0.0 }), "{vector:?} gated {a} {b}: {}", out[0]);
            }
        }
    }

    #[test]
    #[should_panic(expected = "another length")]
    fn lengths_must_agree() {
        let mut out = [0.0; 5];
        Vector::new(super::super::Isa::Baseline).unary(
            Unary::Neg,
            Operand::from(&[0.0; 4][..]),
            TileMut::new(&mut out),
        );
    }
}
