//! An independent judge: a plain candle-nn network, with its own layers, initial values, automatic differentiation and
//! optimiser, trained on an exported set by its own loop, must come to the accuracy that our evaluation reports.
#![cfg(feature = "candle")]

use std::path::Path;

use attar::{
    Accuracy, Dataset, Distilled, Evaluation, Protocol, Recipe, data, engine, evaluate::TrainingSet, recipe::Factor,
    rng::Draws, run,
};
use candle_core::{DType, Device, Result, Tensor};
use candle_nn::{
    AdamW, Conv2dConfig, Init, Module, Optimizer, ParamsAdamW, VarBuilder, VarMap, conv2d, group_norm, linear,
    loss::cross_entropy,
};
use pollster::block_on;

const WIDTH: usize = 16;
const EPOCHS: usize = 10;
const BATCH: usize = 50;
const NETWORKS: usize = 3;

/// A quarter of the embedded sample's test images, and an exported set of ten canvases a class.
fn sets() -> (Distilled, Dataset) {
    let source = data::read_source(
        Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/data/fashion-mini")),
        &data::Reading::default(),
    );
    let source = source.expect("the embedded sample reads");
    let mut recipe = Recipe::default();
    recipe.canvas.factor = Factor::Of(2);
    let set = run::initial(&recipe, &source.train).expect("ten canvases of four images a class");
    let exported = data::container::write(&set).expect("it can be exported");
    let quarter: Vec<u32> = (0..500).collect();
    (data::container::read(&exported).expect("it reads back"), source.test.select(&quarter).expect("500 of 2000"))
}

fn ours(set: &Distilled, test: &Dataset) -> Accuracy {
    let mut protocol = Protocol::named("ncfm").expect("a known name");
    (protocol.epochs, protocol.training.batch, protocol.training.cutmix) = (EPOCHS, BATCH, 0.0);
    protocol.network.width = Some(WIDTH);
    protocol.training.augment = "none".parse().expect("no augmentation");
    let device = block_on(engine::open("candle:cpu")).expect("candle's CPU is always there");
    let mut evaluation =
        Evaluation::new(&protocol, &TrainingSet::from(set), test, NETWORKS, 1, device).expect("it fits");
    while block_on(evaluation.advance()).expect("it goes on").is_some() {}
    evaluation.accuracy()
}

/// The four pictures of each canvas, enlarged bilinearly: written anew, so that `decode` is judged too.
fn pictures(set: &Distilled) -> (Vec<f32>, Vec<u32>) {
    let (values, side, factor) = (set.images_f32(), set.height, set.factor as usize);
    let tile = side / factor;
    let (mut pictures, mut labels) = (Vec::new(), Vec::new());
    for (canvas, &label) in values.chunks(side * side).zip(&set.labels) {
        for corner in 0..factor * factor {
            let (top, left) = (corner / factor * tile, corner % factor * tile);
            let read =
                |row: usize, column: usize| canvas[(top + row.min(tile - 1)) * side + left + column.min(tile - 1)];
            for at in 0..side * side {
                let place = |index: usize| ((index as f32 + 0.5) / factor as f32 - 0.5).clamp(0.0, tile as f32 - 1.0);
                let (y, x) = (place(at / side), place(at % side));
                let (row, column) = (y as usize, x as usize);
                let (dy, dx) = (y - y.floor(), x - x.floor());
                let upper = read(row, column) * (1.0 - dx) + read(row, column + 1) * dx;
                let lower = read(row + 1, column) * (1.0 - dx) + read(row + 1, column + 1) * dx;
                pictures.push(upper * (1.0 - dy) + lower * dy);
            }
            labels.push(label);
        }
    }
    (pictures, labels)
}

/// Makes a layer's weight and bias with PyTorch's initial values, U(+-1/sqrt(fan_in)), before candle-nn, whose own are
/// others, asks for them.
fn start(vars: &VarBuilder<'_>, weight: &[usize]) -> Result<()> {
    let bound = 1.0 / (weight[1..].iter().product::<usize>() as f64).sqrt();
    let init = Init::Uniform { lo: -bound, up: bound };
    vars.get_with_hints(weight, "weight", init)?;
    vars.get_with_hints(weight[0], "bias", init)?;
    Ok(())
}

/// ConvNet-D3 for grey images of 28 x 28 pixels, out of candle-nn's layers.
fn network(vars: VarBuilder<'_>) -> Result<impl Fn(&Tensor) -> Result<Tensor>> {
    let mut blocks = Vec::new();
    for block in 0..3 {
        let (channels, padding) = if block == 0 { (1, 3) } else { (WIDTH, 1) };
        let config = Conv2dConfig { padding, ..Conv2dConfig::default() };
        let vars = vars.pp(format!("block{block}"));
        start(&vars.pp("conv"), &[WIDTH, channels, 3, 3])?;
        blocks.push((
            conv2d(channels, WIDTH, 3, config, vars.pp("conv"))?,
            group_norm(WIDTH, WIDTH, 1e-5, vars.pp("norm"))?,
        ));
    }
    start(&vars.pp("classifier"), &[10, WIDTH * 16])?;
    let classifier = linear(WIDTH * 16, 10, vars.pp("classifier"))?;
    Ok(move |x: &Tensor| {
        let features = blocks
            .iter()
            .try_fold(x.clone(), |x, (conv, norm)| norm.forward(&conv.forward(&x)?)?.relu()?.avg_pool2d(2))?;
        classifier.forward(&features.flatten_from(1)?)
    })
}

fn theirs(set: &Distilled, test: &Dataset) -> Result<Vec<f64>> {
    let device = Device::Cpu;
    let (mean, std) = (f64::from(set.normalisation.mean[0]), f64::from(set.normalisation.std[0]));
    let images = |values: Vec<f32>| -> Result<Tensor> {
        let n = values.len() / 784;
        (Tensor::from_vec(values, (n, 1, 28, 28), &device)? - mean)? / std
    };
    let (values, labels) = pictures(set);
    let count = labels.len();
    let (train, labels) = (images(values)?, Tensor::from_vec(labels, count, &device)?);
    let held_out = images(test.images().pixels().iter().map(|&v| f32::from(v) / 255.0).collect())?;
    let mut accuracies = Vec::new();
    for member in 0..NETWORKS {
        let vars = VarMap::new();
        let forward = network(VarBuilder::from_varmap(&vars, DType::F32, &device))?;
        let settings = ParamsAdamW { lr: 1e-3, weight_decay: 0.01, ..ParamsAdamW::default() };
        let mut optimiser = AdamW::new(vars.all_vars(), settings)?;
        for epoch in 0..EPOCHS {
            optimiser.set_learning_rate(1e-3 * 0.5f64.powi((epoch * 5 / EPOCHS) as i32));
            let order = Draws::new(99, member as u32, epoch as u32).permutation(count);
            for rows in order.chunks(BATCH) {
                let rows = Tensor::new(rows, &device)?;
                let logits = forward(&train.index_select(&rows, 0)?)?;
                optimiser.backward_step(&cross_entropy(&logits, &labels.index_select(&rows, 0)?)?)?;
            }
        }
        let said = forward(&held_out)?.argmax(1)?.to_vec1::<u32>()?;
        let right = said.iter().zip(test.labels()).filter(|(said, label)| said == label).count();
        accuracies.push(right as f64 / test.len() as f64);
    }
    Ok(accuracies)
}

#[test]
fn candle_nn_comes_to_the_same_accuracy() {
    let (set, test) = sets();
    let ours = ours(&set, &test);
    let theirs = Accuracy::of(theirs(&set, &test).expect("candle trains"));
    // Three standard errors of the difference of two means of three networks, and half a per cent for the resolution.
    let noise = ((ours.deviation.powi(2) + theirs.deviation.powi(2)) / NETWORKS as f64).sqrt();
    let apart = (ours.mean - theirs.mean).abs();
    assert!(apart <= 3.0 * noise + 0.005, "ours {ours:?}, candle-nn's {theirs:?}");
    assert!(ours.mean > 0.6, "ten times better than nothing: {ours:?}");
}
