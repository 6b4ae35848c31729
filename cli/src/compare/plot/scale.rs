//! From values to pixels, and where an axis has its ticks.

use crate::args::Over;

/// The multiples of powers of ten that people like to read.
const NICE: [f64; 3] = [1.0, 2.0, 5.0];

/// An axis.
pub struct Scale {
    low: f64,
    high: f64,
    /// The pixels of `low` and of `high`.
    pixels: (f64, f64),
    /// What lies between: a value's logarithm or itself, evenly.
    map: fn(f64) -> f64,
    /// Values that are marked, and what stands beside them.
    pub ticks: Vec<(f64, String)>,
}

impl Scale {
    /// A logarithmic axis with room about these positive values, at least three octaves, so that it has ticks.
    pub fn sizes(values: &[f64], over: Over, pixels: (f64, f64)) -> Scale {
        let (least, most) = extent(values);
        let octaves = (most / least).log2();
        let room = (0.1 * octaves).max((3.0 - octaves) / 2.0).exp2();
        let (low, high) = (least / room, most * room);
        let powers = || (0..19).map(|power| 10f64.powi(power));
        let all: Vec<f64> = powers().flat_map(|power| NICE.map(|nice| nice * power)).collect();
        let inside = |values: Vec<f64>| values.into_iter().filter(|value| (low..=high).contains(value));
        let mut chosen: Vec<f64> = inside(all).collect();
        if chosen.len() > 7 {
            chosen = inside(powers().collect()).collect();
        }
        let label = |value: f64| match over {
            Over::Bytes => bytes(value),
            Over::Images => value.to_string(),
        };
        Scale {
            low,
            high,
            pixels,
            map: f64::ln,
            ticks: chosen.into_iter().map(|value| (value, label(value))).collect(),
        }
    }

    /// An axis of fractions that begins and ends at a tick.
    pub fn fractions(values: &[f64], pixels: (f64, f64)) -> Scale {
        let (least, most) = extent(values);
        let steps = [-3, -2, -1].into_iter().flat_map(|power| NICE.map(|nice| nice * 10f64.powi(power)));
        let ends = |step: f64| ((least / step).floor(), (most / step).ceil().max((least / step).floor() + 1.0));
        let fits = |step: &f64| ends(*step).1 - ends(*step).0 <= 6.0;
        let step = steps.into_iter().find(fits).unwrap_or(0.5);
        let (first, last) = ends(step);
        let decimals = if step < 0.01 { 3 } else { 2 };
        let tick = |index: i32| {
            let value = (first + f64::from(index)) * step;
            (value, format!("{value:.decimals$}"))
        };
        let ticks = (0..=(last - first) as i32).map(tick).collect();
        Scale { low: first * step, high: last * step, pixels, map: |value| value, ticks }
    }

    /// The pixel of a value.
    pub fn place(&self, value: f64) -> f64 {
        let [low, high, value] = [self.low, self.high, value].map(self.map);
        self.pixels.0 + (value - low) / (high - low) * (self.pixels.1 - self.pixels.0)
    }
}

/// The least and the most.
fn extent(values: &[f64]) -> (f64, f64) {
    let bounds = |(least, most): (f64, f64), &value: &f64| (least.min(value), most.max(value));
    values.iter().fold((f64::INFINITY, f64::NEG_INFINITY), bounds)
}

/// `20 kB`: a round size.
fn bytes(value: f64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let step = (value.log10() / 3.0 + 1e-9).floor().clamp(0.0, 4.0);
    format!("{:.0} {}", value / 1000f64.powf(step), units[step as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(scale: &Scale) -> Vec<&str> {
        scale.ticks.iter().map(|(_, label)| label.as_str()).collect()
    }

    #[test]
    fn sizes_are_marked_roundly() {
        let bytes = |values: &[f64]| Scale::sizes(values, Over::Bytes, (0.0, 100.0));
        assert_eq!(labels(&bytes(&[68_000.0])), ["50 kB", "100 kB"], "one value has an axis, too");
        assert_eq!(labels(&bytes(&[900.0, 70_000.0])), ["1 kB", "2 kB", "5 kB", "10 kB", "20 kB", "50 kB", "100 kB"]);
        assert_eq!(labels(&bytes(&[900.0, 7e7])), ["1 kB", "10 kB", "100 kB", "1 MB", "10 MB", "100 MB"]);
        assert_eq!(labels(&Scale::sizes(&[10.0, 100.0], Over::Images, (0.0, 1.0))), ["10", "20", "50", "100"]);
        let scale = bytes(&[1e3, 1e5]);
        let (first, middle, last) = (scale.place(1e3), scale.place(1e4), scale.place(1e5));
        assert!(first > 0.0 && last < 100.0 && (middle - 50.0).abs() < 1e-9, "{first} {middle} {last}");
    }

    #[test]
    fn fractions_begin_and_end_at_ticks() {
        let scale = Scale::fractions(&[0.61, 0.83], (300.0, 0.0));
        assert_eq!(labels(&scale), ["0.60", "0.65", "0.70", "0.75", "0.80", "0.85"]);
        assert!((scale.place(0.6) - 300.0).abs() < 1e-9 && scale.place(0.85).abs() < 1e-9);
        assert_eq!(
            labels(&Scale::fractions(&[0.0, 1.0], (1.0, 0.0))),
            ["0.00", "0.20", "0.40", "0.60", "0.80", "1.00"]
        );
        assert_eq!(labels(&Scale::fractions(&[0.5, 0.5], (1.0, 0.0))).len(), 2, "one value has an axis, too");
    }
}
