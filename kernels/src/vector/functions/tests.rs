//! Errors over all exponents, against f64.

use crate::{
    Unary,
    lanes::{Kernel, Lanes},
    vector::{TileMut, testing::vectors},
};

/// Numbers of all exponents and both signs, with mantissas that differ, between `low` and `high`.
fn sweep(low: f32, high: f32) -> Vec<f32> {
    let steps = (0..u32::MAX / 20_011).map(|step| f32::from_bits(step * 20_011));
    let dense = (0..20_000).map(|step| low + (high - low) * (step as f32 / 20_000.0));
    steps.chain(dense).filter(|x| (low..=high).contains(x)).collect()
}

/// An error in units in the last place of the true value, or of `floor` where that is larger.
fn units(got: f32, want: f64, floor: f64) -> f64 {
    let unit = 2f64.powi(want.abs().max(floor).log2().floor() as i32 - 23);
    (f64::from(got) - want).abs() / unit
}

/// A function, its true values, a range of arguments, and the error there with and without fused operations.
struct Case(Unary, fn(f64) -> f64, [f32; 2], [f64; 2]);

/// Whether the instructions round products and sums once.
struct Fused;

impl Kernel for Fused {
    type Out = bool;

    #[inline(always)]
    fn run<L: Lanes>(self, _: L) -> bool {
        L::FUSED
    }
}

#[test]
fn errors_are_as_stated() {
    let cases = [
        Case(Unary::Exp, f64::exp, [-103.9, 88.7], [1.05, 1.05]),
        Case(Unary::Log, f64::ln, [f32::from_bits(1), f32::MAX], [0.85, 0.85]),
        Case(Unary::Sin, f64::sin, [-40.0, 40.0], [1.6, 2.4]),
        Case(Unary::Cos, f64::cos, [-40.0, 40.0], [1.6, 2.4]),
        Case(Unary::Sin, f64::sin, [-1e5, 1e5], [1.6, f64::INFINITY]),
        Case(Unary::Cos, f64::cos, [-1e5, 1e5], [1.6, f64::INFINITY]),
        Case(Unary::Tanh, f64::tanh, [-20.0, 20.0], [1.35, 1.35]),
        Case(Unary::Sqrt, f64::sqrt, [0.0, f32::MAX], [0.5, 0.5]),
    ];
    for vector in vectors() {
        for Case(f, truth, [low, high], bounds) in &cases {
            let x = sweep(*low, *high);
            let mut out = x.clone();
            let tile = TileMut::new(&mut out);
            vector.unary(*f, tile.into(), tile);
            let bound = bounds[usize::from(!vector.call(Fused))];
            for (&x, &got) in x.iter().zip(&out) {
                let error = units(got, truth(f64::from(x)), f64::from(f32::MIN_POSITIVE));
                assert!(error <= bound, "{vector:?} {f:?} of {x:e} is {got:e}: {error} units");
                if matches!(f, Unary::Sin | Unary::Cos) {
                    let error = units(got, truth(f64::from(x)), 0.25);
                    assert!(error <= 2.4, "{vector:?} {f:?} of {x:e} is {got:e}: {error} units of 1/4");
                }
            }
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
            vector.unary(f, x.into(), TileMut::new(&mut out));
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
