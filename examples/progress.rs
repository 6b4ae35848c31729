//! A loop that its caller owns: progress, previews, a pause with a checkpoint, and a resumption to the same bytes.
//!
//!     cargo run --release --example progress
//!
//! Between two calls of `advance` a run stands still. There, and only there, it can be looked at, saved, cancelled (drop it)
//! or paused (do not call). Each call is a bounded unit of work, so that a page or a window stays alive.

use std::{path::Path, sync::Arc};

use attar::{
    Dataset, Distillation, Distilled, Phase, Progress, Recipe, Result,
    data::{Reading, container, png_grid, read_source, save_png, write_atomic},
    engine::{self, Engine},
};

/// Small, so that it takes seconds; `Recipe::default()` as it stands takes a few minutes.
fn recipe() -> Result<Recipe> {
    let recipe = Recipe::named("ncfm")?.images_per_class(2).iterations(6).seed(7);
    // The networks that judge at the end whether distilling helped are small, too.
    let judges = recipe.with("evaluation.width=8")?.with("evaluation.most_steps=60")?;
    judges.with("network.width=8")?.with("pool.networks=1")?.with("pool.epochs=1")
}

fn main() -> Result<()> {
    pollster::block_on(both())
}

async fn both() -> Result<()> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fashion-mini");
    let data = read_source(&sample, &Reading::default())?.train;
    let engine = engine::open("auto").await?;
    let out = std::env::temp_dir();
    let whole = straight_through(&data, &engine).await?;
    let resumed = interrupted(&data, &engine, &out.join("attar-progress.checkpoint")).await?;
    let picture = out.join("attar-progress.png");
    save_png(&png_grid(&resumed)?, &picture)?;
    let same = container::write(&whole)? == container::write(&resumed)?;
    println!("interrupted and not: {}; see {}", if same { "the same bytes" } else { "DIFFERENT" }, picture.display());
    Ok(())
}

async fn straight_through(data: &Dataset, engine: &Arc<dyn Engine>) -> Result<Distilled> {
    let mut run = Distillation::new(recipe()?, data, Arc::clone(engine))?;
    println!("on {}", run.engine());
    while let Some(progress) = run.advance().await? {
        show(&run, &progress);
    }
    if let Some(choice) = run.choice() {
        let (start, result) = (choice.start, choice.result);
        println!("kept is the {:?}: on held-out images the start has {start:.3}, the result {result:.3}", choice.kept);
    }
    run.finish().await
}

/// Stops in the third iteration, keeps a checkpoint, forgets the run, and goes on from the file.
async fn interrupted(data: &Dataset, engine: &Arc<dyn Engine>, file: &Path) -> Result<Distilled> {
    let mut run = Distillation::new(recipe()?, data, Arc::clone(engine))?;
    while let Some(progress) = run.advance().await? {
        if progress.phase == Phase::Distill && progress.done == 2 {
            break;
        }
    }
    let preview = run.preview().await?;
    println!("paused; the first pixels are now {:?}", &preview.images_u8()[..8]);
    write_atomic(file, &run.checkpoint().await?)?;
    drop(run);

    let checkpoint = std::fs::read(file).map_err(|error| attar::Error::io(file.display(), error))?;
    let mut run = Distillation::resume(&checkpoint, data, Arc::clone(engine))?;
    while run.advance().await?.is_some() {}
    run.finish().await
}

/// A line an epoch or so of the pool, and one an iteration with its losses by name.
fn show(run: &Distillation, progress: &Progress) {
    match &progress.losses {
        Some(point) => {
            let losses = run.loss_names().iter().zip(&point.values);
            let losses: String = losses.map(|(name, value)| format!(", {name} {value:.4}")).collect();
            println!("iteration {} of {}{losses}", progress.done, progress.total);
        }
        None if progress.phase == Phase::Pool && progress.done.is_multiple_of(20) => {
            println!("pool: batch {} of {}", progress.done, progress.total);
        }
        None => {}
    }
}
