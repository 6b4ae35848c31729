//! What networks are trained on: a distilled set, real images, or some of them at random.

use crate::{
    data::{Dataset, Distilled, Normalisation, rows_of},
    engine::{Data, Executor},
    error::{Error, Result},
    graph::{Graph, Kind},
    nn::{ImageSize, decode},
    pool::image_size,
    program::Program,
    streams::Use,
    train::one_hot,
};

/// What networks are trained on.
pub struct TrainingSet {
    pub(super) classes: usize,
    pub(super) image: ImageSize,
    pub(super) normalisation: Normalisation,
    pub(super) factor: usize,
    pub(super) images: Images,
    /// `[pictures, classes]`.
    pub(super) targets: Vec<f32>,
}

pub(super) enum Images {
    Pixels(Vec<u8>),
    Canvases(Vec<f32>),
}

impl From<&Distilled> for TrainingSet {
    fn from(set: &Distilled) -> TrainingSet {
        let (factor, classes) = (set.factor as usize, set.classes.len());
        let (labels, soft) = set.labels_of_pictures();
        TrainingSet {
            classes,
            image: ImageSize { channels: set.channels, height: set.height, width: set.width },
            normalisation: set.normalisation.clone(),
            factor,
            images: Images::Canvases(set.images_f32().into_owned()),
            targets: soft.unwrap_or_else(|| one_hot(&labels, classes)),
        }
    }
}

impl TrainingSet {
    /// Real images, normalised as `normalisation` says (the whole training set's, for a part of it).
    pub fn real(set: &Dataset, normalisation: &Normalisation) -> TrainingSet {
        TrainingSet {
            classes: set.classes().len(),
            image: image_size(set),
            normalisation: normalisation.clone(),
            factor: 1,
            images: Images::Pixels(set.images().pixels().to_vec()),
            targets: one_hot(set.labels(), set.classes().len()),
        }
    }

    /// Pictures that a network sees.
    pub fn len(&self) -> usize {
        self.targets.len() / self.classes.max(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Writes the pictures to buffer `name`, decoded.
    pub(super) fn write(&self, exec: &mut Executor, name: &str) -> Result<()> {
        match &self.images {
            Images::Pixels(pixels) => {
                exec.ensure(name, Kind::Pixels, self.image.batch(self.len()))?;
                exec.set(name, Data::Pixels(pixels))
            }
            Images::Canvases(values) => {
                let g = Graph::new();
                let canvases = g.input("evaluation.canvases", self.image.batch(values.len() / self.image.elements()));
                g.output(name, decode::decode(canvases, self.factor));
                exec.load(Program::new("evaluation.decode", g)?)?;
                exec.set_f32("evaluation.canvases", values)?;
                exec.run("evaluation.decode", &[])
            }
        }
    }
}

/// Random real images, `counts` of each class, as the baseline of a distilled set; all of a class that has fewer.
///
/// # Errors
/// [`Error::Data`] if there is not one count a class.
pub fn random_real(data: &Dataset, counts: &[usize], seed: u64) -> Result<Dataset> {
    data.select(&random_rows(data.classes(), data.labels(), counts, seed)?)
}

/// The rows of the images that [`random_real`] chooses, class by class, for whoever holds the images.
///
/// # Errors
/// As [`random_real`].
pub fn random_rows(classes: &[String], labels: &[u32], counts: &[usize], seed: u64) -> Result<Vec<u32>> {
    if counts.len() != classes.len() {
        let (counts, classes) = (counts.len(), classes.len());
        return Err(Error::Data(format!("{counts} numbers of images are not one for each of {classes} classes")));
    }
    let mut chosen = Vec::new();
    for (class, &count) in counts.iter().enumerate() {
        let rows = rows_of(labels, class as u32);
        let order = Use::RandomReal.draws(seed, class, 0).permutation(rows.len());
        chosen.extend(order.iter().take(count).map(|&index| rows[index as usize]));
    }
    Ok(chosen)
}
