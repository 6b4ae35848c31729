//! Trains a plain candle-nn network, with its own automatic differentiation, on a distilled set. Whatever trains on images
//! does; of Attar it needs the pictures as tensors, which [`Distilled::to_candle`] gives.
//!
//!     cargo run --release --features candle --example train_candle -- out/some-run/distilled.attar path/to/test-images
//!
//! Without arguments it makes a set of its own of the embedded sample, in a minute or so.

use std::{error::Error, path::Path};

use attar::{
    Dataset, Distillation, Distilled, Recipe,
    data::{Reading, read_source, read_test},
    engine,
    rng::Draws,
};
use candle_core::{DType, Device, Result as CandleResult, Tensor};
use candle_nn::{
    AdamW, Conv2d, Conv2dConfig, GroupNorm, Module, Optimizer, VarBuilder, VarMap, conv2d, group_norm, linear,
    loss::cross_entropy,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const WIDTH: usize = 16;
const EPOCHS: usize = 20;
const BATCH: usize = 50;
const RATE: f64 = 2e-3;

/// The distilled set and the real images to test on.
async fn sets() -> Result<(Distilled, Dataset)> {
    let mut arguments = std::env::args().skip(1);
    if let Some(file) = arguments.next() {
        let set = Distilled::load(file)?;
        let test = arguments.next().ok_or("name a folder of real images to test on, too")?;
        let test = read_test(Path::new(&test), &Reading::default(), set.channels, set.height, set.width)?
            .set
            .with_classes(&set.classes)?;
        return Ok((set, test));
    }
    let sample = read_source(&Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fashion-mini"), &Reading::default())?;
    let recipe = Recipe::default().iterations(8).with("pool.networks=1")?.with("pool.epochs=1")?;
    let mut run = Distillation::new(recipe, &sample.train, engine::open("auto").await?)?;
    while run.advance().await?.is_some() {}
    Ok((run.finish().await?, sample.test))
}

/// Three blocks of convolution, instance norm, ReLU and average pooling, then a linear classifier.
fn network(vars: &VarMap, set: &Distilled) -> Result<impl Fn(&Tensor) -> CandleResult<Tensor>> {
    let vars = VarBuilder::from_varmap(vars, DType::F32, &Device::Cpu);
    let mut blocks = Vec::new();
    for block in 0..3 {
        let vars = vars.pp(format!("block{block}"));
        let channels = if block == 0 { set.channels } else { WIDTH };
        let config = Conv2dConfig { padding: 1, ..Conv2dConfig::default() };
        let conv = conv2d(channels, WIDTH, 3, config, vars.pp("conv"))?;
        blocks.push((conv, group_norm(WIDTH, WIDTH, 1e-5, vars.pp("norm"))?));
    }
    let features = WIDTH * (set.height / 8) * (set.width / 8);
    let classifier = linear(features, set.classes.len(), vars.pp("classifier"))?;
    Ok(move |x: &Tensor| {
        let block =
            |x: Tensor, (conv, norm): &(Conv2d, GroupNorm)| norm.forward(&conv.forward(&x)?)?.relu()?.avg_pool2d(2);
        classifier.forward(&blocks.iter().try_fold(x.clone(), block)?.flatten_from(1)?)
    })
}

fn main() -> Result<()> {
    let (set, test) = pollster::block_on(sets())?;
    let pictures = pollster::block_on(set.unpacked())?;
    let (images, labels) = pictures.to_candle(&Device::Cpu)?;
    let vars = VarMap::new();
    let forward = network(&vars, &set)?;
    let mut optimiser = AdamW::new_lr(vars.all_vars(), RATE)?;
    for epoch in 0..EPOCHS {
        optimiser.set_learning_rate(RATE * (1.0 - epoch as f64 / EPOCHS as f64));
        for rows in Draws::new(1, 0, epoch as u32).permutation(pictures.len()).chunks(BATCH) {
            let rows = Tensor::new(rows, &Device::Cpu)?;
            let [images, labels] = [&images, &labels].map(|all| all.index_select(&rows, 0));
            optimiser.backward_step(&cross_entropy(&forward(&images?)?, &labels?)?)?;
        }
        println!("epoch {} of {EPOCHS}", epoch + 1);
    }
    println!("accuracy on {} real images: {:.3}", test.len(), accuracy(&forward, &set, &test)?);
    Ok(())
}

/// The share of real images that the network knows.
fn accuracy(forward: impl Fn(&Tensor) -> CandleResult<Tensor>, set: &Distilled, test: &Dataset) -> Result<f64> {
    let (images, labels) = test.to_candle(&set.normalisation, &Device::Cpu)?;
    let mut right = 0;
    for start in (0..test.len()).step_by(BATCH) {
        let [images, labels] = [&images, &labels].map(|all| all.narrow(0, start, BATCH.min(test.len() - start)));
        let said = forward(&images?)?.argmax(1)?.to_vec1::<u32>()?;
        right += said.iter().zip(labels?.to_vec1::<u32>()?).filter(|(said, label)| *said == label).count();
    }
    Ok(right as f64 / test.len() as f64)
}
