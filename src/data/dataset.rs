//! A labelled image data set in memory.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use super::{
    invariance::Invariances,
    resize::{Fit, resample},
};
use crate::{Error, Result, fingerprint::Fnv, sorted::SortedSet};

/// The smallest standard deviation reported for a channel, so that dividing by that of a constant one is harmless.
const SMALLEST_STD: f64 = 1e-3;

/// Images of one size: u8 pixels, `[n, c, h, w]` row-major. There is at least one.
#[derive(Clone, PartialEq, Eq)]
pub struct Images {
    channels: usize,
    height: usize,
    width: usize,
    pixels: Vec<u8>,
}

/// Images with a class each.
///
/// Class names are distinct, every label is below their number, and there are as many labels as images.
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset {
    classes: Vec<String>,
    naming: Naming,
    images: Images,
    labels: Vec<u32>,
    pub(super) facts: Facts,
}

/// Where class names come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Naming {
    Given,
    /// From the labels, which nobody gave names to: a number means the class at that place.
    Numbers,
}

/// What takes a pass over all pixels: found once, when somebody asks for it. It follows from the rest of a set, so that it
/// counts for nothing where sets are compared, and no set takes it over from another.
#[derive(Clone, Default)]
pub(super) struct Facts {
    fingerprint: OnceLock<String>,
    normalisation: OnceLock<Normalisation>,
    pub(super) invariances: OnceLock<Invariances>,
}

/// Mean and standard deviation of each channel, of pixels in [0, 1].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Normalisation {
    pub mean: Vec<f32>,
    pub std: Vec<f32>,
}

impl Images {
    /// Images from their pixels, `[n, c, h, w]`; n follows from the length.
    ///
    /// # Errors
    /// [`Error::Data`] if a size is 0, there is no image, or the length is not a multiple of `c * h * w`.
    pub fn new(channels: usize, height: usize, width: usize, pixels: Vec<u8>) -> Result<Images> {
        let size = || channels.checked_mul(height)?.checked_mul(width).filter(|&size| size > 0);
        let what = format!("images of {channels} channels and {height} x {width} pixels");
        let size = size().ok_or_else(|| Error::Data(format!("{what} cannot be: give sizes of at least 1")))?;
        if pixels.is_empty() {
            return Err(Error::Data("there are no images: give at least one".into()));
        }
        if !pixels.len().is_multiple_of(size) || u32::try_from(pixels.len() / size).is_err() {
            let bytes = pixels.len();
            return Err(Error::Data(format!("{bytes} bytes are not a whole number (below 2^32) of {what}")));
        }
        Ok(Images { channels, height, width, pixels })
    }

    /// Number of channels, `c`.
    pub fn channels(&self) -> usize {
        self.channels
    }

    /// Height in pixels, `h`.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Width in pixels, `w`.
    pub fn width(&self) -> usize {
        self.width
    }

    /// All pixels, `[n, c, h, w]`.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// Number of images, `n`; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.pixels.len() / self.image_bytes()
    }

    /// Bytes of one image, `c * h * w`.
    pub fn image_bytes(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The pixels of image `row`, `[c, h, w]`, or `None` past the last.
    pub fn get(&self, row: usize) -> Option<&[u8]> {
        self.iter().nth(row)
    }

    /// The images in order, `[c, h, w]` each.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        self.pixels.chunks_exact(self.image_bytes())
    }

    /// The same images at another size.
    ///
    /// # Errors
    /// [`Error::Data`] if a size is 0.
    pub fn resized(&self, height: usize, width: usize, how: Fit) -> Result<Images> {
        if (height, width) == (self.height, self.width) {
            return Ok(self.clone());
        }
        let planes = self.pixels.chunks_exact(self.height * self.width);
        let pixels = planes.flat_map(|plane| resample(plane, (self.height, self.width), (height, width), how));
        Images::new(self.channels, height, width, pixels.collect())
    }

    fn select(&self, rows: &[u32]) -> Result<Images> {
        let mut pixels = Vec::with_capacity(rows.len().saturating_mul(self.image_bytes()));
        for &row in rows {
            let image = self.get(row as usize).ok_or_else(|| {
                Error::Data(format!("there is no image {row}: the data set has {} images, counted from 0", self.len()))
            })?;
            pixels.extend_from_slice(image);
        }
        Images::new(self.channels, self.height, self.width, pixels)
    }

    /// Mean and deviation of each channel.
    fn normalisation(&self) -> Normalisation {
        let plane = self.height * self.width;
        let mut counts = vec![[0u64; 256]; self.channels];
        for (index, pixels) in self.pixels.chunks_exact(plane).enumerate() {
            let channel = &mut counts[index % self.channels];
            pixels.iter().for_each(|&pixel| channel[usize::from(pixel)] += 1);
        }
        let (mean, std) = counts.iter().map(mean_and_deviation).unzip();
        Normalisation { mean, std }
    }
}

impl Dataset {
    /// A data set of images and one label for each, an index into `classes`.
    ///
    /// # Errors
    /// [`Error::Data`] if the numbers of images and labels differ, a label has no class, a class no name, or two share one.
    pub fn new(classes: Vec<String>, images: Images, labels: Vec<u32>) -> Result<Dataset> {
        if labels.len() != images.len() {
            let (images, labels) = (images.len(), labels.len());
            return Err(Error::Data(format!("there are {images} images but {labels} labels: give one label an image")));
        }
        if let Some((row, label)) = labels.iter().enumerate().find(|&(_, &label)| label as usize >= classes.len()) {
            let count = classes.len();
            return Err(Error::Data(format!("image {row} has label {label}, but there are only {count} class names")));
        }
        if let Some(class) = classes.iter().position(|name| name.trim().is_empty()) {
            return Err(Error::Data(format!("class {class} has no name: name every class")));
        }
        let mut names = SortedSet::new();
        if let Some(name) = classes.iter().find(|name| !names.insert(*name)) {
            return Err(Error::Data(format!("two classes are called `{name}`: give each its own name")));
        }
        Ok(Dataset { classes, naming: Naming::Given, images, labels, facts: Facts::default() })
    }

    /// A data set whose labels have no names: its classes are those that occur, named by their numbers.
    ///
    /// # Errors
    /// [`Error::Data`] if the numbers of images and labels differ.
    pub(super) fn numbered(images: Images, labels: &[u32]) -> Result<Dataset> {
        let mut occurring = labels.to_vec();
        occurring.sort_unstable();
        occurring.dedup();
        let class = |label: &u32| occurring.partition_point(|other| other < label) as u32;
        let classes = occurring.iter().map(u32::to_string).collect();
        Ok(Dataset { naming: Naming::Numbers, ..Dataset::new(classes, images, labels.iter().map(class).collect())? })
    }

    /// The class names, by label.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The images.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The labels, one an image, each below the number of classes.
    pub fn labels(&self) -> &[u32] {
        &self.labels
    }

    /// Number of images; at least 1.
    #[expect(clippy::len_without_is_empty, reason = "never empty")]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// The rows of the images of class `class`, ascending.
    pub fn of_class(&self, class: u32) -> Vec<u32> {
        rows_of(&self.labels, class)
    }

    /// The data set of these rows, in this order; all class names stay. A row may come more than once.
    ///
    /// # Errors
    /// [`Error::Data`] if there are no rows or a row is past the last image.
    pub fn select(&self, rows: &[u32]) -> Result<Dataset> {
        let images = self.images.select(rows)?;
        let labels = rows.iter().map(|&row| self.labels[row as usize]).collect();
        let classes = self.classes.clone();
        Ok(Dataset { classes, naming: self.naming, images, labels, facts: Facts::default() })
    }

    /// Whether [`Dataset::with_classes`] takes the classes by their places in the list: nobody named them, and none of their
    /// numbers is in it. Numbers that are names, as those of folders, are not places.
    pub(super) fn goes_by_place(&self, classes: &[String]) -> bool {
        let place = |name: &String| name.parse::<usize>().is_ok_and(|place| place < classes.len());
        self.naming == Naming::Numbers && self.classes.iter().all(|name| !classes.contains(name) && place(name))
    }

    /// The same images with labels counted by another list of class names, such as that of the training set. Classes that
    /// have only numbers, as those of IDX files without names, are the classes at these places of the list.
    ///
    /// # Errors
    /// [`Error::Data`] if an image's class is not in the list.
    pub fn with_classes(self, classes: &[String]) -> Result<Dataset> {
        let by_place = self.goes_by_place(classes);
        let position = |name: &String| match by_place {
            true => name.parse().ok(),
            false => classes.iter().position(|other| other == name),
        };
        let map: Vec<Option<usize>> = self.classes.iter().map(position).collect();
        let relabel = |&label: &u32| {
            let name = &self.classes[label as usize];
            map[label as usize].map(|class| class as u32).ok_or_else(|| {
                let (some, more) = classes.split_at(classes.len().min(10));
                let some = some.join("`, `");
                let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
                Error::Data(format!(
                    "class `{name}` is not among the classes `{some}`{more}: remove it, or call it like the one that it is"
                ))
            })
        };
        let labels = self.labels.iter().map(relabel).collect::<Result<_>>()?;
        Dataset::new(classes.to_vec(), self.images, labels)
    }

    /// The same data set at another image size: see [`Images::resized`].
    ///
    /// # Errors
    /// [`Error::Data`] if a size is 0.
    pub fn resized(self, height: usize, width: usize, how: Fit) -> Result<Dataset> {
        let images = self.images.resized(height, width, how)?;
        Ok(Dataset { images, facts: Facts::default(), ..self })
    }

    /// Standard deviation of each channel over all pixels in [0, 1], 0 of a constant one.
    pub fn spread(&self) -> Vec<f32> {
        let constant = |channel: usize| {
            let plane = self.images.height * self.images.width;
            let mut planes = self.images.pixels.chunks_exact(plane).skip(channel).step_by(self.images.channels);
            let first = self.images.pixels[channel * plane];
            planes.all(|plane| plane.iter().all(|&pixel| pixel == first))
        };
        let std = self.normalisation().std.into_iter().enumerate();
        std.map(|(channel, std)| if constant(channel) { 0.0 } else { std }).collect()
    }

    /// Mean and standard deviation of each channel over all pixels in [0, 1]; the deviation is at least 0.001.
    pub fn normalisation(&self) -> Normalisation {
        self.facts.normalisation.get_or_init(|| self.images.normalisation()).clone()
    }

    /// A hash of class names, sizes, labels and pixels, as 32 hexadecimal digits: the same content gives the same text
    /// on every machine. It tells data sets apart; it does not protect against someone who forges one (FNV-1a, 128 bits).
    pub fn fingerprint(&self) -> String {
        self.facts.fingerprint.get_or_init(|| self.hash()).clone()
    }

    fn hash(&self) -> String {
        let mut hash = Fnv::default();
        for class in &self.classes {
            hash.sized(class.as_bytes());
        }
        for size in [self.len(), self.images.channels, self.images.height, self.images.width] {
            hash.bytes(&(size as u64).to_le_bytes());
        }
        self.labels.iter().for_each(|label| hash.bytes(&label.to_le_bytes()));
        hash.bytes(&self.images.pixels);
        hash.text()
    }
}

/// The rows whose label is `class`, ascending.
pub(crate) fn rows_of(labels: &[u32], class: u32) -> Vec<u32> {
    (0..).zip(labels).filter(|&(_, &label)| label == class).map(|(row, _)| row).collect()
}

/// Mean and deviation of pixels in [0, 1], from the number of pixels of each value. Two passes, since the form with the
/// mean of squares cancels.
fn mean_and_deviation(counts: &[u64; 256]) -> (f32, f32) {
    let pixels = counts.iter().sum::<u64>() as f64;
    let average = |f: &dyn Fn(f64) -> f64| {
        let terms = counts.iter().enumerate().map(|(value, &count)| count as f64 * f(value as f64 / 255.0));
        terms.sum::<f64>() / pixels
    };
    let mean = average(&|value| value);
    let deviation = average(&|value| (value - mean) * (value - mean)).sqrt();
    (mean as f32, deviation.max(SMALLEST_STD) as f32)
}

impl PartialEq for Facts {
    fn eq(&self, _: &Facts) -> bool {
        true
    }
}

impl Eq for Facts {}

impl std::fmt::Debug for Images {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Images([{}, {}, {}, {}])", self.len(), self.channels, self.height, self.width)
    }
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset").field("classes", &self.classes).field("images", &self.images).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two_classes() -> Dataset {
        let images = Images::new(1, 1, 2, vec![0, 255, 51, 102, 0, 0]).unwrap();
        Dataset::new(vec!["a".into(), "b".into()], images, vec![0, 1, 0]).unwrap()
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(Images::new(1, 0, 2, vec![]).is_err());
        assert!(Images::new(1, 2, 2, vec![]).is_err());
        assert!(Images::new(1, 2, 2, vec![0; 5]).is_err());
        assert!(Images::new(usize::MAX, 2, 2, vec![0; 4]).is_err());
        let images = two_classes().images;
        let names = |names: &[&str]| names.iter().map(|&name| name.to_string()).collect::<Vec<_>>();
        assert!(Dataset::new(names(&["a"]), images.clone(), vec![0, 0]).is_err());
        assert!(Dataset::new(names(&["a"]), images.clone(), vec![0, 1, 0]).is_err());
        assert!(Dataset::new(names(&["a", "a"]), images, vec![0, 1, 0]).is_err());
        assert!(two_classes().select(&[3]).is_err());
        assert!(two_classes().select(&[]).is_err());
    }

    #[test]
    fn rows_are_selected_in_order() {
        let set = two_classes();
        assert_eq!(set.of_class(0), [0, 2]);
        let part = set.select(&[1, 1, 0]).unwrap();
        assert_eq!((part.labels(), part.images().pixels()), (&[1, 1, 0][..], &[51, 102, 51, 102, 0, 255][..]));
    }

    #[test]
    fn labels_follow_the_names() {
        let classes: Vec<String> = ["b", "c", "a"].map(String::from).into();
        assert_eq!(two_classes().with_classes(&classes).unwrap().labels(), [2, 0, 2]);
        assert!(two_classes().with_classes(&classes[..2]).is_err());
        let numbered = |labels: [u32; 3]| Dataset::numbered(two_classes().images, &labels).unwrap();
        assert_eq!(numbered([0, 2, 0]).with_classes(&classes).unwrap().labels(), [0, 2, 0]);
        assert!(numbered([0, 3, 0]).with_classes(&classes).is_err());
        let named = Dataset { classes: vec!["0".into(), "2".into()], ..two_classes() };
        assert!(named.with_classes(&classes).is_err(), "numbers that are names are no places");
    }

    #[test]
    fn normalisation_is_that_of_the_pixels() {
        let norm = two_classes().normalisation();
        let values = [0.0, 1.0, 0.2, 0.4, 0.0, 0.0];
        let mean = values.iter().sum::<f64>() / 6.0;
        let std = (values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / 6.0).sqrt();
        assert!((f64::from(norm.mean[0]) - mean).abs() < 1e-7 && (f64::from(norm.std[0]) - std).abs() < 1e-7);
        let flat = two_classes().select(&[2]).unwrap().normalisation();
        assert_eq!((flat.mean, flat.std), (vec![0.0], vec![1e-3]));
    }

    #[test]
    fn what_is_known_of_a_set_is_not_told_of_another() {
        let set = two_classes();
        let (print, norm) = (set.fingerprint(), set.normalisation());
        assert_eq!((set.clone().fingerprint(), set.clone().normalisation()), (print.clone(), norm.clone()));
        assert_eq!(set, two_classes());
        for other in [set.select(&[1, 2]).unwrap(), set.resized(1, 1, Fit::Crop).unwrap()] {
            assert!(other.fingerprint() != print && other.normalisation() != norm);
        }
    }

    #[test]
    fn fingerprint_sees_every_part() {
        let print = two_classes().fingerprint();
        assert_eq!(print, two_classes().fingerprint());
        let mut others: [Dataset; 4] = std::array::from_fn(|_| two_classes());
        others[0].classes[0] = "c".into();
        others[1].labels[0] = 1;
        others[2].images.pixels[5] = 1;
        (others[3].images.height, others[3].images.width) = (2, 1);
        assert!(others.iter().all(|other| other.fingerprint() != print));
    }
}
