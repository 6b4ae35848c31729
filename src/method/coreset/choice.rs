//! Greedy choices among feature vectors. Host work.

/// At most `count` distinct rows of `features [n, d]`, each taken so that the mean of the chosen comes nearest to the mean
/// of all: Welling's `w <- w + mean - x` with `x` the row of the largest `<w, x>`. For rows of one length this is the
/// row that `argmin |mean - (sum of the chosen + x) / (k + 1)|` takes, as iCaRL writes it.
pub(super) fn herding(features: &[f32], d: usize, count: usize) -> Vec<usize> {
    let mean = mean(features, d);
    let mut weights = mean.clone();
    greedy(features, d, count, |rows, chosen| {
        if let Some(&last) = chosen.last() {
            for ((weight, mean), &value) in weights.iter_mut().zip(&mean).zip(rows[last]) {
                *weight += mean - f64::from(value);
            }
        }
        rows.iter().map(|row| product(&weights, row)).collect()
    })
}

/// At most `count` distinct rows of `features [n, d]`: the one next to the mean, and then always the one that is farthest
/// from those chosen.
pub(super) fn k_center(features: &[f32], d: usize, count: usize) -> Vec<usize> {
    let mean = mean(features, d);
    let mut nearest = Vec::new();
    greedy(features, d, count, |rows, chosen| {
        let Some(&last) = chosen.last() else {
            nearest = vec![f64::INFINITY; rows.len()];
            return rows.iter().map(|row| -distance(row, mean.iter().copied())).collect();
        };
        let centre = rows[last];
        for (nearest, row) in nearest.iter_mut().zip(rows) {
            *nearest = nearest.min(distance(row, centre.iter().map(|&value| f64::from(value))));
        }
        nearest.clone()
    })
}

/// Takes the row of the largest score among those not chosen, time and again; of equal ones the first.
fn greedy(
    features: &[f32],
    d: usize,
    count: usize,
    mut scores: impl FnMut(&[&[f32]], &[usize]) -> Vec<f64>,
) -> Vec<usize> {
    let rows: Vec<&[f32]> = features.chunks_exact(d.max(1)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count.min(rows.len()) {
        let scores = scores(&rows, &chosen);
        let left = (0..rows.len()).filter(|row| !chosen.contains(row));
        let best = left.reduce(|best, row| if scores[row] > scores[best] { row } else { best });
        chosen.extend(best);
    }
    chosen
}

fn mean(features: &[f32], d: usize) -> Vec<f64> {
    let rows = features.chunks_exact(d.max(1));
    let count = rows.len().max(1) as f64;
    let mut mean = vec![0.0; d];
    for row in rows {
        for (mean, &value) in mean.iter_mut().zip(row) {
            *mean += f64::from(value) / count;
        }
    }
    mean
}

fn product(weights: &[f64], row: &[f32]) -> f64 {
    weights.iter().zip(row).map(|(weight, &value)| weight * f64::from(value)).sum()
}

/// The squared distance.
fn distance(row: &[f32], other: impl Iterator<Item = f64>) -> f64 {
    row.iter().zip(other).map(|(&value, other)| (f64::from(value) - other).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Draws;

    /// Rows of length 1.
    fn features(n: usize, d: usize) -> Vec<f32> {
        let mut draws = Draws::new(4, 0, 0);
        let mut row = || {
            let row: Vec<f64> = (0..d).map(|at| draws.normal() + f64::from(u8::from(at == 0))).collect();
            let length = row.iter().map(|value| value * value).sum::<f64>().sqrt();
            row.into_iter().map(move |value| (value / length) as f32)
        };
        (0..n).flat_map(|_| row()).collect()
    }

    fn gap(features: &[f32], d: usize, chosen: &[usize]) -> f64 {
        let part: Vec<f32> = chosen.iter().flat_map(|&row| features[row * d..][..d].to_vec()).collect();
        mean(features, d).iter().zip(mean(&part, d)).map(|(all, part)| (all - part).powi(2)).sum()
    }

    #[test]
    fn herding_takes_what_brings_the_mean_nearest() {
        let (n, d) = (30, 5);
        let features = features(n, d);
        let chosen = herding(&features, d, 8);
        for step in 0..chosen.len() {
            let with = |row: usize| [&chosen[..step], &[row]].concat();
            let best = gap(&features, d, &chosen[..=step]);
            let others = (0..n).filter(|row| !chosen[..=step].contains(row));
            assert!(others.map(|row| gap(&features, d, &with(row))).all(|gap| gap >= best - 1e-9), "step {step}");
        }
    }

    #[test]
    fn centres_begin_in_the_middle_and_go_to_the_corners() {
        let corners = [[0.0, 0.0], [4.0, 0.1], [0.2, 4.0], [4.0, 4.3], [2.0, 2.0], [2.1, 2.4]];
        assert_eq!(k_center(&corners.concat(), 2, 5), [4, 3, 0, 1, 2]);
    }

    #[test]
    fn nothing_is_taken_twice() {
        let same = vec![0.5; 12];
        for choose in [herding, k_center] {
            assert_eq!(choose(&same, 3, 9), [0, 1, 2, 3]);
        }
    }
}
