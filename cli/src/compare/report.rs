//! What came out of a comparison, for programs; tables and plots are drawn from it.

use attar::recipe::Labels;
use serde::Serialize;

use crate::report::Figure;

/// The result of `attar compare`.
#[derive(Debug, Clone, Serialize)]
pub struct CompareReport {
    pub engine: String,
    pub seed: u64,
    /// Networks of each kind that were trained on each set.
    pub repeats: usize,
    /// Images that they were tested on.
    pub test_images: usize,
    /// How all sets were judged; a network of its own stands in its protocol's name below.
    pub protocol: String,
    pub networks: Vec<JudgedBy>,
    pub sets: Vec<SetReport>,
    /// All real training images, if they were given.
    pub whole: Option<WholeReport>,
}

/// A kind of network.
#[derive(Debug, Clone, Serialize)]
pub struct JudgedBy {
    pub network: String,
    pub protocol: String,
}

/// What a distilled set is worth.
#[derive(Debug, Clone, Serialize)]
pub struct SetReport {
    pub name: String,
    pub file: String,
    pub method: String,
    pub labels: Labels,
    pub images: usize,
    pub bytes: u64,
    pub seconds: Times,
    pub random: Option<RandomReport>,
    /// One for each kind of network.
    pub results: Vec<Judgement>,
}

/// How long a set took.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Times {
    /// Its pool and its distillation; `null` if no result of its run lies beside it.
    pub distill: Option<f64>,
    /// To train and test networks on it.
    pub evaluate: f64,
}

/// As many random real images of each class, with hard labels.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RandomReport {
    pub images: usize,
    /// In a file of the same form.
    pub bytes: u64,
}

/// Accuracies by one kind of network.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Judgement {
    /// With the labels that the set brings.
    pub accuracy: Figure,
    /// With hard labels.
    pub hard: Figure,
    /// Of the random real images.
    pub random: Option<Figure>,
    /// `IOR = Acc(syn, any) - Acc(random, any)` (DD-Ranking, Li et al. 2025), here with the labels that each brings.
    pub improvement_over_random: Option<f64>,
    /// `HLR = Acc(full, hard) - Acc(syn, hard)` (DD-Ranking): what is lost to the whole set, so that less is better.
    pub hard_label_recovery: Option<f64>,
}

/// The whole real training set.
#[derive(Debug, Clone, Serialize)]
pub struct WholeReport {
    pub images: usize,
    /// To train and test networks on it.
    pub seconds: f64,
    /// One for each kind of network.
    pub accuracy: Vec<Figure>,
}

impl Judgement {
    /// What DD-Ranking makes of these accuracies.
    pub fn new(accuracy: Figure, hard: Figure, random: Option<Figure>, whole: Option<Figure>) -> Judgement {
        Judgement {
            accuracy,
            hard,
            random,
            improvement_over_random: random.map(|random| accuracy.mean - random.mean),
            hard_label_recovery: whole.map(|whole| whole.mean - hard.mean),
        }
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    fn figure(mean: f64) -> Figure {
        Figure { mean, deviation: 0.01, repeats: 2 }
    }

    fn set(name: &str, labels: Labels, images: usize, bytes: u64, accuracies: [[f64; 4]; 2]) -> SetReport {
        SetReport {
            name: name.into(),
            file: format!("out/{name}/distilled.attar"),
            method: name.into(),
            labels,
            images,
            bytes,
            seconds: Times { distill: (labels == Labels::Hard).then_some(61.0), evaluate: 4.0 },
            random: Some(RandomReport { images, bytes: bytes * 3 / 2 }),
            results: accuracies
                .map(|each| each.map(figure))
                .map(|[accuracy, hard, random, whole]| Judgement::new(accuracy, hard, Some(random), Some(whole)))
                .into(),
        }
    }

    /// Two sets, the second one with soft labels, by two kinds of network.
    pub fn report() -> CompareReport {
        let judged = |network: &str, protocol: &str| JudgedBy { network: network.into(), protocol: protocol.into() };
        CompareReport {
            engine: "cpu".into(),
            seed: 7,
            repeats: 2,
            test_images: 2000,
            protocol: "quick".into(),
            networks: vec![judged("convnet", "quick"), judged("resnet18", "quick, resnet18")],
            sets: vec![
                set("dm", Labels::Hard, 100, 68_000, [[0.75, 0.75, 0.7, 0.85], [0.65, 0.65, 0.675, 0.8]]),
                set("rded", Labels::Soft, 10, 7_000, [[0.6, 0.55, 0.5, 0.85], [0.5, 0.45, 0.4, 0.8]]),
            ],
            whole: Some(WholeReport { images: 10_000, seconds: 20.0, accuracy: vec![figure(0.85), figure(0.8)] }),
        }
    }

    #[test]
    fn figures_are_differences_of_fractions() {
        let soft = &report().sets[1].results[0];
        let near = |value: Option<f64>, wanted: f64| (value.unwrap() - wanted).abs() < 1e-12;
        assert!(near(soft.improvement_over_random, 0.6 - 0.5), "with the labels it brings: {soft:?}");
        assert!(near(soft.hard_label_recovery, 0.85 - 0.55), "with hard labels: {soft:?}");
        let alone = Judgement::new(figure(0.6), figure(0.5), None, None);
        assert_eq!((alone.improvement_over_random, alone.hard_label_recovery), (None, None));
    }

    #[test]
    fn programs_get_fractions_and_nulls() {
        let value = serde_json::to_value(report()).unwrap();
        assert_eq!(value["sets"][1]["labels"], "soft");
        assert!(value["sets"][1]["seconds"]["distill"].is_null());
        let figure = serde_json::json!({"mean": 0.5, "deviation": 0.01, "repeats": 2});
        assert_eq!(value["sets"][1]["results"][0]["random"], figure);
    }
}
