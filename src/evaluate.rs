//! Evaluation: train fresh networks on a set, test them on held-out real images.
//!
//! The accuracy is that of the last epoch, mean and deviation over networks; never the best on the test set. A figure
//! means something only beside those of random real images, of the un-optimised initialisation, and of the whole set
//! under the same protocol.

use std::sync::Arc;

use crate::{
    data::{Dataset, Distilled, Normalisation, rows_of},
    engine::{Data, Engine, Executor},
    error::{Error, Result},
    graph::{Graph, Kind},
    nn::{
        ImageSize, NetworkChoice,
        augment::{Flavour, Sharing},
        decode,
        optim::Optimiser,
        schedule::Schedule,
    },
    pool::{image_size, network_for},
    program::Program,
    recipe::{MicroBatch, Recipe, TrainingRecipe},
    streams::Use,
    train::{Course, Tally, Tester, Trainer, TrainingDraws, one_hot},
};

/// How networks are trained and tested: everything that an accuracy depends on besides the two sets and the seed.
///
/// | name | network | optimiser | rate | epochs | batch | augmentation |
/// | --- | --- | --- | --- | --- | --- | --- |
/// | `vico` | ConvNet, width 128 | SGD .01, momentum .9, decay 5e-4 | x .1 at the half | 1000 | 256 | one operation of `color_crop_cutout_flip_scale_rotate` |
/// | `ncfm` | ConvNet, width 128 | AdamW 1e-3, decay .01 | x .5 at 1/5 .. 4/5 | 2000 | 128 | flip, colour, one of crop, scale, rotation; CutMix on half |
/// | `quick` | ConvNet, width 32 | as `ncfm` | as `ncfm` | 300 | 64 | as `ncfm` |
///
/// No network takes more than [`Protocol::most_steps`] batches (20,000, 40,000 and 500), but at least
/// [`Protocol::FEWEST_EPOCHS`] epochs: a set that is larger than the epochs were meant for is trained for fewer.
#[derive(Debug, Clone, PartialEq)]
pub struct Protocol {
    /// The name printed beside every accuracy.
    pub name: String,
    /// The network, for which the set gives the sizes that are left open.
    pub network: NetworkChoice,
    /// How a network is trained.
    pub training: TrainingRecipe,
    /// Passes over a small set.
    pub epochs: usize,
    /// Batches after which a large set's training ends.
    pub most_steps: usize,
    /// Images that pass through a network at once. By rounding, an accuracy depends on it too.
    pub micro_batch: MicroBatch,
}

impl Protocol {
    /// Names that [`Protocol::named`] knows.
    pub const NAMES: [&'static str; 3] = ["vico", "ncfm", "quick"];

    /// The fewest epochs that any set is trained for.
    pub const FEWEST_EPOCHS: usize = 5;

    /// A protocol by its name.
    ///
    /// # Errors
    /// [`Error::Recipe`], with the names there are, if this is none of them.
    pub fn named(name: &str) -> Result<Protocol> {
        let strategy = |text: &str| text.parse().unwrap_or_else(|_| unreachable!("a known strategy"));
        let ncfm = TrainingRecipe {
            batch: 128,
            lr: 1e-3,
            optimiser: Optimiser::AdamW { weight_decay: 0.01 },
            schedule: Schedule::MultiStep { milestones: vec![0.2, 0.4, 0.6, 0.8], gamma: 0.5 },
            augment: strategy("color_crop_flip_scale_rotate"),
            flavour: Flavour::All,
            sharing: Sharing::PerImage,
            cutmix: 0.5,
        };
        let (width, epochs, most_steps, training) = match name {
            "vico" => {
                let vico = TrainingRecipe {
                    batch: 256,
                    lr: 0.01,
                    optimiser: Optimiser::Sgd { momentum: 0.9, weight_decay: 5e-4 },
                    schedule: Schedule::MultiStep { milestones: vec![0.5], gamma: 0.1 },
                    augment: strategy("color_crop_cutout_flip_scale_rotate"),
                    flavour: Flavour::One,
                    cutmix: 0.0,
                    ..ncfm
                };
                (128, 1000, 20_000, vico)
            }
            "ncfm" => (128, 2000, 40_000, ncfm),
            "quick" => (32, 300, 500, TrainingRecipe { batch: 64, ..ncfm }),
            _ => {
                let names = Protocol::NAMES.join(", ");
                return Err(Error::Recipe(format!("there is no protocol `{name}`: choose one of {names}")));
            }
        };
        let network = NetworkChoice::convnet(width);
        Ok(Protocol { name: name.into(), network, training, epochs, most_steps, micro_batch: MicroBatch::Automatic })
    }

    /// The protocol that a recipe asks for; what differs from the named one stands in its name.
    ///
    /// # Errors
    /// [`Error::Recipe`] if there is no protocol or network of that name, or the network has no width to choose.
    pub fn of(recipe: &Recipe) -> Result<Protocol> {
        let asked = &recipe.evaluation;
        let mut protocol = Protocol { micro_batch: recipe.micro_batch, ..Protocol::named(&asked.protocol)? };
        if let Some(network) = &asked.network {
            protocol = protocol.with_network(network.parse()?);
        }
        if let Some(width) = asked.width {
            protocol.network.width = Some(width.max(1));
            protocol.name += &format!(", width {}", width.max(1));
        }
        let changes = [
            (asked.epochs, &mut protocol.epochs, "epochs"),
            (asked.most_steps, &mut protocol.most_steps, "most steps"),
        ];
        for (asked, value, what) in changes {
            if let Some(asked) = asked {
                *value = asked.max(1);
                protocol.name += &format!(", {what} {value}");
            }
        }
        protocol.network.check()?;
        Ok(protocol)
    }

    /// This protocol with another network, which then stands in its name. One that is named as its own keeps its width,
    /// unless it brings one.
    #[must_use]
    pub fn with_network(self, network: NetworkChoice) -> Protocol {
        let own = (network.name == self.network.name).then_some(self.network.width).flatten();
        let network = NetworkChoice { width: network.width.or(own), ..network };
        if network == self.network {
            return self;
        }
        Protocol { name: format!("{}, {network}", self.name), network, ..self }
    }

    /// Epochs for a set of `count` images.
    pub fn epochs_for(&self, count: usize) -> usize {
        let batches = count.div_ceil(self.training.batch.max(1)).max(1);
        self.epochs.min((self.most_steps / batches).max(Protocol::FEWEST_EPOCHS))
    }
}

/// What networks are trained on.
pub struct TrainingSet {
    classes: usize,
    image: ImageSize,
    normalisation: Normalisation,
    factor: usize,
    images: Images,
    /// `[pictures, classes]`.
    targets: Vec<f32>,
}

enum Images {
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
    fn write(&self, exec: &mut Executor, name: &str) -> Result<()> {
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

/// Accuracies of several networks, fractions in [0, 1].
#[derive(Debug, Clone, PartialEq)]
pub struct Accuracy {
    pub mean: f64,
    /// Standard deviation over the networks (with n - 1; 0 for one network).
    pub deviation: f64,
    /// The accuracy of each network.
    pub each: Vec<f64>,
}

impl Accuracy {
    /// Mean and deviation of these.
    pub fn of(each: Vec<f64>) -> Accuracy {
        let n = each.len().max(1) as f64;
        let mean = each.iter().sum::<f64>() / n;
        let squares: f64 = each.iter().map(|value| (value - mean).powi(2)).sum();
        Accuracy { mean, deviation: (squares / (n - 1.0).max(1.0)).sqrt(), each }
    }
}

/// An evaluation in progress: networks are trained one after another, one batch a unit.
pub struct Evaluation {
    exec: Executor,
    trainer: Trainer,
    tester: Tester,
    repeats: usize,
    member: usize,
    step: u64,
    each: Vec<f64>,
}

const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::EvaluationInit, batches: Use::EvaluationBatches, augment: Use::EvaluationAugment };

impl Evaluation {
    /// Prepares to train `repeats` networks on `set` and to test them on `test`.
    ///
    /// # Errors
    /// [`Error::Data`] if the test images differ in size or classes from the set's; errors of the engine.
    pub fn new(
        protocol: &Protocol,
        set: &TrainingSet,
        test: &Dataset,
        repeats: usize,
        seed: u64,
        engine: Arc<dyn Engine>,
    ) -> Result<Evaluation> {
        if image_size(test) != set.image || test.classes().len() != set.classes {
            return Err(Error::Data(format!(
                "the test images ({:?}, {} classes) are not like those trained on ({:?}, {} classes): give the same size",
                image_size(test),
                test.classes().len(),
                set.image,
                set.classes,
            )));
        }
        let mut exec = Executor::new(engine);
        let network = network_for(protocol.network.architecture(set.image)?, test)?;
        set.write(&mut exec, "evaluation.images")?;
        let course = Course {
            name: "evaluation",
            images: "evaluation.images",
            targets: &set.targets,
            channels: &set.normalisation,
            network: &network,
            settings: &protocol.training,
            epochs: protocol.epochs_for(set.len()),
            micro_batch: protocol.micro_batch,
            seed,
            draws: DRAWS,
            tally: Tally::Loss,
        };
        let trainer = Trainer::new(&mut exec, &course)?;
        let held_out = (test.images().pixels(), test.labels());
        let tester = Tester::new(&mut exec, "test", &network, held_out, &set.normalisation, protocol.micro_batch)?;
        Ok(Evaluation { exec, trainer, tester, repeats, member: 0, step: 0, each: Vec::new() })
    }

    /// One unit of work: batches done and batches in all, or `None` when all networks are tested.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if a training diverges; errors of the engine.
    pub async fn advance(&mut self) -> Result<Option<(u64, u64)>> {
        if self.member == self.repeats {
            return Ok(None);
        }
        let (training, testing) = (self.trainer.steps(), self.tester.steps());
        if self.step == 0 {
            self.trainer.start(&self.exec, self.member)?;
        }
        if self.step < training {
            self.trainer.step(&self.exec, self.member, self.step)?;
            // Now and then, so that the queue stays short and a divergence is noticed.
            if self.trainer.ends_epoch(self.step) {
                self.trainer.take_loss(&self.exec, self.step, self.trainer.batches()).await?;
            }
        } else {
            let statistics = self.trainer.statistics();
            self.tester.step(&self.exec, &self.trainer.theta(), statistics.as_deref(), self.step - training)?;
        }
        self.step += 1;
        let each = training + testing;
        let done = self.member as u64 * each + self.step;
        if self.step == each {
            self.each.push(self.tester.accuracy(&self.exec).await?);
            (self.member, self.step) = (self.member + 1, 0);
        }
        Ok(Some((done, self.repeats as u64 * each)))
    }

    /// The accuracies of the networks tested so far.
    pub fn accuracy(&self) -> Accuracy {
        Accuracy::of(self.each.clone())
    }
}
