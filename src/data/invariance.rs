//! Which changes keep an image's class, found on the images themselves.
//!
//! Small copies of some images are told by their nearest neighbour among others, as they are and changed as augmentation
//! changes them on an average. Where the changed ones are told right nearly as often, the change keeps the class: clothes and
//! photographs may be mirrored, digits and arrows may not.

use super::{Dataset, Images, Normalisation};
use crate::{
    nn::{
        ImageSize,
        augment::{IDENTITY, Map, Parameters, flipped, rotated},
    },
    rng::Draws,
};

/// The stream of random numbers by which images are chosen.
const STREAM: u32 = 0x494e_5641;

/// Images that are looked through for a neighbour, and of these the ones whose neighbours are looked for.
const NEIGHBOURS: usize = 2000;
const ASKED: usize = 500;

/// Side of the small copies, and how many points across a small pixel are averaged.
const SIDE: usize = 10;
const POINTS: usize = 4;

/// The share of what neighbours tell better than guessing that must be left of mirrored images: 0.73 is of the sample's
/// clothes, 0.95 of CIFAR-10's photographs, 0.34 of handwritten digits.
const MIRRORED: f64 = 0.5;

/// The same of turned and of recoloured images. Neighbours by pixels miss small turns by themselves: of photographs that
/// are turned by 7.5 degrees 0.49 to 0.92 is left.
const CHANGED: f64 = 0.25;

/// A loss within so many standard deviations is chance.
const SIGNIFICANT: f64 = 3.0;

/// Which of the changes that augmentation makes keep the class of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Invariances {
    /// Left and right exchanged.
    pub mirror: bool,
    /// Turned by up to 15 degrees.
    pub rotate: bool,
    /// Another brightness, saturation and contrast.
    pub color: bool,
}

impl Dataset {
    /// Which changes keep the class of these images, as far as their nearest neighbours tell; found once. What they do not
    /// tell, as of few images, is taken to.
    pub fn invariances(&self) -> Invariances {
        *self.facts.invariances.get_or_init(|| Probe::new(self).invariances())
    }
}

/// The images looked at.
struct Probe<'a> {
    images: &'a Images,
    normalisation: Normalisation,
    rows: Vec<usize>,
    labels: Vec<u32>,
    /// Small copies of the rows, and half the square of each one's length.
    copies: Vec<Vec<f32>>,
    halves: Vec<f32>,
    /// Whether each image that is asked about is told right as it is.
    plain: Vec<bool>,
    /// What guessing tells.
    guessed: f64,
}

impl<'a> Probe<'a> {
    fn new(data: &'a Dataset) -> Probe<'a> {
        let order = Draws::new(0, STREAM, 0).permutation(data.len());
        let rows: Vec<usize> = order.iter().take(NEIGHBOURS).map(|&row| row as usize).collect();
        let labels: Vec<u32> = rows.iter().map(|&row| data.labels()[row]).collect();
        let of_class = |class: usize| labels.iter().filter(|&&label| label as usize == class).count();
        let most = (0..data.classes().len()).map(of_class).max().unwrap_or(0);
        let guessed = most as f64 / rows.len() as f64;
        let mut probe = Probe {
            images: data.images(),
            normalisation: data.normalisation(),
            rows,
            labels,
            copies: Vec::new(),
            halves: Vec::new(),
            plain: Vec::new(),
            guessed,
        };
        probe.copies = probe.rows.iter().map(|&row| probe.copy(row, &Parameters::NEUTRAL)).collect();
        probe.halves = probe.copies.iter().map(|copy| dot(copy, copy) / 2.0).collect();
        probe.plain = probe.told(&Parameters::NEUTRAL);
        probe
    }

    fn invariances(&self) -> Invariances {
        let all = |changes: &[Parameters], share| changes.iter().all(|change| self.keeps(change, share));
        let plain = Parameters::NEUTRAL;
        let turned = |degrees: f64| Parameters { map: rotated(degrees.to_radians(), self.size()), ..plain };
        let light = [
            Parameters { brightness: -0.25, ..plain },
            Parameters { brightness: 0.25, ..plain },
            Parameters { contrast: 0.75, ..plain },
            Parameters { contrast: 1.25, ..plain },
        ];
        let saturations = [0.5, 1.5].map(|saturation| Parameters { saturation, ..plain });
        let gray = self.images.channels() == 1;
        Invariances {
            mirror: all(&[Parameters { map: flipped(IDENTITY), ..plain }], MIRRORED),
            rotate: all(&[turned(-7.5), turned(7.5)], CHANGED),
            color: all(&light, CHANGED) && (gray || all(&saturations, CHANGED)),
        }
    }

    fn size(&self) -> ImageSize {
        let (channels, height, width) = (self.images.channels(), self.images.height(), self.images.width());
        ImageSize { channels, height, width }
    }

    /// Whether so large a share of what is told better than by guessing is left, or as much as chance may leave.
    fn keeps(&self, change: &Parameters, share: f64) -> bool {
        let changed = self.told(change);
        let right = |told: &[bool]| told.iter().filter(|right| **right).count() as f64;
        let (before, after) = (right(&self.plain), right(&changed));
        let guessed = self.guessed * changed.len() as f64;
        let differing = self.plain.iter().zip(&changed).filter(|(plain, changed)| plain != changed).count();
        // McNemar's test: of those told otherwise, half would be lost by chance.
        before - after <= SIGNIFICANT * (differing as f64).sqrt() || after - guessed >= share * (before - guessed)
    }

    /// Whether each image that is asked about, so changed, has a nearest neighbour of its class among the others.
    fn told(&self, change: &Parameters) -> Vec<bool> {
        let asked = self.rows.len().min(ASKED);
        let told = |own: usize| {
            let copy = self.copy(self.rows[own], change);
            let (mut nearest, mut best) = (None, f32::INFINITY);
            for (index, (other, half)) in self.copies.iter().zip(&self.halves).enumerate() {
                let distance = half - dot(&copy, other);
                if distance < best && index != own {
                    (nearest, best) = (Some(index), distance);
                }
            }
            nearest.is_some_and(|nearest| self.labels[nearest] == self.labels[own])
        };
        (0..asked).map(told).collect()
    }

    /// The small copy of an image, normalised and changed.
    fn copy(&self, row: usize, change: &Parameters) -> Vec<f32> {
        let size = self.size();
        let image = self.images.get(row).unwrap_or_default();
        let mut copy = Vec::with_capacity(image.len().min(size.channels * SIDE * SIDE));
        for (channel, pixels) in image.chunks_exact(size.height * size.width).enumerate() {
            let (mean, std) = (self.normalisation.mean[channel], self.normalisation.std[channel]);
            copy.extend(shrunk(pixels, size, change.map).map(|value| (value / 255.0 - mean) / std));
        }
        recolor(&mut copy, size.channels, change);
        copy
    }
}

/// A plane `[h, w]`, read through this map about its centre, as at most `SIDE` by `SIDE` means of points.
fn shrunk(plane: &[u8], ImageSize { height, width, .. }: ImageSize, map: Map) -> impl Iterator<Item = f32> {
    let (rows, columns) = (height.min(SIDE), width.min(SIDE));
    let place = |at: usize, cells: usize, size: usize| {
        (at as f64 + 0.5) / (cells * POINTS) as f64 * size as f64 - size as f64 / 2.0
    };
    let inside = |at: f64, size: usize| (at + size as f64 / 2.0).clamp(0.0, size as f64 - 1.0) as usize;
    let read = move |row: usize, column: usize| {
        let (y, x) = (place(row, rows, height), place(column, columns, width));
        let [across, down] = map.map(|[by_x, by_y, shift]| by_x * x + by_y * y + shift);
        f32::from(plane[inside(down, height) * width + inside(across, width)])
    };
    (0..rows * columns).map(move |cell| {
        let (row, column) = (cell / columns * POINTS, cell % columns * POINTS);
        let points = (0..POINTS * POINTS).map(|point| read(row + point / POINTS, column + point % POINTS));
        points.sum::<f32>() / (POINTS * POINTS) as f32
    })
}

/// Brightness, saturation and contrast of normalised planes `[c, h, w]`, in the order in which augmentation changes them.
fn recolor(copy: &mut [f32], channels: usize, change: &Parameters) {
    let [brightness, saturation, contrast] =
        [change.brightness, change.saturation, change.contrast].map(|value| value as f32);
    let (all, plane) = (copy.len(), copy.len() / channels.max(1));
    copy.iter_mut().for_each(|value| *value += brightness);
    (0..plane).for_each(|pixel| about_mean(copy, (pixel..all).step_by(plane), saturation));
    about_mean(copy, 0..all, contrast);
}

/// Scales the distances of the values at these places from their mean.
fn about_mean(values: &mut [f32], places: impl ExactSizeIterator<Item = usize> + Clone, factor: f32) {
    let mean = places.clone().map(|at| values[at]).sum::<f32>() / places.len().max(1) as f32;
    places.for_each(|at| values[at] = (values[at] - mean) * factor + mean);
}

/// The inner product, in eight sums, which a processor adds up at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0f32; 8];
    let (a_parts, b_parts) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_parts.remainder().iter().zip(b_parts.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in a_parts.zip(b_parts) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE_OF: usize = 16;

    /// 400 images, `[1, 16, 16]`, in turn of these classes; `value(class, shift, row, column)` with a shift of the image.
    fn data(classes: u32, value: impl Fn(u32, usize, usize, usize) -> u8) -> Dataset {
        let mut draws = Draws::new(5, 0, 0);
        let labels: Vec<u32> = (0..400).map(|row| row % classes).collect();
        let mut pixels = Vec::new();
        for &class in &labels {
            let shift = draws.below(5);
            for at in 0..SIDE_OF * SIDE_OF {
                let noise = draws.below(24) as u8;
                pixels.push(value(class, shift, at / SIDE_OF, at % SIDE_OF).saturating_add(noise));
            }
        }
        let names = (0..classes).map(|class| format!("class {class}")).collect();
        Dataset::new(names, Images::new(1, SIDE_OF, SIDE_OF, pixels).expect("they fit"), labels).expect("labels fit")
    }

    #[test]
    fn arrows_are_not_mirrored() {
        let arrows = data(2, |class, shift, row, column| {
            let column = if class == 0 { column } else { SIDE_OF - 1 - column };
            let line = row.abs_diff(6 + shift) == column.saturating_sub(4) && column < 9;
            if line || row == 6 + shift { 200 } else { 10 }
        });
        let found = arrows.invariances();
        assert!(!found.mirror && found.color, "{found:?}");
    }

    #[test]
    fn rings_and_crosses_are() {
        let shapes = data(2, |class, shift, row, column| {
            let (y, x) = (row.abs_diff(6 + shift), column.abs_diff(8));
            let ring = (12..30).contains(&(y * y + x * x));
            if if class == 0 { ring } else { y == 0 || x == 0 } { 200 } else { 10 }
        });
        assert_eq!(shapes.invariances(), Invariances { mirror: true, rotate: true, color: true });
    }

    #[test]
    fn hands_of_a_clock_are_not_turned() {
        let hands = data(20, |class, _, row, column| {
            let (sin, cos) = (f64::from(class) * 7.5).to_radians().sin_cos();
            let (y, x) = (row as f64 - 7.5, column as f64 - 7.5);
            if (y * cos + x * sin).abs() < 0.8 { 220 } else { 10 }
        });
        assert!(!hands.invariances().rotate);
    }

    #[test]
    fn levels_of_gray_are_not_brightened() {
        let levels = data(12, |class, _, _, _| 60 + 12 * class as u8);
        let found = levels.invariances();
        assert!(!found.color && found.mirror, "{found:?}");
    }

    #[test]
    fn few_images_tell_nothing() {
        let few = data(2, |_, _, _, _| 60).select(&[0, 1, 2, 3]).expect("there are rows");
        assert_eq!(few.invariances(), Invariances { mirror: true, rotate: true, color: true });
    }
}
