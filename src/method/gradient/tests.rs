//! Canvases that are moved by gradient matching come to pull the network as real images do.

use pollster::block_on;

use super::*;
use crate::{
    engine::{Executor, reference::Reference},
    graph::Graph,
    method::{Advance, stage::fixture},
    nn::{Architecture, ImageSize, Network},
    recipe::{InnerTraining, MicroBatch, Recipe},
};

/// A method's recipe for one window without end.
fn recipe(kind: &GradientKind, micro_batch: usize) -> Recipe {
    let mut recipe = Recipe::named(kind.name()).expect("a method of the list").images_per_class(2).seed(1);
    recipe.micro_batch = MicroBatch::Images(micro_batch);
    (recipe.real.batch, recipe.real.refresh) = (6, 1000);
    recipe
}

/// Losses of the first iterations.
fn losses(kind: &GradientKind, recipe: Recipe, iterations: usize) -> Vec<f32> {
    let (mut stage, canvases) = fixture::stage(recipe);
    let mut run = kind.build(&mut stage, &canvases).expect("it fits");
    let mut losses = Vec::new();
    while losses.len() < iterations {
        if let Advance::Iteration(values) = block_on(run.advance(&mut stage)).expect("it runs") {
            losses.extend(values);
        }
    }
    losses
}

#[test]
fn the_distance_falls_with_either_optimiser() {
    for kind in [&DC, &DSA, &IDC] {
        let own = recipe(kind, 6);
        let quick = losses(kind, own.clone(), 30);
        assert!(quick[29] < 0.7 * quick[0], "{}: {quick:?}", kind.name());
        let published = Recipe::preset(kind.name(), "published", 10).expect("a preset of the list");
        let few = losses(
            kind,
            Recipe { canvas: crate::recipe::CanvasRecipe { factor: own.canvas.factor, ..published.canvas }, ..own },
            30,
        );
        assert!(few[29] < few[0], "{}: {few:?}", kind.name());
    }
}

#[test]
fn micro_batches_do_not_change_the_real_side() {
    let sum = |micro_batch: usize| {
        let (mut stage, canvases) = fixture::stage(recipe(&DSA, micro_batch));
        let mut run = DSA.build(&mut stage, &canvases).expect("it fits");
        // The window, and each class's real side.
        (0..3).for_each(|_| drop(block_on(run.advance(&mut stage)).expect("it runs")));
        block_on(stage.exec.get_f32(&super::sum(1))).expect("it reads")
    };
    let whole = sum(6);
    assert!(whole.iter().any(|value| value.abs() > 1e-3));
    for micro in [1, 4] {
        let parts = sum(micro);
        assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-4), "{whole:?} {parts:?}");
    }
}

#[test]
fn a_recipe_that_says_nothing_means_the_methods_own_distance() {
    for (kind, distance) in [(&DC, Distance::Filters), (&IDC, Distance::Squared)] {
        let filled = kind.complete(&Settings::default()).expect("settings");
        assert_eq!(filled.read::<GradientRecipe>().expect("all keys").distance, distance);
    }
    let own = Settings::from_entries(vec![("distance".into(), crate::settings::Value::Text("angle".into()))]);
    let filled = IDC.complete(&own).expect("settings").read::<GradientRecipe>().expect("all keys");
    assert_eq!(filled, GradientRecipe { distance: Distance::Angle, layers: Layers::Convolutions });
}

/// The distance of `real` and `synthetic`, functions of a parameter's place, on a network of two convolutions.
fn distance(distance: Distance, layers: Layers, real: impl Fn(usize) -> f32, synthetic: impl Fn(usize) -> f32) -> f32 {
    let network = network(Architecture::convnet(2, 4));
    let len = network.table().len();
    let g = Graph::new();
    let [a, b] = ["a", "b"].map(|name| network.parameters(&g, name));
    g.output("distance", distance.between(network.table(), layers, a, b).expect("it has weights").reshape([1]));
    let mut exec = Executor::new(std::sync::Arc::new(Reference::f32()));
    exec.load(Program::new("distance", g).expect("a valid graph")).expect("it loads");
    exec.set_f32("a", &(0..len).map(real).collect::<Vec<_>>()).expect("it is there");
    exec.set_f32("b", &(0..len).map(synthetic).collect::<Vec<_>>()).expect("it is there");
    exec.run("distance", &[]).expect("it runs");
    block_on(exec.get_f32("distance")).expect("it reads")[0]
}

fn network(architecture: Architecture) -> Network {
    Network::new(architecture, ImageSize { channels: 1, height: 8, width: 8 }, 2).expect("it fits")
}

#[test]
fn distances_count_the_layers_that_they_are_asked_for() {
    let wave = |at: usize| (at as f32).sin();
    // Two convolutions of 4 filters; two rows of the classifier.
    assert!((distance(Distance::Filters, Layers::Convolutions, wave, |at| -wave(at)) - 16.0).abs() < 1e-3);
    assert!((distance(Distance::Filters, Layers::Weights, wave, |at| -wave(at)) - 20.0).abs() < 1e-3);
    assert!(distance(Distance::Filters, Layers::Weights, wave, |at| 3.0 * wave(at)).abs() < 1e-3);
    assert!((distance(Distance::Angle, Layers::All, wave, |at| -wave(at)) - 2.0).abs() < 1e-4);
    let convolutions = (4 * 9 + 4 * 4 * 9) as f32;
    for of_two in [Distance::Squared, Distance::Absolute] {
        let found = distance(of_two, Layers::Convolutions, |_| 1.0, |_| 2.0);
        assert!((found - convolutions).abs() < 1e-3, "{of_two:?}: {found}");
    }
    let table = network(Architecture::convnet(2, 4)).table().clone();
    assert!((distance(Distance::Squared, Layers::All, |_| 1.0, |_| 2.0) - table.len() as f32).abs() < 1e-3);
}

#[test]
fn a_network_without_convolutions_is_refused_where_only_these_count() {
    let network = network(Architecture::Mlp { width: 3 });
    let g = Graph::new();
    let [a, b] = ["a", "b"].map(|name| network.parameters(&g, name));
    let refused = Distance::Squared.between(network.table(), Layers::Convolutions, a, b).expect_err("refused");
    assert!(refused.to_string().contains("method.layers"), "{refused}");
    assert!(Distance::Squared.between(network.table(), Layers::Weights, a, b).is_ok());
}

/// Parameters that are looked through in each of the first `windows` windows.
fn sights(kind: &GradientKind, restart: usize, windows: usize) -> Vec<Vec<f32>> {
    let mut recipe = recipe(kind, 6);
    recipe.real.refresh = 1;
    match &mut recipe.sight.inner {
        InnerTraining::Real { restart: own, .. } | InnerTraining::Synthetic { restart: own, .. } => *own = restart,
        InnerTraining::None => unreachable!("these methods train"),
    }
    let (mut stage, canvases) = fixture::stage(recipe);
    let mut run = kind.build(&mut stage, &canvases).expect("it fits");
    let mut seen = Vec::new();
    while seen.len() < windows {
        if let Advance::Iteration(_) = block_on(run.advance(&mut stage)).expect("it runs") {
            seen.push(block_on(stage.exec.get_f32(crate::method::stage::sight::THETA)).expect("it reads"));
        }
    }
    seen
}

fn apart(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt()
}

#[test]
fn the_network_learns_between_windows_and_another_takes_its_place() {
    for kind in [&DC, &IDC] {
        let seen = sights(kind, 3, 4);
        let (first, second) = (apart(&seen[0], &seen[1]), apart(&seen[1], &seen[2]));
        let replaced = apart(&seen[2], &seen[3]);
        assert!(first > 1e-3 && second > 1e-3, "{}: {first} {second}", kind.name());
        assert!(replaced > 2.0 * first.max(second), "{}: {first} {second} {replaced}", kind.name());
        let alone = sights(kind, 1, 2);
        assert_eq!(alone[0], seen[0], "{}", kind.name());
        assert!(apart(&alone[0], &alone[1]) > 2.0 * first, "{}", kind.name());
    }
}
