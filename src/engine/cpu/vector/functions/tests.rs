//! Errors over all exponents, against f64.

use crate::{
    engine::cpu::vector::{TileMut, testing::vectors},
    graph::Unary,
};

/// Numbers of all exponents and both signs, with mantissas that differ, between `low` and `high`.
fn sweep(low: f32, high: f32) -> Vec<f32> {
    let steps = (0..u32::MAX / 20_011).map(|step| f32::from_bits(step * 20_011));
    let dense = (0..20_000).map(|step| low + (high - low) * (step as f32 / 20_000.0));
    steps.chain(dense).filter(|x| (low..=high).contains(x)).collect()
}

/// The largest error in units in the last place of the true value (of the smallest normal number below it), and where.
fn worst(vector: crate::engine::cpu::vector::Vector, f: Unary, truth: fn(f64) -> f64, x: &[f32]) -> (f64, f32) {
    let mut out = x.to_vec();
    let tile = TileMut::new(&mut out);
    vector.unary(f, tile, tile);
    let mut worst = (0.0, 0.0);
    for (&x, &got) in x.iter().zip(&out) {
        let want = truth(f64::from(x));
        let unit = 2f64.powi((want.abs().max(f64::from(f32::MIN_POSITIVE)).log2().floor() as i32) - 23);
        let error = (f64::from(got) - want).abs() / unit;
        // What is not a number counts.
        if error > worst.0 || error.is_nan() {
            worst = (error, x);
        }
    }
    worst
}

/// Ranges where results are normal or subnormal numbers, with the bounds that the documentation states.
#[test]
fn errors_are_as_stated() {
    type Case = (Unary, fn(f64) -> f64, f32, f32, f64);
    let cases: [Case; 8] = [
        (Unary::Exp, f64::exp, -103.9, 88.7, 1.5),
        (Unary::Log, f64::ln, f32::from_bits(1), f32::MAX, 1.5),
        (Unary::Sin, f64::sin, -40.0, 40.0, 2.5),
        (Unary::Cos, f64::cos, -40.0, 40.0, 2.5),
        (Unary::Sin, f64::sin, -1e5, 1e5, 2.5),
        (Unary::Cos, f64::cos, -1e5, 1e5, 2.5),
        (Unary::Tanh, f64::tanh, -20.0, 20.0, 3.0),
        (Unary::Sqrt, f64::sqrt, 0.0, f32::MAX, 0.5),
    ];
    for vector in vectors() {
        for (f, truth, low, high, bound) in cases {
            let (error, at) = worst(vector, f, truth, &sweep(low, high));
            println!("{vector:?} {f:?} in [{low:e}, {high:e}]: {error:.3} at {at:e}");
            assert!(error <= bound, "{vector:?} {f:?}: {error} at {at:e}");
        }
    }
}

/// Exactly odd and even functions, and whole results where they are exact.
#[test]
fn symmetries_and_exact_values() {
    let x = sweep(-1e5, 1e5);
    let negative: Vec<f32> = x.iter().map(|x| -x).collect();
    for vector in vectors() {
        let of = |f: Unary, x: &[f32]| {
            let mut out = vec![0.0; x.len()];
            vector.unary(f, x, TileMut::new(&mut out));
            out
        };
        assert_eq!(of(Unary::Cos, &x), of(Unary::Cos, &negative), "{vector:?}");
        for f in [Unary::Sin, Unary::Tanh] {
            let odd: Vec<f32> = of(f, &negative).iter().map(|y| -y).collect();
            assert_eq!(of(f, &x), odd, "{vector:?} {f:?}");
        }
        assert_eq!(
            of(Unary::Exp, &[0.0, -0.0, 89.0, 1e9, -104.0, -1e9]),
            [1.0, 1.0, f32::INFINITY, f32::INFINITY, 0.0, 0.0]
        );
        assert_eq!(of(Unary::Log, &[1.0, 0.0, -0.0]), [0.0, f32::NEG_INFINITY, f32::NEG_INFINITY]);
        assert_eq!(of(Unary::Tanh, &[30.0, -1e9, 0.0]), [1.0, -1.0, 0.0]);
    }
}
