//! An epoch of evaluation, by [`Evaluation`] itself.

use std::sync::Arc;

use super::{Figure, Meter, Stopwatch};
use crate::{
    data::{Dataset, Images},
    engine::Engine,
    error::Result,
    evaluate::{Evaluation, Protocol, TrainingSet},
    nn::NetworkChoice,
    rng::Draws,
};

/// Pictures on ten canvases a class of ten classes, four on each.
const PICTURES: usize = 400;

const CLASSES: usize = 10;

/// Measures one epoch of training a network of this width on 400 grey images of 28x28 pixels under protocol `ncfm`.
///
/// # Errors
/// Those of the engine.
pub async fn evaluation_epoch(width: usize, engine: &Arc<dyn Engine>, watch: &Stopwatch<'_>) -> Result<Figure> {
    let meter = Meter::new(engine);
    let protocol = Protocol { network: NetworkChoice::convnet(width), ..Protocol::named("ncfm")? };
    let data = random_images()?;
    let set = TrainingSet::real(&data, &data.normalisation());
    let mut evaluation = Evaluation::new(&protocol, &set, &data, 1, 1, meter.engine())?;
    watch
        .measure(&meter, 1, async || {
            let start = (watch.clock)();
            // Of the last batch of an epoch the loss is read. There are 2000 epochs, more than are measured.
            for _ in 0..PICTURES.div_ceil(protocol.training.batch) {
                evaluation.advance().await?;
            }
            Ok((watch.clock)() - start)
        })
        .await
}

fn random_images() -> Result<Dataset> {
    let mut draws = Draws::new(1, 0, 0);
    let pixels = (0..PICTURES * 28 * 28).map(|_| draws.below(256) as u8).collect();
    let names = (0..CLASSES).map(|class| class.to_string()).collect();
    let labels = (0..PICTURES).map(|image| (image % CLASSES) as u32).collect();
    Dataset::new(names, Images::new(1, 28, 28, pixels)?, labels)
}
