//! What came out, for people and for programs.

use attar::{Accuracy, Distilled, recipe::Labels, run::Choice};
use serde::{Deserialize, Serialize};

use crate::format;

/// The result of `attar distill`.
#[derive(Debug, Serialize)]
pub struct DistillReport {
    pub method: String,
    pub engine: String,
    pub images_per_class: u32,
    /// Those that were made, which a time budget may have cut short.
    pub iterations: usize,
    pub seed: u64,
    pub file: String,
    pub seconds: Seconds,
    /// What was kept, by accuracies on held-out training images; `null` if nothing was held out.
    pub choice: Option<Choice>,
    /// How the accuracies were measured; `null` without any.
    pub protocol: Option<String>,
    pub accuracy: Option<Accuracies>,
    pub bytes: Bytes,
    /// Files of the source that were left out, and why.
    pub skipped: Vec<String>,
}

/// The result of `attar evaluate`.
#[derive(Debug, Serialize)]
pub struct EvaluateReport {
    pub file: String,
    pub engine: String,
    pub seed: u64,
    pub seconds: f64,
    pub protocol: String,
    pub accuracy: Accuracies,
}

/// How long each part took.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Seconds {
    pub pool: f64,
    pub distill: f64,
    /// None in results of before there was a choice.
    #[serde(default)]
    pub choose: f64,
    pub evaluate: f64,
}

/// How large the data are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Bytes {
    /// The files of the source.
    pub source: u64,
    /// The distilled set.
    pub file: u64,
}

/// Accuracies under one protocol; those without real training images are missing.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Accuracies {
    pub distilled: Figure,
    /// As many random real images.
    pub random: Option<Figure>,
    /// What distillation started from.
    pub initial: Option<Figure>,
    /// All real training images.
    pub whole: Option<Figure>,
}

/// An accuracy as a fraction: mean and standard deviation over networks.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub mean: f64,
    pub deviation: f64,
    pub repeats: usize,
}

/// The sizes that an accuracy table names.
#[derive(Debug, Clone)]
pub struct Sizes {
    /// Images of the distilled set, in words.
    pub per_class: String,
    /// Of the distilled set; what it is compared with has hard ones.
    pub labels: Labels,
    pub test: usize,
    pub whole: usize,
}

impl Sizes {
    /// Those of a distilled set beside a number of test images and all training images.
    pub fn of(set: &Distilled, test: usize, whole: usize) -> Sizes {
        Sizes { per_class: format::span(&set.counts()), labels: labels_of(set), test, whole }
    }
}

/// What stands beside the images of a set.
pub fn labels_of(set: &Distilled) -> Labels {
    if set.soft.is_some() { Labels::Soft } else { Labels::Hard }
}

impl From<&Accuracy> for Figure {
    fn from(accuracy: &Accuracy) -> Figure {
        Figure { mean: accuracy.mean, deviation: accuracy.deviation, repeats: accuracy.each.len() }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.4}", self.mean)?;
        if self.repeats > 1 { write!(f, " ± {:.4}", self.deviation) } else { Ok(()) }
    }
}

impl Accuracies {
    /// A heading and a line for each accuracy.
    pub fn table(&self, protocol: &str, sizes: &Sizes) -> String {
        let Sizes { per_class, labels, test, whole } = sizes;
        let (own, others) = match labels {
            Labels::Hard => ("", ""),
            Labels::Soft => (", soft labels", ", hard labels"),
        };
        let fewer = self.whole.map(|figure| if_fewer(figure, self.distilled.repeats)).unwrap_or_default();
        let rows = [
            (format!("  distilled, {per_class} a class{own}"), Some(self.distilled)),
            (format!("  random real, {per_class} a class{others}"), self.random),
            (format!("  un-optimised initialisation{others}"), self.initial),
            (format!("  whole set, {whole} images{fewer}"), self.whole),
        ];
        let rows: Vec<(String, String)> =
            rows.into_iter().filter_map(|(label, figure)| Some((label, figure?.to_string()))).collect();
        format!("{}\n{}", heading(*test, protocol, self.distilled.repeats), format::table(&rows))
    }
}

/// What stands beside the name of a set that is judged by fewer networks than the others.
pub fn if_fewer(figure: Figure, repeats: usize) -> String {
    match figure.repeats {
        1 if repeats > 1 => " (1 network)".into(),
        fewer if fewer < repeats => format!(" ({fewer} networks)"),
        _ => String::new(),
    }
}

/// How the accuracies below it were measured, in a line.
pub fn heading(test: usize, protocol: &str, repeats: usize) -> String {
    let networks = match repeats {
        1 => "1 network".into(),
        repeats => format!("{repeats} networks each, mean ± deviation"),
    };
    format!("accuracy on {test} test images (protocol {protocol}; {networks})")
}

impl DistillReport {
    /// The result for people. `picture` is the path of the grid.
    pub fn text(&self, sizes: &Sizes, picture: &str) -> String {
        let Bytes { source, file } = self.bytes;
        let ratio = source as f64 / (file as f64).max(1.0);
        // What selects does not iterate.
        let iterations = if self.iterations > 0 { format!("{} iterations, ", self.iterations) } else { String::new() };
        let kept = self.choice.as_ref().map(|choice| ("kept", format::choice(choice)));
        let rows = [
            ("size", format!("{} -> {} ({ratio:.0} times smaller)", format::bytes(source), format::bytes(file))),
            ("time", self.seconds.text()),
            ("made by", format!("{}, {iterations}seed {}, on {}", self.method, self.seed, self.engine)),
            ("file", self.file.clone()),
            ("picture", picture.into()),
        ];
        let accuracies = self.accuracy.as_ref().zip(self.protocol.as_ref());
        let accuracies = accuracies.map(|(accuracy, protocol)| accuracy.table(protocol, sizes) + "\n");
        let rows: Vec<(&str, String)> = kept.into_iter().chain(rows).collect();
        accuracies.unwrap_or_default() + &format::table(&rows)
    }
}

impl Seconds {
    fn text(self) -> String {
        let parts = [
            ("pool", self.pool),
            ("distillation", self.distill),
            ("choice", self.choose),
            ("evaluation", self.evaluate),
        ];
        let parts = parts.into_iter().filter(|&(_, seconds)| seconds > 0.0);
        parts.map(|(name, seconds)| format!("{name} {}", format::seconds(seconds))).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use attar::run::Candidate;

    use super::*;

    fn figure(mean: f64) -> Option<Figure> {
        Some(Figure { mean, deviation: 0.01, repeats: 3 })
    }

    fn report() -> DistillReport {
        let accuracy = Accuracies {
            distilled: figure(0.75).unwrap(),
            random: figure(0.625),
            initial: figure(0.6875),
            whole: figure(0.875),
        };
        DistillReport {
            method: "ncfm".into(),
            engine: "cpu".into(),
            images_per_class: 10,
            iterations: 60,
            seed: 7,
            file: "out/x/distilled.attar".into(),
            seconds: Seconds { pool: 40.0, distill: 100.0, choose: 9.0, evaluate: 0.0 },
            choice: None,
            protocol: Some("quick".into()),
            accuracy: Some(accuracy),
            bytes: Bytes { source: 5_200_000, file: 52_000 },
            skipped: Vec::new(),
        }
    }

    #[test]
    fn people_get_aligned_columns() {
        let sizes = Sizes { per_class: "10".into(), labels: Labels::Hard, test: 2000, whole: 10_000 };
        let expected = "\
accuracy on 2000 test images (protocol quick; 3 networks each, mean ± deviation)
  distilled, 10 a class        0.7500 ± 0.0100
  random real, 10 a class      0.6250 ± 0.0100
  un-optimised initialisation  0.6875 ± 0.0100
  whole set, 10000 images      0.8750 ± 0.0100

size     5.20 MB -> 52.0 kB (100 times smaller)
time     pool 40 s, distillation 1 min 40 s, choice 9.0 s
made by  ncfm, 60 iterations, seed 7, on cpu
file     out/x/distilled.attar
picture  out/x/grid.png
";
        assert_eq!(report().text(&sizes, "out/x/grid.png"), expected);
        let choice = Choice { kept: Candidate::Result, start: 0.734, last: None, result: 0.7831, images: 1000 };
        let chosen = DistillReport { choice: Some(choice), ..report() }.text(&sizes, "out/x/grid.png");
        assert!(
            chosen.contains("\n\nkept     the result: 0.783 on 1000 held-out training images, the start 0.734\nsize ")
        );
        let soft = report().text(&Sizes { labels: Labels::Soft, ..sizes }, "out/x/grid.png");
        assert!(
            soft.contains("distilled, 10 a class, soft labels")
                && soft.contains("random real, 10 a class, hard labels")
        );
    }

    #[test]
    fn programs_get_fractions_and_nulls() {
        let value = serde_json::to_value(report()).unwrap();
        assert_eq!(value["accuracy"]["whole"], serde_json::json!({"mean": 0.875, "deviation": 0.01, "repeats": 3}));
        let without = serde_json::to_value(DistillReport { protocol: None, accuracy: None, ..report() }).unwrap();
        assert!(without["accuracy"].is_null() && without["protocol"].is_null());
    }
}
