//! The machine's own peak: the yardstick that engines are held against.

use super::Stopwatch;
use crate::engine::candle::{Matrix, product};

/// `m, n, k` of the products, large enough for every cache and every thread.
const SIZES: [(usize, usize, usize); 3] = [(1024, 1024, 1024), (2048, 2048, 2048), (4096, 2048, 1024)];

/// The GFLOP/s of the fastest of three matrix products of the `gemm` crate, on all threads and with the best
/// instructions that the machine has.
pub fn gemm_peak(watch: &Stopwatch<'_>) -> f64 {
    SIZES.into_iter().map(|size| speed(size, watch)).fold(0.0, f64::max)
}

fn speed((m, n, k): (usize, usize, usize), watch: &Stopwatch<'_>) -> f64 {
    // Neither zeros nor denormals, which some machines multiply at another speed.
    let (a, b) = (vec![0.5; m * k], vec![0.25; k * n]);
    let mut c = vec![0.0; m * n];
    let mut shortest = f64::INFINITY;
    let start = (watch.clock)();
    loop {
        let before = (watch.clock)();
        if before - start >= watch.seconds && shortest.is_finite() {
            return (2 * m * n * k) as f64 / shortest / 1e9;
        }
        product((m, n, k), &mut c, false, Matrix::rows(&a, k), Matrix::rows(&b, n), true);
        shortest = shortest.min((watch.clock)() - before);
    }
}
