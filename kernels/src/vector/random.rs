//! Random draws: the numbers of [`crate::rng`], a register of blocks at a time.

use std::marker::PhantomData;

use super::{Kernel, Lanes, TileMut, Vector, functions};
use crate::Law;
use crate::lanes::MOST;

/// Draws of one stream in one unit.
#[derive(Debug, Clone, Copy)]
pub struct Stream {
    pub seed: u64,
    pub stream: u32,
    pub unit: u32,
}

impl Vector {
    /// Draws `start ..` of a stream.
    pub fn random(self, law: Law, stream: Stream, start: usize, out: TileMut<'_>) {
        match law {
            Law::Uniform => self.call(Draw { law: PhantomData::<Uniform>, stream, start, out }),
            Law::Normal => self.call(Draw { law: PhantomData::<Normal>, stream, start, out }),
        }
    }
}

struct Draw<'a, D> {
    law: PhantomData<D>,
    stream: Stream,
    start: usize,
    out: TileMut<'a>,
}

/// A law as a function of the four words of each block.
trait Distribution {
    fn of<L: Lanes>(l: L, words: [L::I; 4]) -> [L::F; 4];
}

impl<D: Distribution> Kernel for Draw<'_, D> {
    type Out = ();

    #[expect(unsafe_code, reason = "writes tiles")]
    #[inline(always)]
    fn run<L: Lanes>(self, l: L) {
        let philox = Philox::new(l, self.stream);
        let (len, out) = (self.out.len(), self.out.as_ptr());
        let mut done = 0;
        while done < len {
            let draw = self.start + done;
            let values = l.transpose4(D::of(l, philox.words(l, (draw / 4) as u32)));
            if draw.is_multiple_of(4) && len - done >= 4 * L::COUNT {
                for (row, &values) in values.iter().enumerate() {
                    // SAFETY: all rows are inside of the tile.
                    unsafe { l.store(values, out.add(done + row * L::COUNT)) }
                }
                done += 4 * L::COUNT;
                continue;
            }
            // Ends that do not fill their registers.
            let mut group = [0.0; 4 * MOST];
            let taken = (4 * L::COUNT - draw % 4).min(len - done);
            // SAFETY: the group has room for four registers; `taken` numbers are inside of it and of the tile.
            unsafe {
                for (row, &values) in values.iter().enumerate() {
                    l.store(values, group.as_mut_ptr().add(row * L::COUNT));
                }
                out.add(done).copy_from_nonoverlapping(group.as_ptr().add(draw % 4), taken);
            }
            done += taken;
        }
    }
}

/// Philox 4x32-10 with its key schedule.
struct Philox<L: Lanes> {
    keys: [[L::I; 2]; 10],
    stream: L::I,
    unit: L::I,
    /// The blocks of even and odd places, less the first block; see `words`.
    offsets: [L::I; 2],
}

impl<L: Lanes> Philox<L> {
    #[inline(always)]
    fn new(l: L, stream: Stream) -> Philox<L> {
        const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
        let mut key = [stream.seed as u32, (stream.seed >> 32) as u32];
        let mut keys = [[l.word(0); 2]; 10];
        for round in &mut keys {
            *round = [l.word(key[0]), l.word(key[1])];
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        // 64-bit lane i of the even words becomes place 2 i of the joined ones, that of the odd words place 2 i + 1.
        // Place p has block (p % 4) * (COUNT / 4) + p / 4: then the transposed groups of four are in order.
        let mut offsets = [[0; MOST]; 2];
        for place in 0..L::COUNT {
            offsets[place % 2][place - place % 2] = (place % 4 * (L::COUNT / 4) + place / 4) as u32;
        }
        Philox {
            keys,
            stream: l.word(stream.stream),
            unit: l.word(stream.unit),
            offsets: [l.words(&offsets[0]), l.words(&offsets[1])],
        }
    }

    /// The words of `COUNT` blocks from `first` on, in the order said above.
    #[inline(always)]
    fn words(&self, l: L, first: u32) -> [L::I; 4] {
        let even = self.rounds(l, l.plus(l.word(first), self.offsets[0]));
        let odd = self.rounds(l, l.plus(l.word(first), self.offsets[1]));
        let mut words = even;
        for (word, odd) in words.iter_mut().zip(odd) {
            *word = l.join_words(*word, odd);
        }
        words
    }

    /// The words of the blocks in the low halves of 64-bit lanes. The high halves are left as they come.
    #[inline(always)]
    fn rounds(&self, l: L, block: L::I) -> [L::I; 4] {
        let multipliers = [l.word(0xD251_1F53), l.word(0xCD9E_8D57)];
        let mut words = [block, self.stream, self.unit, l.word(0)];
        for key in &self.keys {
            let (first, second) = (l.wide_product(multipliers[0], words[0]), l.wide_product(multipliers[1], words[2]));
            words = [
                l.xor(l.xor(l.high_words(second), words[1]), key[0]),
                second,
                l.xor(l.xor(l.high_words(first), words[3]), key[1]),
                first,
            ];
        }
        words
    }
}

/// One of 2^24 equal cells.
const CELL: f32 = 1.0 / 16_777_216.0;

struct Uniform;

impl Distribution for Uniform {
    /// The middle of a cell.
    #[inline(always)]
    fn of<L: Lanes>(l: L, words: [L::I; 4]) -> [L::F; 4] {
        let mut values = [l.splat(0.0); 4];
        for (value, word) in values.iter_mut().zip(words) {
            *value = l.mul_add(l.convert(l.shift_right(word, 8)), l.splat(CELL), l.splat(CELL / 2.0));
        }
        values
    }
}

struct Normal;

impl Distribution for Normal {
    #[inline(always)]
    fn of<L: Lanes>(l: L, [a, b, c, d]: [L::I; 4]) -> [L::F; 4] {
        let ([x, y], [z, w]) = (normal_pair(l, a, b), normal_pair(l, c, d));
        [x, y, z, w]
    }
}

/// sqrt(-2 ln u) times the cosine and sine of an angle, u and the angle's turns from one word each.
#[inline(always)]
fn normal_pair<L: Lanes>(l: L, radius: L::I, angle: L::I) -> [L::F; 2] {
    let radius = l.sqrt(l.mul(l.splat(-2.0), log_uniform(l, l.shift_right(radius, 8))));
    // The angle less its nearest whole quarter turns, exact.
    let cell = l.shift_right(angle, 8);
    let turns = l.shift_right(l.plus(cell, l.word(1 << 21)), 22);
    let rest = l.convert(l.minus(cell, l.shift_left(turns, 22)));
    let rest = l.mul(l.add(rest, l.splat(0.5)), l.splat(std::f32::consts::TAU * CELL));
    let (sin, cos) = functions::turned_pair(l, rest, turns);
    [l.mul(radius, cos), l.mul(radius, sin)]
}

/// ln of the middle of a cell.
#[inline(always)]
fn log_uniform<L: Lanes>(l: L, cell: L::I) -> L::F {
    let cells = l.convert(cell);
    let half = l.splat(0.5);
    let (f, e) = functions::split(l, l.mul(l.add(cells, half), l.splat(CELL)));
    // Near 1 the middle itself rounds, but its distance from 1 is exact.
    let near = l.mul(l.add(l.sub(cells, l.splat(1.0 / CELL)), half), l.splat(CELL));
    let exact = l.gt(near, l.splat(-0.25));
    functions::log_parts(l, l.select(exact, near, f), l.select(exact, l.splat(0.0), e))
}

#[cfg(test)]
mod tests {
    use super::{super::testing::*, *};
    use crate::rng;

    fn expected(law: Law, stream: Stream, start: usize, len: usize) -> Vec<f64> {
        let value = |draw: usize| {
            let words = rng::block(stream.seed, stream.stream, stream.unit, (draw / 4) as u32);
            match law {
                Law::Uniform => rng::uniform(words[draw % 4]),
                Law::Normal => {
                    rng::normal_pair(if draw % 4 < 2 { [words[0], words[1]] } else { [words[2], words[3]] })[draw % 2]
                }
            }
        };
        (start..start + len).map(value).collect()
    }

    #[test]
    fn draws_are_those_of_the_host() {
        let stream = Stream { seed: 0x0123_4567_89ab_cdef, stream: 7, unit: 11 };
        for vector in vectors() {
            for law in [Law::Uniform, Law::Normal] {
                for start in [0, 1, 2, 3, 4, 1021, (1 << 20) + 6] {
                    for len in lengths() {
                        let mut out = vec![f32::NAN; len];
                        vector.random(law, stream, start, TileMut::new(&mut out));
                        for (&got, want) in out.iter().zip(expected(law, stream, start, len)) {
                            let error = (f64::from(got) - want).abs();
                            assert!(error <= 4e-7, "{vector:?} {law:?} {start} {len}: {got} for {want}");
                        }
                    }
                }
            }
        }
    }

    /// The extremes of the radius: the first and last cells, and those around every power of two and 3/4.
    #[test]
    fn logarithms_of_uniform_numbers() {
        struct Log<'a>(u32, &'a mut [f32; MOST]);
        impl Kernel for Log<'_> {
            type Out = ();

            #[expect(unsafe_code, reason = "writes an array")]
            #[inline(always)]
            fn run<L: Lanes>(self, l: L) {
                // SAFETY: the array has room for a register.
                unsafe { l.store(log_uniform(l, l.word(self.0)), self.1.as_mut_ptr()) }
            }
        }
        let around = (0..24).map(|power| 1u32 << power).chain([3 << 22, 0xb5_04f3, (1 << 24) - 1]);
        let cells =
            around.flat_map(|cell| (0..40).map(move |more| (cell + more).saturating_sub(20).min((1 << 24) - 1)));
        for cell in cells {
            for vector in vectors() {
                let mut out = [0.0; MOST];
                vector.call(Log(cell, &mut out));
                let want = rng::uniform(cell << 8).ln();
                let error = (f64::from(out[0]) - want).abs() / want.abs();
                assert!(error < 3e-7, "{vector:?} {cell}: {} for {want}", out[0]);
            }
        }
    }
}
