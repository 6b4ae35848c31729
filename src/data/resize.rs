//! From a picture of any size to one of a fixed size: shared by the image folders and the browser.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// What becomes of pictures whose sides are in another proportion than those asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// Resized until they cover the size asked for, then cropped about the centre.
    #[default]
    Crop,
    /// Resized until they fit in it, and continued by their own edges.
    Pad,
    /// Each side is resized by itself.
    Stretch,
}

impl Fit {
    /// By name.
    pub const ALL: [(&'static str, Fit); 3] = [("crop", Fit::Crop), ("pad", Fit::Pad), ("stretch", Fit::Stretch)];

    /// What is done to a picture much longer than wide, if something of it is lost or distorted.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn to_lopsided(self) -> Option<&'static str> {
        match self {
            Fit::Crop => Some("cropped about the centre, so that more than half of each is lost"),
            Fit::Pad => None,
            Fit::Stretch => Some("stretched"),
        }
    }
}

/// One picture as decoders and the browser give it (RGBA, `[height, width, 4]`) as planes `[channels, h, w]`.
///
/// Transparent parts lie over white. One channel is the luma of ITU-R BT.601; three are red, green and blue. The picture
/// takes the size asked for as `how` says.
///
/// # Errors
/// [`Error::Data`] if the length is not `height * width * 4`, a size is 0, or `channels` is neither 1 nor 3.
pub fn fit(
    rgba: &[u8],
    (height, width): (usize, usize),
    channels: usize,
    (to_height, to_width): (usize, usize),
    how: Fit,
) -> Result<Vec<u8>> {
    if height.checked_mul(width).and_then(|n| n.checked_mul(4)) != Some(rgba.len()) || rgba.is_empty() {
        let bytes = rgba.len();
        return Err(Error::Data(format!("{bytes} bytes are not an RGBA picture of {height} x {width} pixels")));
    }
    if !matches!(channels, 1 | 3) || to_height == 0 || to_width == 0 {
        return Err(Error::Data(format!(
            "a picture cannot become {channels} channels of {to_height} x {to_width} pixels: ask for 1 or 3 channels"
        )));
    }
    let plane = |channel: usize| -> Vec<u8> {
        let value = |pixel: &[u8]| if channels == 1 { luma(pixel) } else { over_white(pixel[channel], pixel[3]) };
        resample(&rgba.chunks_exact(4).map(value).collect::<Vec<u8>>(), (height, width), (to_height, to_width), how)
    };
    Ok((0..channels).flat_map(plane).collect())
}

fn over_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u32::from(value), u32::from(alpha));
    ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

fn luma(rgba: &[u8]) -> u8 {
    let part = |channel: usize, weight: u32| weight * u32::from(over_white(rgba[channel], rgba[3]));
    ((part(0, 299) + part(1, 587) + part(2, 114) + 500) / 1000) as u8
}

/// Resizes a plane `[h, w]` about its centre.
///
/// Bilinear, with the filter widened when shrinking so that nothing aliases (what Pillow and `createImageBitmap` call
/// bilinear and high quality). Sizes must be at least 1.
pub(super) fn resample(plane: &[u8], from: (usize, usize), to: (usize, usize), how: Fit) -> Vec<u8> {
    if from == to {
        return plane.to_vec();
    }
    let own = (from.0 as f64 / to.0 as f64, from.1 as f64 / to.1 as f64);
    let steps = match how {
        Fit::Crop => (own.0.min(own.1), own.0.min(own.1)),
        Fit::Pad => (own.0.max(own.1), own.0.max(own.1)),
        Fit::Stretch => own,
    };
    let (vertical, horizontal) = (taps(from.0, to.0, steps.0), taps(from.1, to.1, steps.1));
    let across = |row: &[u8]| -> Vec<f32> {
        horizontal.iter().map(|tap| tap.sum(row[tap.first..].iter().map(|&pixel| f32::from(pixel)))).collect()
    };
    let rows: Vec<Vec<f32>> = plane.chunks_exact(from.1).map(across).collect();
    let mut out = Vec::with_capacity(to.0 * to.1);
    for tap in &vertical {
        let value = |x: usize| tap.sum(rows[tap.first..].iter().map(|row| row[x]));
        out.extend((0..to.1).map(|x| value(x).round() as u8));
    }
    out
}

/// The weights of one output pixel, over the input from `first` on; their sum is 1.
struct Tap {
    first: usize,
    weights: Vec<f32>,
}

impl Tap {
    fn sum(&self, values: impl Iterator<Item = f32>) -> f32 {
        self.weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
    }
}

/// The taps of `to` output pixels, `step` input pixels apart, about the centre of `from` input pixels.
fn taps(from: usize, to: usize, step: f64) -> Vec<Tap> {
    let reach = step.max(1.0);
    let start = (from as f64 - to as f64 * step) / 2.0;
    let tap = |index: usize| {
        // Past the edges, the edge goes on.
        let centre = (start + (index as f64 + 0.5) * step - 0.5).clamp(-0.5, from as f64 - 0.5);
        let first = (centre - reach).ceil().max(0.0) as usize;
        let last = ((centre + reach).floor() as usize).min(from - 1);
        let weights: Vec<f64> = (first..=last).map(|i| (1.0 - (i as f64 - centre).abs() / reach).max(0.0)).collect();
        let total: f64 = weights.iter().sum();
        Tap { first, weights: weights.iter().map(|weight| (weight / total) as f32).collect() }
    };
    (0..to).map(tap).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn same_size_and_flat_planes_stay() {
        let plane: Vec<u8> = (0..12).map(|i| i * 20).collect();
        assert_eq!(resample(&plane, (3, 4), (3, 4), Fit::Crop), plane);
        assert_eq!(resample(&plane, (3, 4), (3, 2), Fit::Crop), [20, 40, 100, 120, 180, 200]);
        for (from, to) in [((5, 9), (2, 2)), ((1, 1), (4, 3)), ((64, 1), (1, 64)), ((3, 7), (30, 11))] {
            assert_eq!(resample(&vec![77; from.0 * from.1], from, to, Fit::Crop), vec![77; to.0 * to.1]);
        }
    }

    /// By hand: halving weighs (3, 3, 1) / 7 at the edge; doubling (3, 1) / 4 within.
    #[test]
    fn shrinking_and_growing_weigh_by_distance() {
        let row = [0, 80, 160, 240];
        let doubled: Vec<u8> = [row, row, row, row].concat();
        assert_eq!(resample(&doubled, (4, 4), (2, 2), Fit::Crop), [57, 183, 57, 183]);
        assert_eq!(resample(&doubled, (4, 4), (8, 8), Fit::Crop)[..8], [0, 20, 60, 100, 140, 180, 220, 240]);
    }

    /// A picture twice as wide as high, dark on the left and light on the right, with a bright middle.
    #[test]
    fn what_is_not_square_is_cropped_padded_or_stretched() {
        let picture = [[0, 80, 160, 240], [10, 90, 170, 250]].concat();
        let square = |how| resample(&picture, (2, 4), (4, 4), how);
        assert_eq!(resample(&picture, (2, 4), (2, 2), Fit::Crop), [80, 160, 90, 170]);
        assert_eq!(
            square(Fit::Pad),
            [[0, 80, 160, 240], [0, 80, 160, 240], [10, 90, 170, 250], [10, 90, 170, 250]].concat()
        );
        let rows = [0, 3, 8, 10].map(|down| [0, 80, 160, 240].map(|value| value + down));
        assert_eq!(square(Fit::Stretch), rows.concat());
    }

    #[test]
    fn transparency_lies_over_white() {
        let picture = [10, 20, 30, 255, 10, 20, 30, 0];
        assert_eq!(fit(&picture, (1, 2), 3, (1, 2), Fit::Crop).unwrap(), [10, 255, 20, 255, 30, 255]);
        assert_eq!(fit(&picture, (1, 2), 1, (1, 2), Fit::Crop).unwrap(), [18, 255]);
        let grey: Vec<u8> = (0..=255).flat_map(|v| [v, v, v, 255]).collect();
        assert_eq!(fit(&grey, (16, 16), 1, (16, 16), Fit::Crop).unwrap(), (0..=255).collect::<Vec<u8>>());
    }

    #[test]
    fn wrong_sizes_are_refused() {
        assert!(fit(&[0; 8], (1, 1), 3, (1, 1), Fit::Crop).is_err());
        assert!(fit(&[], (0, 1), 3, (1, 1), Fit::Crop).is_err());
        assert!(fit(&[0; 4], (1, 1), 2, (1, 1), Fit::Crop).is_err());
        assert!(fit(&[0; 4], (1, 1), 3, (0, 1), Fit::Crop).is_err());
    }
}
