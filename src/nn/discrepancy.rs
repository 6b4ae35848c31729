//! Discrepancies of two sets of features: of their means (DM), and of their distributions as a kernel sees them (MMD).

use serde::{Deserialize, Serialize};

use crate::graph::Tensor;

/// The sum over rows i of features `x [n, d]` with weights `[n]`, `[d]`, so that the parts of a batch add up.
#[track_caller]
pub fn weighted_sum<'g>(x: Tensor<'g>, weights: Tensor<'g>) -> Tensor<'g> {
    (x * weights.reshape([weights.dim(0), 1])).sum(&[0])
}

/// The squared distance of two mean features `[d]`, shape `[]`: a sum over features, not a mean (DM; Zhao and Bilen,
/// "Dataset condensation with distribution matching", WACV 2023, equation 5 with one network).
#[track_caller]
pub fn of_means<'g>(real: Tensor<'g>, synthetic: Tensor<'g>) -> Tensor<'g> {
    (real - synthetic).square().sum_all()
}

/// A kernel of features x, y. They are measured from the mean of the real ones, and in units of the root mean squared
/// distance of a real from a synthetic feature, so that one setting serves networks of any width.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Kernel {
    /// The mean over bandwidths b of `exp(-|x - y|^2 / (2 b))`: all moments, distances of about `sqrt(b)` most.
    Gaussian { bandwidths: Vec<f64> },
    /// `<x, y>`: means alone.
    Linear,
    /// `(<x, y> + 1)^degree`: moments up to the degree.
    Polynomial { degree: usize },
}

impl Kernel {
    /// The squared maximum mean discrepancy of features `real [n, d]` with weights `[n]` whose sum is 1 and features
    /// `synthetic [m, d]`, shape `[]`: `mean k(r, r') + mean k(s, s') - 2 mean k(r, s)` over all pairs (Gretton et al., "A
    /// kernel two-sample test", JMLR 2012, equation 5), in the units of the features squared: a linear kernel gives
    /// [`of_means`]. No gradient passes through the unit of length.
    #[track_caller]
    pub fn discrepancy<'g>(&self, real: Tensor<'g>, weights: Tensor<'g>, synthetic: Tensor<'g>) -> Tensor<'g> {
        let (n, m) = (real.dim(0), synthetic.dim(0));
        let even = real.graph().fill(1.0 / m as f64, [m, 1]);
        let shares = weights.reshape([n, 1]);
        let centre = (real * shares).sum_keep(&[0]);
        // A row without weight comes to lie at the centre: left where it is, it may be so many units away from sets that
        // nearly coincide that its kernel overflows, and infinity times no weight is not a number.
        let counted = shares.gt(shares * 0.0);
        let (real, synthetic) = ((real - centre) * counted, synthetic - centre);
        let squares = |x: Tensor<'g>, shares: Tensor<'g>| (x.square().sum_keep(&[1]) * shares).sum_all();
        // As the centre is the real mean, these two add up to the mean over pairs.
        let spread = (squares(real, shares) + squares(synthetic, even)).stop_gradient();
        let spread = spread.maximum(real.graph().fill(1e-12, []));
        let unit = spread.sqrt().recip();
        let mean = |x: Tensor<'g>, of_x: Tensor<'g>, y: Tensor<'g>, of_y: Tensor<'g>| {
            let pairs = of_x * of_y.reshape([1, of_y.dim(0)]);
            (self.of(x * unit, y * unit) * pairs).sum_all()
        };
        let within = mean(real, shares, real, shares) + mean(synthetic, even, synthetic, even);
        (within - mean(real, shares, synthetic, even) * 2.0) * spread
    }

    /// `k(x_i, y_j)` of rows `x [n, d]` and `y [m, d]`, `[n, m]`.
    #[track_caller]
    fn of<'g>(&self, x: Tensor<'g>, y: Tensor<'g>) -> Tensor<'g> {
        let products = x.matmul_t(false, y, true);
        match self {
            Kernel::Linear => products,
            Kernel::Polynomial { degree } => {
                let base = products + 1.0;
                (1..*degree).fold(base, |power, _| power * base)
            }
            Kernel::Gaussian { bandwidths } => {
                let squares = |x: Tensor<'g>| x.square().sum(&[1]);
                let columns = squares(y).reshape([1, y.dim(0)]);
                let distances = squares(x).reshape([x.dim(0), 1]) + columns - products * 2.0;
                let each = bandwidths.iter().map(|bandwidth| (distances * (-0.5 / bandwidth)).exp());
                let sum = each.reduce(|sum, kernel| sum + kernel).unwrap_or(distances * 0.0);
                sum * (1.0 / bandwidths.len().max(1) as f64)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use pollster::block_on;

    use super::*;
    use crate::{
        engine::{Executor, reference::Reference},
        graph::Graph,
        program::Program,
        rng::Draws,
    };

    const D: usize = 3;

    /// Four real rows, of which the last only fills, and five synthetic ones.
    fn rows() -> (Vec<f32>, Vec<f32>) {
        let mut draws = Draws::new(4, 0, 0);
        let mut noise = |n: usize, shift: f32| (0..n * D).map(|_| draws.normal() as f32 + shift).collect();
        (noise(4, 2.0), noise(5, 2.5))
    }

    /// The discrepancy and its gradient to the synthetic rows.
    fn found(kernel: Option<&Kernel>, real: &[f32], synthetic: &[f32]) -> (f32, Vec<f32>) {
        let g = Graph::new();
        let (r, s) = (g.input("real", [real.len() / D, D]), g.input("synthetic", [synthetic.len() / D, D]));
        let weights = g.constant(&[1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0, 0.0], [4]);
        let loss = match kernel {
            Some(kernel) => kernel.discrepancy(r, weights, s),
            None => of_means(weighted_sum(r, weights), s.mean(&[0])),
        };
        g.output("gradient", g.grad(loss, &[s])[0]);
        g.output("loss", loss.reshape([1]));
        let mut exec = Executor::new(Arc::new(Reference::f32()));
        exec.load(Program::new("discrepancy", g).expect("a valid graph")).expect("it loads");
        exec.set_f32("real", real).expect("it is there");
        exec.set_f32("synthetic", synthetic).expect("it is there");
        exec.run("discrepancy", &[]).expect("it runs");
        let read = |name| block_on(exec.get_f32(name)).expect("it reads");
        (read("loss")[0], read("gradient"))
    }

    /// By the definition, pair by pair; also the mean squared distance of a real from a synthetic row.
    fn wanted(kernel: &Kernel, real: &[f32], synthetic: &[f32], spread: Option<f64>) -> (f64, f64) {
        let rows = |x: &[f32]| x.chunks(D).map(|x| x.iter().map(|&v| f64::from(v)).collect()).collect();
        let (real, synthetic): (Vec<Vec<f64>>, Vec<Vec<f64>>) = (rows(&real[..3 * D]), rows(synthetic));
        let centre: Vec<f64> = (0..D).map(|at| real.iter().map(|row| row[at]).sum::<f64>() / 3.0).collect();
        let distance = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(a, b)| (a - b).powi(2)).sum::<f64>();
        let mean = |x: &[Vec<f64>], y: &[Vec<f64>], of: &dyn Fn(&[f64], &[f64]) -> f64| {
            x.iter().flat_map(|x| y.iter().map(|y| of(x, y))).sum::<f64>() / (x.len() * y.len()) as f64
        };
        let spread = spread.unwrap_or_else(|| mean(&real, &synthetic, &distance));
        let k = |x: &[f64], y: &[f64]| {
            let product: f64 = (0..D).map(|at| (x[at] - centre[at]) * (y[at] - centre[at])).sum::<f64>() / spread;
            match kernel {
                Kernel::Linear => product,
                Kernel::Polynomial { degree } => (product + 1.0).powi(*degree as i32),
                Kernel::Gaussian { bandwidths } => {
                    let each = bandwidths.iter().map(|b| (-distance(x, y) / spread / (2.0 * b)).exp());
                    each.sum::<f64>() / bandwidths.len() as f64
                }
            }
        };
        let within = mean(&real, &real, &k) + mean(&synthetic, &synthetic, &k);
        ((within - 2.0 * mean(&real, &synthetic, &k)) * spread, spread)
    }

    fn kernels() -> [Kernel; 4] {
        [
            Kernel::Linear,
            Kernel::Polynomial { degree: 3 },
            Kernel::Gaussian { bandwidths: vec![0.5] },
            Kernel::Gaussian { bandwidths: vec![0.25, 1.0, 4.0] },
        ]
    }

    #[test]
    fn a_discrepancy_is_what_its_pairs_give() {
        let (real, synthetic) = rows();
        for kernel in kernels() {
            let (wanted, _) = wanted(&kernel, &real, &synthetic, None);
            let (found, _) = found(Some(&kernel), &real, &synthetic);
            assert!((f64::from(found) - wanted).abs() < 1e-5 * wanted.abs(), "{kernel:?}: {found} {wanted}");
        }
    }

    #[test]
    fn gradients_are_those_of_differences() {
        let (real, synthetic) = rows();
        for kernel in kernels() {
            let (_, gradient) = found(Some(&kernel), &real, &synthetic);
            let (_, spread) = wanted(&kernel, &real, &synthetic, None);
            for at in 0..synthetic.len() {
                let moved = |by: f32| {
                    let mut moved = synthetic.clone();
                    moved[at] += by;
                    wanted(&kernel, &real, &moved, Some(spread)).0
                };
                let step = 1.0 / 128.0;
                let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
                assert!((f64::from(gradient[at]) - slope).abs() < 2e-4, "{kernel:?}: {} {slope}", gradient[at]);
            }
        }
    }

    #[test]
    fn a_linear_kernel_compares_means() {
        let (real, synthetic) = rows();
        let (means, gradient) = found(None, &real, &synthetic);
        let (linear, same) = found(Some(&Kernel::Linear), &real, &synthetic);
        assert!((means - linear).abs() < 1e-5 * means, "{means} {linear}");
        assert!(gradient.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-5), "{gradient:?} {same:?}");
    }

    #[test]
    fn sets_that_are_one_point_have_no_discrepancy() {
        let (real, synthetic) = ([1.5; 4 * D], [1.5; 5 * D]);
        for kernel in kernels() {
            let (found, gradient) = found(Some(&kernel), &real, &synthetic);
            assert!(found.abs() < 1e-6 && gradient.iter().all(|v| v.abs() < 1e-6), "{kernel:?}: {found}");
        }
    }

    #[test]
    fn what_only_fills_is_not_looked_at() {
        let mut real = [1.5; 4 * D];
        real[3 * D..].fill(-40.0);
        for kernel in kernels() {
            let (found, gradient) = found(Some(&kernel), &real, &[1.5; 5 * D]);
            assert!(found.abs() < 1e-6 && gradient.iter().all(|v| v.abs() < 1e-6), "{kernel:?}: {found}");
        }
    }
}
