//! A step taken in parts is the step taken at once.

use std::sync::Arc;

use pollster::block_on;

use super::*;
use crate::{
    engine::{Buffer, Data, Engine, Executable, Limits, Readback, reference::Reference},
    graph::{Conv, Graph},
    nn::{Architecture, ImageSize, Norm, Pooling, augment::Strategy, loss, normalise, optim::Optimiser},
    program::Program,
    rng::Draws,
    shape::Shape,
};

const IMAGE: ImageSize = ImageSize { channels: 1, height: 8, width: 8 };
const IMAGES: usize = 30;
const CLASSES: usize = 3;
const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::PoolInit, batches: Use::PoolBatches, augment: Use::PoolAugment };

fn network() -> Network {
    Network::new(Architecture::convnet(2, 4), IMAGE, CLASSES).expect("it fits")
}

/// The same with batch norm.
fn batch_normed() -> Network {
    let batch = Architecture::ConvNet { depth: 2, width: 4, norm: Norm::Batch, pooling: Pooling::Average };
    Network::new(batch, IMAGE, CLASSES).expect("it fits")
}

fn channels() -> Normalisation {
    Normalisation { mean: vec![0.5], std: vec![0.3] }
}

fn targets() -> Vec<f32> {
    one_hot(&(0..IMAGES).map(|row| (row % CLASSES) as u32).collect::<Vec<_>>(), CLASSES)
}

/// An executor with images of noise in the buffer `images`.
fn executor(engine: impl Engine + 'static) -> Executor {
    let mut exec = Executor::new(Arc::new(engine));
    let mut draws = Draws::new(5, 0, 0);
    let pixels: Vec<u8> = (0..IMAGES * IMAGE.elements()).map(|_| draws.below(256) as u8).collect();
    exec.ensure("images", Kind::Pixels, IMAGE.batch(IMAGES)).expect("it fits");
    exec.set("images", Data::Pixels(&pixels)).expect("it fits");
    exec
}

/// The parameters of network 1 after `steps` steps, and what else a training holds of it.
fn trained(
    exec: &mut Executor,
    network: &Network,
    settings: &TrainingRecipe,
    micro_batch: usize,
    steps: u64,
) -> [Vec<f64>; 2] {
    let course = Course {
        name: "t",
        images: "images",
        targets: &targets(),
        channels: &channels(),
        network,
        settings,
        epochs: 2,
        micro_batch: MicroBatch::Images(micro_batch),
        seed: 1,
        draws: DRAWS,
        tally: Tally::Loss,
    };
    let mut trainer = Trainer::new(exec, &course).expect("it fits");
    trainer.start(exec, 1).expect("it starts");
    (0..steps).for_each(|step| trainer.step(exec, 1, step).expect("it runs"));
    assert!(block_on(trainer.take_loss(exec, steps, steps)).expect("it learns") > 0.0);
    let read = |name: &String| read(exec, name);
    let theta = trainer.theta();
    [read(&theta), trainer.state().iter().filter(|name| **name != theta).flat_map(read).collect()]
}

fn read(exec: &Executor, name: &str) -> Vec<f64> {
    Reference::f64().read_f64(exec.buffer(name).expect("it is there")).expect("it reads")
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Two epochs of batches of 13, 13 and 4, all mixed, in parts that hold them with and without padding.
#[test]
fn parts_add_up_to_the_whole_batch() {
    let strategy = "color_crop_cutout_flip_scale_rotate".parse().expect("a known strategy");
    let settings = TrainingRecipe { batch: 13, cutmix: 1.0, lr: 0.1, augment: strategy, ..TrainingRecipe::pool() };
    let after = |micro_batch| trained(&mut executor(Reference::f64()), &network(), &settings, micro_batch, 6);
    let [whole, _] = after(13);
    for micro_batch in [1, 4, 5, 12] {
        let [parts, _] = after(micro_batch);
        assert!(apart(&whole, &parts) < 1e-13, "{micro_batch}: {}", apart(&whole, &parts));
    }
}

/// Batches of 13, 13 and 4. On a GPU the last one is filled up to 13: its statistics are of the 4 alone.
#[test]
fn batch_norm_sees_the_whole_batch_and_nothing_else() {
    let settings = TrainingRecipe { batch: 13, lr: 0.1, ..TrainingRecipe::pool() };
    let [whole, state] = trained(&mut executor(Reference::f64()), &batch_normed(), &settings, 13, 6);
    assert_eq!(state.len(), 1 + batch_normed().statistics().len() + whole.len(), "loss, statistics and momentum");
    let [parts, same] = trained(&mut executor(Reference::f64()), &batch_normed(), &settings, 4, 6);
    assert_eq!((&parts, &same), (&whole, &state), "such a batch is never parted");
    let [filled, kept] = trained(&mut executor(Uncached(Reference::f64())), &batch_normed(), &settings, 4, 6);
    assert!(apart(&whole, &filled) < 1e-13, "{}", apart(&whole, &filled));
    assert!(apart(&state, &kept) < 1e-13, "{}", apart(&state, &kept));
}

/// The first running statistics are a tenth of the batch's and nine tenths of 0 and 1.
#[test]
fn running_statistics_follow_the_batches() {
    let settings = TrainingRecipe { batch: IMAGES, augment: none(), cutmix: 0.0, ..TrainingRecipe::pool() };
    let (mut exec, network) = (executor(Reference::f64()), batch_normed());
    trained(&mut exec, &network, &settings, IMAGES, 1);
    let g = Graph::new();
    let images = g.pixels("images", IMAGE.batch(IMAGES)).take(g.rows("plain.rows", IMAGES));
    let theta = network.parameters(&g, "plain.theta");
    let [kernel, bias] = ["weight", "bias"].map(|part| network.table().get(theta, &format!("layers.conv.0.{part}")));
    let x = normalise(images, &channels().mean, &channels().std);
    let y = x.conv2d(kernel, Conv::padded(3)) + bias.reshape([1, 4, 1, 1]);
    let count = (IMAGES * 12 * 12) as f64;
    g.output("plain.mean", y.mean(&[0, 2, 3]) * 0.1);
    g.output("plain.variance", y.variance_keep(&[0, 2, 3]).reshape([4]) * (0.1 * count / (count - 1.0)) + 0.9);
    run_plain(&mut exec, &network, g);
    let moved = read(&exec, "t.statistics");
    for (part, first) in [("plain.mean", 0), ("plain.variance", 4)] {
        let plain = read(&exec, part);
        assert!(apart(&plain, &moved[first..first + 4]) < 1e-12, "{part}: {plain:?} {moved:?}");
    }
}

fn none() -> Strategy {
    "none".parse().expect("no augmentation")
}

/// Loads and runs a program over all images in order and the initial parameters of network 1.
fn run_plain(exec: &mut Executor, network: &Network, g: Graph) {
    let rows: Vec<u32> = (0..IMAGES as u32).collect();
    exec.load(Program::new("plain", g).expect("a valid graph")).expect("it loads");
    exec.set_rows("plain.rows", &rows).expect("it fits");
    exec.set_f32("plain.theta", &network.init(&mut DRAWS.init.draws(1, 1, 0))).expect("it fits");
    exec.run("plain", &[]).expect("it runs");
}

/// The reference, as a device without a cache.
struct Uncached(Reference<f64>);

impl Engine for Uncached {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn limits(&self) -> Limits {
        Limits { cache_bytes: None, ..self.0.limits() }
    }

    fn memory_in_use(&self) -> u64 {
        self.0.memory_in_use()
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        self.0.load(program)
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        self.0.buffer(kind, shape)
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        self.0.write(buffer, data)
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        self.0.copy(from, to)
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        self.0.read(buffer)
    }
}

/// One step on all images against the same written plainly.
#[test]
fn a_step_descends_the_mean_loss() {
    let settings = TrainingRecipe {
        batch: IMAGES,
        lr: 0.5,
        optimiser: Optimiser::Sgd { momentum: 0.0, weight_decay: 0.0 },
        augment: none(),
        cutmix: 0.0,
        ..TrainingRecipe::pool()
    };
    let mut exec = executor(Reference::f64());
    let [stepped, _] = trained(&mut exec, &network(), &settings, 7, 1);

    let g = Graph::new();
    let images = g.pixels("images", IMAGE.batch(IMAGES)).take(g.rows("plain.rows", IMAGES));
    let theta = network().parameters(&g, "plain.theta");
    let logits = network().forward(theta, normalise(images, &channels().mean, &channels().std)).logits;
    let loss = loss::cross_entropy(logits, g.constant(&targets(), [IMAGES, CLASSES]));
    g.output("plain.next", theta - g.grad(loss, &[theta])[0] * 0.5);
    run_plain(&mut exec, &network(), g);
    let plain = read(&exec, "plain.next");
    // The weights of the images are 1 / 30 in single precision.
    assert!(apart(&plain, &stepped) < 1e-8, "{}", apart(&plain, &stepped));
}
