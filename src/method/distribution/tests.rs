//! The canvases come nearer to the real images, whatever is compared.

use std::sync::Arc;

use pollster::block_on;

use crate::{
    Dataset, Distillation, Recipe, data::Images, engine::reference::Reference, recipe::Parameters, rng::Draws,
};

/// Two classes of noise about a bright half, `[24, 1, 8, 8]`.
fn data() -> Dataset {
    let mut draws = Draws::new(6, 0, 0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for row in 0..24 {
        labels.push((row % 2) as u32);
        pixels.extend((0..64).map(|at| (draws.range(0.0, 90.0) + if at / 32 == row % 2 { 120.0 } else { 0.0 }) as u8));
    }
    let names = ["top", "bottom"].map(String::from).to_vec();
    Dataset::new(names, Images::new(1, 8, 8, pixels).expect("64 values each"), labels).expect("labels fit")
}

/// Losses of each iteration of a method that begins with noise, under changes of its quick recipe.
fn losses(method: &str, changes: &[&str]) -> Vec<Vec<f32>> {
    let mut recipe = Recipe::named(method).expect("a method").images_per_class(2).iterations(12).seed(3);
    (recipe.network.depth, recipe.network.width) = (2, 4);
    (recipe.pool.training.batch, recipe.real.batch) = (8, 6);
    for change in ["canvas.init=noise", "canvas.lr=0.05", "micro_batch=4"].iter().chain(changes) {
        recipe = recipe.with(change).expect("a known key");
    }
    let mut run = Distillation::new(recipe, &data(), Arc::new(Reference::f32())).expect("the recipe fits");
    let mut told = Vec::new();
    while let Some(progress) = block_on(run.advance()).expect("the run goes on") {
        told.extend(progress.losses.map(|point| point.values));
    }
    told
}

/// One window: the network and the real images stay.
const ONE_WINDOW: &str = "real.refresh=12";

#[test]
fn canvases_come_nearer() {
    let all: [(&str, &[&str]); 4] = [
        ("dm", &[ONE_WINDOW]),
        ("mmd", &[ONE_WINDOW]),
        ("mmd", &[ONE_WINDOW, "method.kernel=linear"]),
        ("idm", &[ONE_WINDOW]),
    ];
    for (method, changes) in all {
        let told = losses(method, changes);
        assert!(told[11][0] < 0.5 * told[0][0], "{method} {changes:?}: {told:?}");
    }
}

#[test]
fn a_linear_kernel_is_distribution_matching() {
    let (means, kernel) = (losses("dm", &[]), losses("mmd", &["method.kernel=linear"]));
    for (a, b) in means.iter().zip(&kernel).take(3) {
        assert!((a[0] - b[0]).abs() < 1e-3 * a[0], "{means:?} {kernel:?}");
    }
}

#[test]
fn micro_batches_change_no_pair() {
    let (parts, whole) = (losses("mmd", &[]), losses("mmd", &["micro_batch=6"]));
    for (a, b) in parts.iter().zip(&whole).take(3) {
        assert!((a[0] - b[0]).abs() < 1e-3 * a[0], "{parts:?} {whole:?}");
    }
}

#[test]
fn networks_of_a_queue_classify_when_they_have_learnt() {
    let told =
        losses("idm", &["real.refresh=1", "sight.kind.first=1", "sight.kind.every=100", "method.classification=1.0"]);
    assert_eq!(told[0][1], 0.0, "it knows nothing yet");
    assert!(told[1..].iter().all(|values| values[1] > 0.0), "{told:?}");
    let other = losses("idm", &["real.refresh=1", "sight.kind=fresh", "method.classification=1.0"]);
    assert!(other.iter().all(|values| values[1] == 0.0), "fresh networks know nothing: {other:?}");
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let idm = Recipe::named("idm").expect("a method");
    assert!(matches!(idm.sight.kind, Parameters::Queue(_)));
    for (method, change, key) in [
        ("mmd", "method.kernel={name=\"gaussian\", bandwidths=[1.0, 0.0]}", "method.kernel.bandwidths"),
        ("mmd", "method.kernel={name=\"polynomial\", degree=0}", "method.kernel.degree"),
        ("idm", "method.classification=-1.0", "method.classification"),
        ("idm", "sight.kind.every=0", "sight.kind.every"),
        ("dm", "method.kernel=linear", "kernel"),
    ] {
        let error = Recipe::named(method).expect("a method").with(change).expect_err("refused").to_string();
        assert!(error.contains(key), "{error}");
    }
}
