//! The axes of the panels.

use super::{Panel, mark::GREY, scale::Scale};
use crate::args::Over;

/// The size of a panel's axes, alone and beside others.
const ALONE: (f64, f64) = (640.0, 360.0);
const BESIDE: (f64, f64) = (400.0, 280.0);

/// The axes that all panels have in common, so that one can be held against another.
pub struct Axes {
    pub size: (f64, f64),
    pub x: Scale,
    pub y: Scale,
    /// What the horizontal one shows.
    pub title: &'static str,
}

impl Axes {
    /// With room for what all panels show.
    pub fn new(panels: &[Panel<'_>], over: Over) -> Axes {
        let (width, height) = if panels.len() == 1 { ALONE } else { BESIDE };
        let shown = || panels.iter().flat_map(|panel| panel.sets.iter().chain(panel.random.iter().flatten()));
        let sizes: Vec<f64> = shown().map(|(size, _)| *size).collect();
        let figures = shown().map(|(_, figure)| *figure).chain(panels.iter().filter_map(|panel| panel.whole));
        let ends = figures.flat_map(|figure| [figure.mean - figure.deviation, figure.mean + figure.deviation]);
        let accuracies: Vec<f64> = ends.map(|end| end.clamp(0.0, 1.0)).collect();
        Axes {
            size: (width, height),
            x: Scale::sizes(&sizes, over, (0.0, width)),
            y: Scale::fractions(&accuracies, (height, 0.0)),
            title: title(over),
        }
    }

    /// Lines and labels of the ticks.
    pub fn grid(&self) -> String {
        let ((width, height), mut text) = (self.size, String::new());
        for (value, label) in &self.y.ticks {
            let at = self.y.place(*value);
            text += &format!(
                "<line x1=\"0\" y1=\"{at:.1}\" x2=\"{width}\" y2=\"{at:.1}\" stroke=\"#e3e5e8\"/>\n\
                 <text x=\"-10\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>\n",
                at + 4.5
            );
        }
        for (value, label) in &self.x.ticks {
            let at = self.x.place(*value);
            text += &format!(
                "<line x1=\"{at:.1}\" y1=\"{height}\" x2=\"{at:.1}\" y2=\"{:.1}\" stroke=\"{GREY}\"/>\n\
                 <text x=\"{at:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{label}</text>\n",
                height + 5.0,
                height + 22.0
            );
        }
        text + &format!("<line x1=\"0\" y1=\"{height}\" x2=\"{width}\" y2=\"{height}\" stroke=\"{GREY}\"/>\n")
    }
}

/// What the horizontal axis shows.
pub fn title(over: Over) -> &'static str {
    match over {
        Over::Bytes => "size of the file",
        Over::Images => "number of images",
    }
}
