//! The legend.

use super::{
    escaped,
    mark::{Fill, GREY, Mark},
};
use crate::compare::report::CompareReport;

/// A line of the legend.
const LINE: f64 = 26.0;
/// By and large, of a letter of the legend: nobody knows the font.
const LETTER: f64 = 7.6;

/// What each mark means, in as many columns as have room, and the height that it takes.
pub fn draw(report: &CompareReport, width: f64) -> (String, f64) {
    let mut entries: Vec<(String, String)> = Vec::new();
    for (index, set) in report.sets.iter().enumerate() {
        entries.push((Mark::of(index).at(8.0, 0.0, Fill::Full), set.name.clone()));
    }
    if report.sets.iter().any(|set| set.random.is_some()) {
        entries.push((Mark::SHARED.at(8.0, 0.0, Fill::Open), "open: as many random real images".into()));
    }
    if let Some(whole) = &report.whole {
        let line = format!("<line x1=\"0\" y1=\"0\" x2=\"18\" y2=\"0\" stroke=\"{GREY}\" stroke-dasharray=\"7 4\"/>\n");
        entries.push((line, format!("all {} real images", whole.images)));
    }
    let longest = entries.iter().map(|(_, name)| name.chars().count()).max().unwrap_or(0);
    let column = 40.0 + longest as f64 * LETTER;
    let columns = ((width / column).floor() as usize).clamp(1, entries.len().max(1));
    let lines = entries.len().div_ceil(columns);
    let mut text = String::new();
    for (index, (mark, name)) in entries.iter().enumerate() {
        let (x, y) = ((index / lines) as f64 * column, 10.0 + (index % lines) as f64 * LINE);
        text += &format!(
            "<g transform=\"translate({x:.1} {y:.1})\">\n{mark}<text x=\"26\" y=\"4.5\">{}</text>\n</g>\n",
            escaped(name)
        );
    }
    (text, lines as f64 * LINE)
}
