//! A device that is lost in mid-run: an error that says so, and a run that goes on elsewhere.
#![cfg(feature = "webgpu")]

use std::sync::Arc;

use attar::{
    Dataset, Distillation, Error, Recipe,
    data::Images,
    engine::{Engine, reference::Reference, webgpu::WebGpu},
    rng::Draws,
};
use pollster::block_on;

/// Two classes of noise of different brightness.
fn noise() -> Dataset {
    let mut draws = Draws::new(1, 0, 0);
    let labels: Vec<u32> = (0..16).map(|row| row % 2).collect();
    let pixel = |row: usize, draws: &mut Draws| (draws.range(0.0, 100.0) + 100.0 * (row % 2) as f64) as u8;
    let pixels = (0..16 * 64).map(|at| pixel(at / 64, &mut draws)).collect();
    let images = Images::new(1, 8, 8, pixels).expect("64 values each");
    Dataset::new(["dark", "bright"].map(String::from).to_vec(), images, labels).expect("labels of classes")
}

fn recipe() -> Recipe {
    let settings = [
        "images_per_class=1",
        "iterations=3",
        "network.depth=2",
        "network.width=4",
        "pool.networks=1",
        "pool.epochs=1",
        "pool.training.batch=8",
        "real.batch=8",
        "method.frequencies=16",
    ];
    settings.iter().fold(Recipe::default().seed(3), |recipe, setting| recipe.with(setting).expect("a known key"))
}

/// An adapter, unless there is none and none is required.
fn engine() -> Option<Arc<WebGpu>> {
    match block_on(WebGpu::open()) {
        Ok(engine) => Some(Arc::new(engine)),
        Err(error) => {
            let required = std::env::var("ATTAR_TEST_WEBGPU").is_ok_and(|value| value == "required");
            assert!(!required, "{error}");
            println!("skipped: {error}");
            None
        }
    }
}

#[test]
fn a_run_that_loses_its_device_goes_on_from_its_checkpoint() {
    let Some(gpu) = engine() else { return };
    let data = noise();
    let mut run = Distillation::new(recipe(), &data, gpu.clone()).expect("the recipe fits");
    for _ in 0..5 {
        block_on(run.advance()).expect("it goes on");
    }
    let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
    block_on(run.advance()).expect("it goes on");
    gpu.lose();
    // A unit only queues work; the loss shows at the latest when something is read.
    let lost = (0..1000).find_map(|_| block_on(run.advance()).err()).expect("a lost device is noticed");
    assert_eq!(lost, Error::DeviceLost("webgpu".into()));
    assert!(lost.to_string().contains("checkpoint"), "{lost}");
    assert_eq!(block_on(run.checkpoint()).err(), Some(lost));
    drop(run);

    let mut others: Vec<Arc<dyn Engine>> = vec![Arc::new(Reference::f32())];
    others.extend(engine().map(|engine| engine as Arc<dyn Engine>));
    for other in others {
        let name = other.name().to_owned();
        let mut resumed = Distillation::resume(&checkpoint, &data, other).expect("it can be resumed");
        while block_on(resumed.advance()).expect("it goes on").is_some() {}
        let set = block_on(resumed.finish()).expect("it ends");
        // One of each iteration, those before the loss included.
        assert_eq!(set.losses.len(), 3, "on {name}");
    }
}
