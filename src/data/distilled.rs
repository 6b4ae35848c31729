//! A distilled set: the few images, and everything needed to train on them and to make them again.

use std::borrow::Cow;

use super::container::FORMAT;
use super::{Losses, Normalisation};
use crate::{Error, Result, settings::Settings};

/// The pixels of a distilled set, `[n, c, h, w]` row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Planes {
    /// 0 to 255: as good as a PNG, and a quarter of the size.
    U8(Vec<u8>),
    /// Exactly as optimised. Black is 0 and white is 1; an optimised pixel may lie a little outside.
    F32(Vec<f32>),
}

impl Planes {
    /// Number of values.
    pub fn len(&self) -> usize {
        match self {
            Planes::U8(values) => values.len(),
            Planes::F32(values) => values.len(),
        }
    }

    /// Whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Class probabilities (not logits): what networks are trained towards instead of the classes themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum SoftLabels {
    /// A row an image, which all its pictures share: `[n, classes]`.
    Images(Vec<f32>),
    /// A row a decoded picture: `[n factor^2, classes]`, tile-major as [`decode`](crate::nn::decode::decode) gives them.
    Pictures(Vec<f32>),
}

impl SoftLabels {
    /// All probabilities, row-major.
    pub fn values(&self) -> &[f32] {
        match self {
            SoftLabels::Images(values) | SoftLabels::Pictures(values) => values,
        }
    }
}

/// What made a distilled set and how it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versions {
    /// Version of Attar that distilled it.
    pub attar: String,
    /// Version of the file format it was read from; writing always uses the newest, [`FORMAT`].
    pub format: u16,
}

impl Default for Versions {
    /// This Attar and its format.
    fn default() -> Versions {
        Versions { attar: env!("CARGO_PKG_VERSION").into(), format: FORMAT }
    }
}

/// A distilled set. It holds no times, dates or paths: the same run gives the same value.
///
/// The fields are open to whoever builds one; [`Distilled::check`] says whether they fit together, and whatever writes or
/// draws a set calls it first.
#[derive(Debug, Clone, PartialEq)]
pub struct Distilled {
    /// Pixels, `[n, channels, height, width]`.
    pub planes: Planes,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
    /// One class an image. Classes may have different numbers of images, in any order.
    pub labels: Vec<u32>,
    /// What the images are trained towards, if not towards their classes.
    pub soft: Option<SoftLabels>,
    /// The class names, by label.
    pub classes: Vec<String>,
    /// Of the real training images; networks see `(pixel - mean) / std`.
    pub normalisation: Normalisation,
    /// Multi-formation: each image is a canvas of `factor * factor` smaller ones. 1 if it is only itself.
    pub factor: u32,
    /// The number asked for; [`counts`](Distilled::counts) tells how many there are.
    pub images_per_class: u32,
    /// Name of the method.
    pub method: String,
    /// The recipe.
    pub recipe: Settings,
    /// What else the method found, by name, such as the rate at which networks are to be trained on the set.
    pub extras: Settings,
    pub seed: u64,
    /// [`Dataset::fingerprint`](super::Dataset::fingerprint) of the real training set.
    pub fingerprint: String,
    /// Of the iterations of the run, as [`Losses::history`] gives them.
    pub losses: Losses,
    pub versions: Versions,
}

impl Distilled {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are no images, which [`check`](Distilled::check) refuses.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Number of images of each class.
    pub fn counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes.len()];
        for &label in &self.labels {
            if let Some(count) = counts.get_mut(label as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// `[n, c, h, w]`.
    pub fn shape(&self) -> [usize; 4] {
        [self.len(), self.channels, self.height, self.width]
    }

    /// The pixels as f32, black 0 and white 1, `[n, c, h, w]`.
    pub fn images_f32(&self) -> Cow<'_, [f32]> {
        match &self.planes {
            Planes::U8(values) => values.iter().map(|&value| f32::from(value) / 255.0).collect(),
            Planes::F32(values) => values.into(),
        }
    }

    /// The pixels as u8, rounded and clamped, `[n, c, h, w]`.
    pub fn images_u8(&self) -> Cow<'_, [u8]> {
        match &self.planes {
            Planes::U8(values) => values.into(),
            Planes::F32(values) => values.iter().map(|&value| (value * 255.0).round() as u8).collect(),
        }
    }

    /// Checks that all parts fit together.
    ///
    /// # Errors
    /// [`Error::Data`] with the first that does not.
    pub fn check(&self) -> Result<()> {
        let faults = [
            self.size_fault(),
            self.label_fault(),
            self.soft_fault(),
            self.normalisation_fault(),
            (self.factor == 0 || self.factor as usize > self.height.min(self.width))
                .then(|| format!("a factor of {} does not fit its images", self.factor)),
        ];
        let Some(fault) = faults.into_iter().flatten().next() else { return Ok(()) };
        Err(Error::Data(format!("this is not a distilled set: {fault}")))
    }

    fn size_fault(&self) -> Option<String> {
        let [n, c, h, w] = self.shape();
        let values = n.checked_mul(c).and_then(|size| size.checked_mul(h)).and_then(|size| size.checked_mul(w));
        if self.planes.is_empty() || values != Some(self.planes.len()) {
            let found = self.planes.len();
            return Some(format!("{n} images of {c} channels and {h} x {w} pixels are not {found} values"));
        }
        let Planes::F32(values) = &self.planes else { return None };
        let bad = values.iter().position(|value| !value.is_finite())?;
        Some(format!("the pixel at {bad} is not a finite number"))
    }

    fn label_fault(&self) -> Option<String> {
        let count = self.classes.len();
        let bad = self.labels.iter().find(|&&label| label as usize >= count)?;
        Some(format!("an image has label {bad}, but there are only {count} classes"))
    }

    fn soft_fault(&self) -> Option<String> {
        let (soft, n, classes) = (self.soft.as_ref()?, self.len(), self.classes.len());
        let rows = match soft {
            SoftLabels::Images(_) => Some(n),
            SoftLabels::Pictures(_) => (self.factor as usize).checked_pow(2).and_then(|tiles| tiles.checked_mul(n)),
        };
        let values = soft.values();
        if rows.and_then(|rows| rows.checked_mul(classes)) != Some(values.len()) {
            let (found, factor) = (values.len(), self.factor);
            return Some(format!("{n} images of factor {factor} and {classes} classes are not {found} soft labels"));
        }
        let bad = values.iter().find(|value| !(0.0..=1.0).contains(*value))?;
        Some(format!("a soft label of {bad} is not a probability"))
    }

    fn normalisation_fault(&self) -> Option<String> {
        let Normalisation { mean, std } = &self.normalisation;
        let fits = mean.len() == self.channels && std.len() == self.channels;
        let sound = mean.iter().all(|mean| mean.is_finite()) && std.iter().all(|std| std.is_finite() && *std > 0.0);
        (!fits || !sound).then(|| format!("its normalisation does not fit {} channels", self.channels))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::settings::Value;

    /// Two classes with two images each, 1 x 2 pixels.
    pub(crate) fn example() -> Distilled {
        Distilled {
            planes: Planes::F32(vec![0.0, 1.0, 0.25, 0.5, -0.01, 1.01, 0.75, 0.1]),
            channels: 1,
            height: 1,
            width: 2,
            labels: vec![0, 0, 1, 1],
            soft: Some(SoftLabels::Images(vec![1.0, 0.0, 0.75, 0.25, 0.5, 0.5, 0.0, 1.0])),
            classes: vec!["T-shirt/top".into(), "Ankle boot".into()],
            normalisation: Normalisation { mean: vec![0.25], std: vec![0.5] },
            factor: 1,
            images_per_class: 2,
            method: "ncfm".into(),
            recipe: Settings::default(),
            extras: Settings::from_entries(vec![("lr".into(), Value::Float(0.02))]),
            seed: 7,
            fingerprint: "0123456789abcdef0123456789abcdef".into(),
            losses: Losses::of(vec!["matching".into(), "calibration".into()], vec![0], vec![2.0, 1.5]).unwrap(),
            versions: Versions::default(),
        }
    }

    #[test]
    fn pixels_convert_and_clamp() {
        let mut set = example();
        assert_eq!(*set.images_u8(), [0, 255, 64, 128, 0, 255, 191, 26]);
        set.planes = Planes::U8(vec![0, 51, 255, 0, 0, 0, 0, 0]);
        assert_eq!(set.images_f32()[..3], [0.0, 0.2, 1.0]);
    }

    #[test]
    fn classes_are_counted() {
        let mut set = example();
        assert_eq!(set.counts(), [2, 2]);
        set.classes.push("Bag".into());
        set.labels = vec![1, 0, 1, 1];
        assert_eq!(set.counts(), [1, 3, 0]);
    }

    #[test]
    fn parts_that_do_not_fit_are_refused() {
        let spoilers: [fn(&mut Distilled); 10] = [
            |set| set.labels.truncate(3),
            |set| set.labels.push(0),
            |set| set.labels[0] = 2,
            |set| set.width = usize::MAX,
            |set| set.planes = Planes::F32(vec![f32::NAN; 8]),
            |set| set.soft = Some(SoftLabels::Images([[1.5, 0.0]; 4].concat())),
            |set| set.soft = Some(SoftLabels::Pictures([[0.5, 0.5]; 5].concat())),
            |set| set.normalisation.std[0] = 0.0,
            |set| set.normalisation.mean.clear(),
            |set| set.factor = 2,
        ];
        example().check().unwrap();
        for spoil in spoilers {
            let mut set = example();
            spoil(&mut set);
            assert!(matches!(set.check(), Err(Error::Data(_))), "{set:?}");
        }
    }
}
