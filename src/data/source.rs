//! What a face loads: a training set, a test set, and where they come from.

use super::dataset::{Dataset, rows_of};
use crate::rng::Draws;
use crate::{Error, Result};

/// The stream of random numbers that [`split_per_class`] draws from; the unit is the class.
const SPLIT_STREAM: u32 = 0x5350_4c54;

/// Images none of whose values is larger are most likely of another range, such as masks of 0 and 1.
const DIM: u8 = 15;

/// A training and a test set over the same classes and image size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub train: Dataset,
    /// Held out: neither the pool nor the distillation may see it.
    pub test: Dataset,
    /// A short name for people: the folder's.
    pub name: String,
    /// Size of the source files together, in bytes.
    pub bytes: u64,
    /// What a person may not expect of the images, or of how they were read, in sentences.
    pub notes: Vec<String>,
    /// Files that were left out, and why.
    pub skipped: Vec<String>,
}

impl Source {
    /// A source whose two halves fit together; the labels of `test` are recounted by the classes of `train`.
    ///
    /// # Errors
    /// [`Error::Data`] if there is only one class, a class has no training image, the test set has a class that the
    /// training set lacks, or the image sizes differ.
    pub fn new(train: Dataset, test: Dataset, name: String, bytes: u64) -> Result<Source> {
        if let [class] = train.classes() {
            return Err(Error::Data(format!("{name} has only one class, `{class}`: give at least two")));
        }
        if let Some(class) = (0..train.classes().len()).find(|&class| !train.labels().contains(&(class as u32))) {
            let class = &train.classes()[class];
            return Err(Error::Data(format!("class `{class}` of {name} has no training image: add some or remove it")));
        }
        let mut notes = Vec::new();
        if test.goes_by_place(train.classes()) {
            let (numbers, classes) = (test.classes().join(", "), train.classes().join(", "));
            notes.push(format!("the test labels {numbers} have no names and are taken as places among {classes}"));
        }
        let test = test.with_classes(train.classes())?;
        let size = |set: &Dataset| (set.images().channels(), set.images().height(), set.images().width());
        if size(&train) != size(&test) {
            return Err(Error::Data(format!(
                "the training images of {name} are {:?} (channels, height, width), but the test images {:?}: make them equal",
                size(&train),
                size(&test)
            )));
        }
        if !train.images().pixels().iter().any(|&value| value > DIM) {
            notes.push(format!(
                "no training image has a pixel brighter than {DIM} of 255: scale them to 0..255 if they are not so dark"
            ));
        }
        Ok(Source { train, test, name, bytes, notes, skipped: Vec::new() })
    }

    /// Notes on training images that come more than once, which weigh more than others, and on test images that are
    /// training images, too, on which every accuracy is too high. It takes a pass over all pixels.
    #[cfg(not(target_arch = "wasm32"))]
    #[must_use]
    pub fn repeats(&self) -> Vec<String> {
        let mut trained = std::collections::HashSet::new();
        let repeated = self.train.images().iter().filter(|&image| !trained.insert(image)).count();
        let known = self.test.images().iter().filter(|&image| trained.contains(image)).count();
        let (train, test) = (self.train.len(), self.test.len());
        let notes = [
            (repeated, format!("{repeated} of {train} training images repeat others")),
            (known, format!("{known} of {test} test images are training images, too: accuracies will be too high")),
        ];
        notes.into_iter().filter(|&(count, _)| count > 0).map(|(_, note)| note).collect()
    }
}

/// Splits off `fraction` of each class (rounded, at least 1 image and at most all but 1): `(train, test)`, both in the
/// original order. The same seed gives the same split, whatever the other classes hold.
///
/// # Errors
/// [`Error::Data`] if a class has fewer than 2 images or the fraction is not between 0 and 1.
pub fn split_per_class(dataset: &Dataset, fraction: f64, seed: u64) -> Result<(Dataset, Dataset)> {
    let (train, test) = split_rows(dataset.classes(), dataset.labels(), fraction, seed)?;
    Ok((dataset.select(&train)?, dataset.select(&test)?))
}

/// The rows of the two halves that [`split_per_class`] makes, for whoever holds the images: `(train, test)`, ascending.
///
/// # Errors
/// As [`split_per_class`].
pub fn split_rows(classes: &[String], labels: &[u32], fraction: f64, seed: u64) -> Result<(Vec<u32>, Vec<u32>)> {
    if !(fraction > 0.0 && fraction < 1.0) {
        return Err(Error::Data(format!(
            "a test set cannot be {fraction} of the images: give a number between 0 and 1"
        )));
    }
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for (class, name) in (0..).zip(classes) {
        let rows = rows_of(labels, class);
        if rows.len() < 2 {
            return Err(Error::Data(format!(
                "class `{name}` has {} image(s): give at least 2, so that one can be held out for testing",
                rows.len()
            )));
        }
        let held_out = ((rows.len() as f64 * fraction).round() as usize).clamp(1, rows.len() - 1);
        let order = Draws::new(seed, SPLIT_STREAM, class).permutation(rows.len());
        let (tested, trained) = order.split_at(held_out);
        test.extend(tested.iter().map(|&index| rows[index as usize]));
        train.extend(trained.iter().map(|&index| rows[index as usize]));
    }
    train.sort_unstable();
    test.sort_unstable();
    Ok((train, test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Fit, Images};

    /// Images of one pixel, whose value is their row.
    fn set(labels: &[u32]) -> Dataset {
        let pixels = (0..labels.len() as u8).collect();
        let classes = ["a", "b", "c"].map(String::from).into();
        Dataset::new(classes, Images::new(1, 1, 1, pixels).unwrap(), labels.to_vec()).unwrap()
    }

    #[test]
    fn a_split_is_disjoint_and_repeatable() {
        let labels: Vec<u32> = (0..100).map(|i| if i < 2 { 2 } else { i % 2 }).collect();
        let (train, test) = split_per_class(&set(&labels), 0.1, 7).unwrap();
        let counts: Vec<usize> = (0..3).map(|class| test.of_class(class).len()).collect();
        assert_eq!(counts, [5, 5, 1]);
        let mut all = [train.images().pixels(), test.images().pixels()].concat();
        assert!(train.images().pixels().is_sorted() && test.images().pixels().is_sorted());
        all.sort_unstable();
        assert_eq!(all, (0..100).collect::<Vec<u8>>());
        assert_eq!(split_per_class(&set(&labels), 0.1, 7).unwrap(), (train.clone(), test));
        assert_ne!(split_per_class(&set(&labels), 0.1, 8).unwrap().0, train);
    }

    #[test]
    fn what_cannot_be_split_is_refused() {
        assert!(split_per_class(&set(&[0, 0, 1, 1, 2]), 0.1, 0).is_err());
        for fraction in [0.0, 1.0, f64::NAN] {
            assert!(split_per_class(&set(&[0, 0, 1, 1, 2, 2]), fraction, 0).is_err());
        }
    }

    #[test]
    fn halves_must_fit() {
        let source = |train: &Dataset, test: &Dataset| Source::new(train.clone(), test.clone(), "x".into(), 0);
        let full = set(&[0, 1, 2]);
        assert!(source(&full, &set(&[2])).is_ok());
        assert!(source(&set(&[0, 1]), &full).is_err());
        assert!(source(&full, &full.clone().resized(2, 2, Fit::Crop).unwrap()).is_err());
        let one = Dataset::new(vec!["a".into()], full.images().clone(), vec![0; 3]).unwrap();
        assert!(source(&one, &one).is_err());
    }
}
