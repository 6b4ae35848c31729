//! A step taken in parts is the step taken at once.

use std::sync::Arc;

use pollster::block_on;

use super::*;
use crate::{
    engine::{Data, Engine, reference::Reference},
    graph::Graph,
    nn::{Architecture, ImageSize, loss, normalise, optim::Optimiser},
    program::Program,
    rng::Draws,
};

const IMAGE: ImageSize = ImageSize { channels: 1, height: 8, width: 8 };
const IMAGES: usize = 30;
const CLASSES: usize = 3;
const DRAWS: TrainingDraws =
    TrainingDraws { init: Use::PoolInit, batches: Use::PoolBatches, augment: Use::PoolAugment };

fn network() -> Network {
    Network::new(Architecture::convnet(2, 4), IMAGE, CLASSES).expect("it fits")
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

/// The parameters of network 1 after `steps` steps.
fn trained(exec: &mut Executor, settings: &TrainingRecipe, micro_batch: usize, steps: u64) -> Vec<f64> {
    let course = Course {
        name: "t",
        images: "images",
        targets: &targets(),
        channels: &channels(),
        network: &network(),
        settings,
        epochs: 2,
        micro_batch: MicroBatch::Images(micro_batch),
        seed: 1,
        draws: DRAWS,
    };
    let mut trainer = Trainer::new(exec, &course).expect("it fits");
    trainer.start(exec, 1).expect("it starts");
    (0..steps).for_each(|step| trainer.step(exec, 1, step).expect("it runs"));
    assert!(block_on(trainer.take_loss(exec, steps, steps)).expect("it learns") > 0.0);
    Reference::f64().read_f64(exec.buffer(&trainer.theta()).expect("it is there")).expect("it reads")
}

fn apart(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
}

/// Two epochs of batches of 13, 13 and 4, all mixed, in parts that hold them with and without padding.
#[test]
fn parts_add_up_to_the_whole_batch() {
    let strategy = "color_crop_cutout_flip_scale_rotate".parse().expect("a known strategy");
    let settings = TrainingRecipe { batch: 13, cutmix: 1.0, lr: 0.1, augment: strategy, ..TrainingRecipe::pool() };
    let after = |micro_batch| trained(&mut executor(Reference::f64()), &settings, micro_batch, 6);
    let whole = after(13);
    for micro_batch in [1, 4, 5, 12] {
        let parts = after(micro_batch);
        assert!(apart(&whole, &parts) < 1e-13, "{micro_batch}: {}", apart(&whole, &parts));
    }
}

/// One step on all images against the same written plainly.
#[test]
fn a_step_descends_the_mean_loss() {
    let settings = TrainingRecipe {
        batch: IMAGES,
        lr: 0.5,
        optimiser: Optimiser::Sgd { momentum: 0.0, weight_decay: 0.0 },
        augment: "none".parse().expect("no augmentation"),
        cutmix: 0.0,
        ..TrainingRecipe::pool()
    };
    let mut exec = executor(Reference::f64());
    let stepped = trained(&mut exec, &settings, 7, 1);

    let g = Graph::new();
    let rows: Vec<u32> = (0..IMAGES as u32).collect();
    let images = g.pixels("images", IMAGE.batch(IMAGES)).take(g.rows("plain.rows", IMAGES));
    let theta = network().parameters(&g, "plain.theta");
    let logits = network().forward(theta, normalise(images, &channels().mean, &channels().std)).logits;
    let loss = loss::cross_entropy(logits, g.constant(&targets(), [IMAGES, CLASSES]));
    g.output("plain.next", theta - g.grad(loss, &[theta])[0] * 0.5);
    exec.load(Program::new("plain", g).expect("a valid graph")).expect("it loads");
    exec.set_rows("plain.rows", &rows).expect("it fits");
    exec.set_f32("plain.theta", &network().init(&mut DRAWS.init.draws(1, 1, 0))).expect("it fits");
    exec.run("plain", &[]).expect("it runs");
    let plain = Reference::f64().read_f64(exec.buffer("plain.next").expect("it is there")).expect("it reads");
    // The weights of the images are 1 / 30 in single precision.
    assert!(apart(&plain, &stepped) < 1e-8, "{}", apart(&plain, &stepped));
}
