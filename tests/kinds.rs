//! Every method of the registry keeps the promises of the floor: it runs on every engine, can be interrupted between any
//! two units and goes on to the same bits, tells the losses that it declares, and its file reads back.

mod common;

use std::sync::Arc;

use attar::{
    Dataset, Distillation, Distilled, Recipe,
    data::{Images, container},
    engine::{Engine, reference::Reference},
    method::{KINDS, Kind, Needs},
    rng::Draws,
};
use pollster::block_on;

use common::engines;

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

/// The default recipe of a method, made small.
fn recipe(kind: &dyn Kind) -> Recipe {
    let mut recipe =
        Recipe::named(kind.name()).expect("a method of the list").images_per_class(2).iterations(2).seed(3);
    (recipe.network.depth, recipe.network.width) = (2, 4);
    (recipe.pool.networks, recipe.pool.epochs, recipe.pool.training.batch) = (2, 1, 8);
    (recipe.real.batch, recipe.real.refresh) = (6, 1);
    recipe.with("micro_batch=4").expect("a known key")
}

fn begin(kind: &dyn Kind, engine: &Arc<dyn Engine>) -> Distillation {
    Distillation::new(recipe(kind), &data(), Arc::clone(engine)).expect("the recipe fits")
}

fn finish(run: &mut Distillation) -> Distilled {
    while block_on(run.advance()).expect("the run goes on").is_some() {}
    block_on(run.finish()).expect("the run ends")
}

fn bytes(set: &Distilled) -> Vec<u8> {
    container::write(set).expect("a set can be written")
}

#[test]
fn every_method_runs_on_every_engine_and_resumes_to_the_bit() {
    for engine in engines() {
        for kind in KINDS {
            let name = format!("{} on {}", kind.name(), engine.name());
            let whole = finish(&mut begin(*kind, &engine));
            whole.check().unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(whole.method, kind.name());
            assert_eq!(container::read(&bytes(&whole)).expect("it reads back"), whole, "{name}");
            let mut run = begin(*kind, &engine);
            let units = (0..).take_while(|_| block_on(run.advance()).expect("it goes on").is_some()).count();
            let mut run = begin(*kind, &engine);
            (0..units * 2 / 3).for_each(|_| drop(block_on(run.advance()).expect("it goes on")));
            let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
            drop(run);
            let mut resumed =
                Distillation::resume(&checkpoint, &data(), Arc::clone(&engine)).expect("it can be resumed");
            assert_eq!(bytes(&finish(&mut resumed)), bytes(&whole), "{name}");
        }
    }
}

/// At every unit, on the engine that is quickest to begin with.
#[test]
fn every_method_may_be_interrupted_anywhere() {
    let engine: Arc<dyn Engine> = Arc::new(Reference::f32());
    for kind in KINDS {
        let whole = bytes(&finish(&mut begin(*kind, &engine)));
        let mut run = begin(*kind, &engine);
        let mut checkpoints = Vec::new();
        loop {
            checkpoints.push(block_on(run.checkpoint()).expect("it can be saved"));
            if block_on(run.advance()).expect("it goes on").is_none() {
                break;
            }
        }
        for (unit, checkpoint) in checkpoints.iter().enumerate().step_by(3) {
            let mut resumed =
                Distillation::resume(checkpoint, &data(), Arc::clone(&engine)).expect("it can be resumed");
            assert_eq!(bytes(&finish(&mut resumed)), whole, "{} stopped after {unit} units", kind.name());
        }
    }
}

/// Model augmentation is a matter of the sight: every method that looks through networks has it.
#[test]
fn methods_look_through_early_perturbed_networks() {
    let engine: Arc<dyn Engine> = Arc::new(Reference::f32());
    let mut names = Vec::new();
    for kind in KINDS {
        let changes = ["sight.kind = { name = \"early\", epochs = 2 }", "sight.perturb = 0.09"];
        let recipe = changes.iter().fold(recipe(*kind), |recipe, change| recipe.with(change).expect("a known key"));
        if kind.needs(&recipe) != (Needs::Early { epochs: 2 }) {
            continue;
        }
        names.push(kind.name());
        let start = || Distillation::new(recipe.clone(), &data(), Arc::clone(&engine)).expect("the recipe fits");
        let plain = bytes(&finish(&mut begin(*kind, &engine)));
        let whole = finish(&mut start());
        assert!(bytes(&whole) != plain, "{}: it sees other networks", kind.name());
        let mut run = start();
        let units = (0..).take_while(|_| block_on(run.advance()).expect("it goes on").is_some()).count();
        for stop in [units / 2, units - 2] {
            let mut run = start();
            (0..stop).for_each(|_| drop(block_on(run.advance()).expect("it goes on")));
            let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
            let mut resumed =
                Distillation::resume(&checkpoint, &data(), Arc::clone(&engine)).expect("it can be resumed");
            assert_eq!(bytes(&finish(&mut resumed)), bytes(&whole), "{} stopped after {stop} units", kind.name());
        }
    }
    assert!(["ncfm", "idc"].iter().all(|name| names.contains(name)), "{names:?}");
}

#[test]
fn losses_are_named_as_declared_and_told_each_iteration() {
    let engine: Arc<dyn Engine> = Arc::new(Reference::f32());
    for kind in KINDS {
        let mut run = begin(*kind, &engine);
        let mut told = 0;
        while let Some(progress) = block_on(run.advance()).expect("it goes on") {
            if let Some(point) = progress.losses {
                told += 1;
                assert_eq!((point.unit, point.values.len()), (told, kind.losses().len()), "{}", kind.name());
                assert!(point.values.iter().all(|loss| loss.is_finite()), "{}", kind.name());
            }
        }
        let set = block_on(run.finish()).expect("the run ends");
        assert_eq!(set.losses.names(), kind.losses(), "{}", kind.name());
        assert_eq!(set.losses.len(), if kind.losses().is_empty() { 0 } else { 2 }, "{}", kind.name());
    }
}

#[test]
fn names_presets_and_settings_are_sound() {
    let mut names: Vec<&str> = KINDS.iter().map(|kind| kind.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), KINDS.len(), "each name once");
    for kind in KINDS {
        assert!(kind.about().contains("20"), "{}: the sentence names paper and year", kind.name());
        assert_eq!(kind.presets()[0].name, "quick", "{}", kind.name());
        for preset in kind.presets() {
            for images_per_class in [1, 3, 10, 50] {
                let recipe = Recipe::preset(kind.name(), preset.name, images_per_class).expect("a preset of the list");
                assert_eq!((recipe.images_per_class, recipe.method.name()), (images_per_class, kind.name()));
                assert_eq!(Recipe::of(&recipe.settings().expect("settings")).expect("it reads back"), recipe);
            }
        }
        let unknown = Recipe::named(kind.name()).expect("a method").with("method.no_such_number=1");
        assert!(unknown.expect_err("refused").to_string().contains("no_such_number"), "{}", kind.name());
    }
}
