//! Counter-based random numbers: Philox 4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as
//! 1, 2, 3", SC 2011).
//!
//! A draw is a function of (seed, stream, unit, i) and of nothing else, so recomputing one is exact, a resumed run
//! equals an uninterrupted one, and every engine draws the same numbers. Value i comes from word `i % 4` of the
//! block with key = seed and counter = (i / 4, stream, unit, 0).

use std::f64::consts::TAU;

/// One Philox 4x32-10 block.
pub fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let wide = |a: u32, b: u32| {
        let product = u64::from(a) * u64::from(b);
        ((product >> 32) as u32, product as u32)
    };
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let (high0, low0) = wide(MULTIPLIERS[0], counter[0]);
        let (high1, low1) = wide(MULTIPLIERS[1], counter[2]);
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
    }
    counter
}

/// The block of draws `4 * block .. 4 * block + 4` of a stream in a unit.
pub fn block(seed: u64, stream: u32, unit: u32, block: u32) -> [u32; 4] {
    philox([block, stream, unit, 0], [seed as u32, (seed >> 32) as u32])
}

/// A random word as a number in the open interval (0, 1): the middle of one of 2^24 equal cells. Exact in f64; as
/// f32 the multiplication and addition may be done in either order of `(w >> 8) * 2^-24 + 2^-25`, rounded once.
pub fn uniform(word: u32) -> f64 {
    (f64::from(word >> 8) + 0.5) / f64::from(1 << 24)
}

/// Two standard normal numbers from two words, by Box and Muller:
/// `sqrt(-2 ln u0) cos(2 pi u1)` and `sqrt(-2 ln u0) sin(2 pi u1)` with `u` from [`uniform`].
pub fn normal_pair(words: [u32; 2]) -> [f64; 2] {
    let radius = (-2.0 * uniform(words[0]).ln()).sqrt();
    let (sin, cos) = (TAU * uniform(words[1])).sin_cos();
    [radius * cos, radius * sin]
}

/// Draws on the host, one after another, from one stream in one unit.
///
/// ```
/// use attar_kernels::rng::Draws;
/// let mut draws = Draws::new(7, 1, 0);
/// assert!((0.0..1.0).contains(&draws.uniform()));
/// assert_eq!(draws.permutation(5).len(), 5);
/// ```
#[derive(Debug, Clone)]
pub struct Draws {
    seed: u64,
    stream: u32,
    unit: u32,
    next: u32,
    words: [u32; 4],
}

impl Draws {
    /// The draws of `stream` in `unit` under `seed`, from the first.
    pub fn new(seed: u64, stream: u32, unit: u32) -> Draws {
        Draws { seed, stream, unit, next: 0, words: [0; 4] }
    }

    /// The next 32 random bits.
    pub fn word(&mut self) -> u32 {
        let lane = (self.next % 4) as usize;
        if lane == 0 {
            self.words = block(self.seed, self.stream, self.unit, self.next / 4);
        }
        self.next += 1;
        self.words[lane]
    }

    /// The next number uniform in (0, 1).
    pub fn uniform(&mut self) -> f64 {
        uniform(self.word())
    }

    /// The next number uniform in (low, high).
    pub fn range(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// The next integer uniform in `0..bound`; 0 if `bound` is 0. The bias is below `bound / 2^64`.
    pub fn below(&mut self, bound: usize) -> usize {
        let bits = u64::from(self.word()) << 32 | u64::from(self.word());
        ((u128::from(bits) * bound as u128) >> 64) as usize
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// The next standard normal number; each call uses two words.
    pub fn normal(&mut self) -> f64 {
        let words = [self.word(), self.word()];
        normal_pair(words)[0]
    }

    /// A random order of `0..len` (Fisher and Yates).
    pub fn permutation(&mut self, len: usize) -> Vec<u32> {
        let mut order: Vec<u32> = (0..len as u32).collect();
        self.shuffle(&mut order);
        order
    }

    /// Shuffles in place (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The known-answer vectors published with the Random123 library.
    #[test]
    fn published_vectors() {
        let cases = [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (
                [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
                [0xa409_3822, 0x299f_31d0],
                [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
            ),
        ];
        for (counter, key, expected) in cases {
            assert_eq!(philox(counter, key), expected);
        }
    }

    #[test]
    fn streams_and_units_differ_and_repeat() {
        let words = |seed, stream, unit| {
            let mut draws = Draws::new(seed, stream, unit);
            [draws.word(), draws.word(), draws.word(), draws.word(), draws.word()]
        };
        assert_eq!(words(1, 2, 3), words(1, 2, 3));
        for other in [words(2, 2, 3), words(1, 3, 3), words(1, 2, 4), words(1 << 32 | 1, 2, 3)] {
            assert_ne!(words(1, 2, 3), other);
        }
    }

    #[test]
    fn normal_has_mean_0_and_deviation_1() {
        let mut draws = Draws::new(5, 0, 0);
        let n = 20_000;
        let values: Vec<f64> = (0..n).map(|_| draws.normal()).collect();
        let mean = values.iter().sum::<f64>() / f64::from(n);
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / f64::from(n);
        assert!(mean.abs() < 0.03 && (variance - 1.0).abs() < 0.04, "{mean} {variance}");
    }

    #[test]
    fn permutation_holds_every_index_once() {
        let mut order = Draws::new(9, 1, 1).permutation(100);
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
        assert_eq!(Draws::new(9, 1, 1).below(0), 0);
    }
}
