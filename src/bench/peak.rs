//! The processor's own peak: the yardstick that its engines are held against.

use super::{Stopwatch, product::SIZES};

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
        product((m, n, k), &mut c, &a, &b);
        shortest = shortest.min((watch.clock)() - before);
    }
}

/// `c = a b`, with `a [m, k]`, `b [k, n]` and `c [m, n]`, all row-major.
fn product((m, n, k): (usize, usize, usize), c: &mut [f32], a: &[f32], b: &[f32]) {
    assert!(c.len() == m * n && a.len() == m * k && b.len() == k * n, "a product of [{m}, {k}] and [{k}, {n}]");
    let (c, a, b, threads) = (c.as_mut_ptr(), a.as_ptr(), b.as_ptr(), gemm::Parallelism::Rayon(0));
    let (a_row, b_row) = (k as isize, n as isize);
    // SAFETY: the three matrices are as large as their slices (asserted above), and c is borrowed mutably, so that
    // nothing else reads or writes it.
    #[expect(unsafe_code, reason = "the yardstick is the fastest product there is, and it takes pointers")]
    unsafe {
        gemm::gemm(m, n, k, c, 1, b_row, false, a, 1, a_row, b, 1, b_row, 1.0_f32, 1.0, false, false, false, threads);
    }
}
