//! A comparison as a table, for a terminal and in Markdown.

use attar::recipe::Labels;

use super::report::{CompareReport, JudgedBy, Judgement, SetReport};
use crate::{
    format,
    report::{Figure, heading, if_fewer},
};

/// What stands above each column, and whether its cells are numbers.
const COLUMNS: [(&str, bool); 12] = [
    ("set", false),
    ("labels", false),
    ("images", true),
    ("bytes", true),
    ("network", false),
    ("accuracy", true),
    ("hard labels", true),
    ("random real", true),
    ("IOR", true),
    ("HLR", true),
    ("distilled in", true),
    ("judged in", true),
];

const IMPROVEMENT: &str = "IOR, improvement over random: the accuracy less that of as many random real images";
const RECOVERY: &str =
    "HLR, hard-label recovery: the accuracy of the whole set less that with hard labels; less is better";

/// Lines of cells below their titles; columns that would be empty are left out.
struct Table {
    columns: Vec<(&'static str, bool)>,
    lines: Vec<Vec<String>>,
}

/// For a terminal.
pub fn text(report: &CompareReport) -> String {
    let table = Table::new(report);
    let notes: String = notes(report).iter().map(|note| format!("{note}\n")).collect();
    let gap = if notes.is_empty() { "" } else { "\n" };
    let heading = heading(report.test_images, &report.protocol, report.repeats);
    format!("{heading}\n{}{gap}{notes}", table.text())
}

/// In Markdown, with a plot that lies beside it.
pub fn markdown(report: &CompareReport, plot: &str) -> String {
    let heading = heading(report.test_images, &report.protocol, report.repeats);
    let table = Table::new(report).markdown();
    let notes: String = notes(report).iter().map(|note| format!("- {note}.\n")).collect();
    let gap = if notes.is_empty() { "" } else { "\n" };
    let (engine, seed, version) = (&report.engine, report.seed, env!("CARGO_PKG_VERSION"));
    let made = format!("Measured by Attar {version} on `{engine}`, seed {seed}.\n");
    format!("# Comparison\n\nThe {heading}.\n\n{table}{gap}{notes}\n![The accuracy of each set]({plot})\n\n{made}")
}

/// What the figures in the table mean that are not plain.
fn notes(report: &CompareReport) -> Vec<&'static str> {
    let random = report.sets.iter().any(|set| set.random.is_some());
    [random.then_some(IMPROVEMENT), report.whole.as_ref().map(|_| RECOVERY)].into_iter().flatten().collect()
}

/// A line for each kind of network.
fn lines_of_set(report: &CompareReport, set: &SetReport) -> Vec<[String; 12]> {
    let soft = report.sets.iter().any(|set| set.labels == Labels::Soft);
    let labels = match set.labels {
        _ if !soft => "",
        Labels::Hard => "hard",
        Labels::Soft => "soft",
    };
    let signed = |value: Option<f64>| value.map(|value| format!("{value:+.4}")).unwrap_or_default();
    let line = |(at, (result, judged)): (usize, (&Judgement, &JudgedBy))| {
        // What is the same for all networks is told once.
        let once = |text: String| if at == 0 { text } else { String::new() };
        [
            once(set.name.clone()),
            once(labels.into()),
            once(set.images.to_string()),
            once(format::bytes(set.bytes)),
            network(report, &judged.network),
            result.accuracy.to_string(),
            if soft { result.hard.to_string() } else { String::new() },
            result.random.map(|figure| figure.to_string()).unwrap_or_default(),
            signed(result.improvement_over_random),
            signed(result.hard_label_recovery),
            once(set.seconds.distill.map(format::seconds).unwrap_or_default()),
            once(format::seconds(set.seconds.evaluate)),
        ]
    };
    set.results.iter().zip(&report.networks).enumerate().map(line).collect()
}

/// As [`lines_of_set`], of the whole set.
fn lines_of_whole(report: &CompareReport) -> Vec<[String; 12]> {
    let Some(whole) = &report.whole else { return Vec::new() };
    let line = |(at, (figure, judged)): (usize, (&Figure, &JudgedBy))| {
        let once = |text: String| if at == 0 { text } else { String::new() };
        let mut cells: [String; 12] = Default::default();
        cells[0] = once(format!("whole set{}", if_fewer(*figure, report.repeats)));
        cells[2] = once(whole.images.to_string());
        cells[4] = network(report, &judged.network);
        cells[5] = figure.to_string();
        cells[11] = once(format::seconds(whole.seconds));
        cells
    };
    whole.accuracy.iter().zip(&report.networks).enumerate().map(line).collect()
}

/// The kind of network, where there are several.
fn network(report: &CompareReport, name: &str) -> String {
    if report.networks.len() > 1 { name.into() } else { String::new() }
}

impl Table {
    fn new(report: &CompareReport) -> Table {
        let mut lines: Vec<_> = report.sets.iter().flat_map(|set| lines_of_set(report, set)).collect();
        lines.extend(lines_of_whole(report));
        let filled: Vec<usize> =
            (0..COLUMNS.len()).filter(|&at| lines.iter().any(|line| !line[at].is_empty())).collect();
        Table {
            columns: filled.iter().map(|&at| COLUMNS[at]).collect(),
            lines: lines.iter().map(|line| filled.iter().map(|&at| line[at].clone()).collect()).collect(),
        }
    }

    fn text(&self) -> String {
        let titles: Vec<String> = self.columns.iter().map(|(title, _)| (*title).into()).collect();
        let all = || std::iter::once(&titles).chain(&self.lines);
        let width = |at: usize| all().map(|line| line[at].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let padded = |(at, cell): (usize, &String)| {
            let width = widths[at];
            if self.columns[at].1 { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        };
        let row = |line: &Vec<String>| {
            let cells: Vec<String> = line.iter().enumerate().map(padded).collect();
            format!("{}\n", cells.join("  ").trim_end())
        };
        all().map(row).collect()
    }

    fn markdown(&self) -> String {
        let row = |cells: Vec<String>| format!("| {} |\n", cells.join(" | "));
        let titles = self.columns.iter().map(|(title, _)| (*title).into());
        let rule = self.columns.iter().map(|(_, number)| if *number { "---:" } else { "---" }.into());
        let mut text = row(titles.collect()) + &row(rule.collect());
        for line in &self.lines {
            text += &row(line.iter().map(|cell| cell.replace('|', r"\|")).collect());
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::report::tests::report;
    use super::*;

    #[test]
    fn a_terminal_gets_aligned_columns() {
        let expected = "\
accuracy on 2000 test images (protocol quick; 2 networks each, mean ± deviation)
set        labels  images    bytes  network          accuracy      hard labels      random real      IOR      HLR  distilled in  judged in
dm         hard       100  68.0 kB  convnet   0.7500 ± 0.0100  0.7500 ± 0.0100  0.7000 ± 0.0100  +0.0500  +0.1000    1 min 01 s      4.0 s
                                    resnet18  0.6500 ± 0.0100  0.6500 ± 0.0100  0.6750 ± 0.0100  -0.0250  +0.1500
rded       soft        10  7.00 kB  convnet   0.6000 ± 0.0100  0.5500 ± 0.0100  0.5000 ± 0.0100  +0.1000  +0.3000                    4.0 s
                                    resnet18  0.5000 ± 0.0100  0.4500 ± 0.0100  0.4000 ± 0.0100  +0.1000  +0.3500
whole set           10000           convnet   0.8500 ± 0.0100                                                                         20 s
                                    resnet18  0.8000 ± 0.0100

IOR, improvement over random: the accuracy less that of as many random real images
HLR, hard-label recovery: the accuracy of the whole set less that with hard labels; less is better
";
        let text = text(&report());
        assert_eq!(text, expected, "{text}");
    }

    #[test]
    fn columns_without_anything_are_left_out() {
        let mut report = report();
        (report.whole, report.repeats) = (None, 1);
        report.networks.truncate(1);
        report.sets.truncate(1);
        let set = &mut report.sets[0];
        (set.random, set.seconds.distill) = (None, None);
        let figure = Figure { repeats: 1, ..set.results[0].accuracy };
        set.results = vec![Judgement::new(figure, figure, None, None)];
        let expected = "\
accuracy on 2000 test images (protocol quick; 1 network)
set  images    bytes  accuracy  judged in
dm      100  68.0 kB    0.7500      4.0 s
";
        assert_eq!(text(&report), expected);
        report.sets[0].name = "a|b".into();
        let markdown = markdown(&report, "compare.svg");
        assert!(
            markdown.contains(
                "\n| set | images | bytes | accuracy | judged in |\n| --- | ---: | ---: | ---: | ---: |\n| a\\|b | 100 "
            ),
            "{markdown}"
        );
        assert!(markdown.contains("](compare.svg)") && !markdown.contains("IOR"), "{markdown}");
    }
}
