//! A method of one's own, outside of the crate: under random networks, the features of synthetic images get the mean and the
//! mean square of real ones.
//!
//!     cargo run --release --example own_method
//!
//! `moments.rs` is the method: what there is to know before it runs, and what it adds to the common loop. `programs.rs`
//! writes down what it computes. Batches, augmentation, networks, the optimiser, checkpoints and files are the crate's.

mod moments;
mod programs;

use attar::{Dataset, Distillation, Result, data::Images, engine, rng::Draws};

use moments::MomentsKind;

/// Noise that is brighter above, or below: `[80, 1, 16, 16]`.
fn data() -> Result<Dataset> {
    let mut draws = Draws::new(1, 0, 0);
    let pixel = |at| draws.below(120) as u8 + if at / 128 % 2 == at / 256 % 2 { 120 } else { 0 };
    let pixels = (0..80 * 256).map(pixel).collect();
    let classes = ["above", "below"].map(String::from).into();
    Dataset::new(classes, Images::new(1, 16, 16, pixels)?, (0..80).map(|row| row % 2).collect())
}

fn main() -> Result<()> {
    pollster::block_on(distil())
}

async fn distil() -> Result<()> {
    let engine = engine::open("auto").await?;
    let mut run = Distillation::of_kind(&MomentsKind, moments::quick(2), &data()?, engine)?;
    while let Some(progress) = run.advance().await? {
        // One network serves four iterations, and another gives another loss.
        if let Some(point) = progress.losses.filter(|point| point.unit % 4 == 0) {
            println!("iteration {}: {} {:.4}", point.unit, run.loss_names()[0], point.values[0]);
        }
    }
    let set = run.finish().await?;
    println!("{} images of {} x {} pixels, by {}", set.len(), set.height, set.width, set.method);
    Ok(())
}
