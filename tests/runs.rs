//! Runs through the public face: progress, checkpoints, exact resumption, baselines.

use std::sync::Arc;

use attar::{
    Dataset, Distillation, Distilled, Error, Evaluation, Phase, Progress, Protocol, Recipe,
    data::Images,
    engine::{Engine, reference::Reference},
    evaluate::{self, TrainingSet},
    nn::NetworkChoice,
    pool::{PoolCheckpoint, PoolRun},
    rng::Draws,
    run::{Candidate, Changes, Choice},
};
use pollster::block_on;

/// Three classes that differ by where a bright square lies, with noise: `[30, 1, 8, 8]`.
fn squares(seed: u64) -> Dataset {
    let mut draws = Draws::new(seed, 0, 0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for row in 0..30 {
        let class = row % 3;
        labels.push(class as u32);
        pixels.extend((0..64).map(|at| {
            let inside = at / 8 / 3 == class && (2..6).contains(&(at % 8));
            (draws.range(0.0, 60.0) + if inside { 150.0 } else { 0.0 }) as u8
        }));
    }
    let names = ["top", "middle", "bottom"].map(String::from).to_vec();
    Dataset::new(names, Images::new(1, 8, 8, pixels).expect("64 values each"), labels).expect("labels fit")
}

fn recipe() -> Recipe {
    let settings = [
        "images_per_class=2",
        "iterations=4",
        "network.depth=2",
        "network.width=4",
        "pool.networks=2",
        "pool.epochs=2",
        "pool.training.batch=8",
        "real.batch=8",
        "micro_batch=3",
        "real.refresh=2",
        "method.frequencies=16",
        "canvas.factor=2",
    ];
    settings.iter().fold(Recipe::default().seed(3), |recipe, setting| recipe.with(setting).expect("a known key"))
}

fn engine() -> Arc<dyn Engine> {
    Arc::new(Reference::f32())
}

fn finish(run: &mut Distillation) -> Distilled {
    while block_on(run.advance()).expect("the run goes on").is_some() {}
    block_on(run.finish()).expect("the run ends")
}

fn bytes(set: &Distilled) -> Vec<u8> {
    attar::data::container::write(set).expect("a set can be written")
}

#[test]
fn the_same_seed_gives_the_same_file_and_another_does_not() {
    let data = squares(1);
    let file = |seed| {
        let run = Distillation::new(recipe().seed(seed), &data, engine());
        bytes(&finish(&mut run.expect("the recipe fits")))
    };
    assert_eq!(file(3), file(3));
    assert_ne!(file(3), file(4));
}

#[test]
fn optimisation_lowers_the_matching_loss() {
    let data = squares(1);
    let settings = ["iterations=40", "canvas.lr=0.02", "real.augment=none", "method.frequencies=128"];
    let steady = settings.iter().fold(recipe(), |recipe, setting| recipe.with(setting).expect("a known key"));
    let mut run = Distillation::new(steady, &data, engine()).expect("the recipe fits");
    let set = finish(&mut run);
    let matching: Vec<f32> = set.losses.column("matching").expect("it has this loss").collect();
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;
    let (first, last) = (mean(&matching[..8]), mean(&matching[32..]));
    assert!(last < 0.8 * first, "{first} to {last}");
}

#[test]
fn a_unit_tells_whether_it_updated_the_images() {
    let data = squares(1);
    for timing in ["pool.timing=before", "pool.timing=alongside"] {
        let recipe = recipe().with(timing).expect("a known key");
        let mut run = Distillation::new(recipe, &data, engine()).expect("the recipe fits");
        let images = |run: &Distillation| block_on(run.preview()).expect("it can be shown").planes;
        let (mut before, mut updates) = (images(&run), 0);
        while let Some(progress) = block_on(run.advance()).expect("it goes on") {
            let after = images(&run);
            assert_eq!(progress.updated, before != after, "{progress:?}");
            updates += usize::from(progress.updated);
            before = after;
        }
        assert!(updates >= 4, "{updates} updates in four iterations");
    }
}

/// Interrupted in pool training, in mid-refresh and in calibration, and resumed, gives the file of an uninterrupted run.
#[test]
fn a_resumed_run_equals_an_uninterrupted_one() {
    let data = squares(1);
    let settings =
        ["pool.timing=before", "pool.timing=alongside", "method.sampling={name=\"network\", lr=1e-2, momentum=0.5}"];
    for setting in settings {
        let recipe = recipe().with(setting).expect("a known key");
        let begin = || Distillation::new(recipe.clone(), &data, engine()).expect("the recipe fits");
        let whole = bytes(&finish(&mut begin()));
        let units = {
            let mut run = begin();
            (0..).take_while(|_| block_on(run.advance()).expect("it goes on").is_some()).count()
        };
        for stop in 0..units {
            let mut run = begin();
            for _ in 0..stop {
                block_on(run.advance()).expect("it goes on");
            }
            let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
            drop(run);
            let mut resumed = Distillation::resume(&checkpoint, &data, engine()).expect("it can be resumed");
            assert_eq!(bytes(&finish(&mut resumed)), whole, "stopped after {stop} of {units} units");
        }
    }
}

#[test]
fn damaged_checkpoints_and_other_data_are_refused() {
    let data = squares(1);
    let run = Distillation::new(recipe(), &data, engine()).expect("the recipe fits");
    let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
    let refused = |bytes: &[u8], data: &Dataset| Distillation::resume(bytes, data, engine()).err().expect("refused");
    assert!(matches!(refused(&checkpoint, &squares(2)), Error::Data(_)));
    assert!(matches!(refused(&checkpoint[..100], &data), Error::Format(_)));
    let mut flipped = checkpoint.clone();
    flipped[40] ^= 1;
    assert!(matches!(refused(&flipped, &data), Error::Format(_)));
}

/// A rate that makes the training explode is reported, and the canvases of the last good iteration stay.
#[test]
fn divergence_is_an_error_and_loses_nothing() {
    let data = squares(1);
    let wild = recipe().with("pool.training.lr=1e9").expect("a known key");
    let mut run = Distillation::new(wild.clone(), &data, engine()).expect("the recipe fits");
    let error = loop {
        match block_on(run.advance()) {
            Ok(Some(progress)) => assert_eq!(progress.phase, Phase::Pool),
            Ok(None) => panic!("a diverged pool was accepted"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::NonFinite { .. }), "{error}");
    let kept = block_on(run.finish()).expect("what is there can be had");
    assert_eq!(kept.planes, attar::run::initial(&wild, &data).expect("the recipe fits").planes);
}

#[test]
fn a_saved_pool_replaces_training() {
    let data = squares(1);
    let mut training = PoolRun::new(&recipe(), &data, engine()).expect("the recipe fits");
    while block_on(training.advance()).expect("it goes on").is_some() {}
    let pool = block_on(training.finish()).expect("it ends");
    let pool = attar::Pool::from_bytes(&pool.to_bytes()).expect("what was written reads back");
    let mut run = Distillation::new(recipe(), &data, engine()).and_then(|run| run.with_pool(&pool)).expect("it fits");
    let whole = finish(&mut Distillation::new(recipe(), &data, engine()).expect("the recipe fits"));
    assert_eq!(finish(&mut run).planes, whole.planes);
    let wider = recipe().with("network.width=8").expect("a known key");
    let refused = Distillation::new(wider, &data, engine()).and_then(|run| run.with_pool(&pool));
    assert!(matches!(refused.err(), Some(Error::Recipe(_))));
}

#[test]
fn micro_batches_change_a_training_by_rounding_alone() {
    let data = squares(1);
    let trained = |micro_batch: &str| {
        let settings = ["pool.training.batch=24", "pool.training.cutmix=0.5", micro_batch];
        let recipe = settings.iter().fold(recipe(), |recipe, setting| recipe.with(setting).expect("a known key"));
        let mut training = PoolRun::new(&recipe, &data, engine()).expect("the recipe fits");
        while block_on(training.advance()).expect("it goes on").is_some() {}
        block_on(training.finish()).expect("it ends").networks.swap_remove(1)
    };
    let (few, many) = (trained("micro_batch=8"), trained("micro_batch=64"));
    assert_eq!(few.initial, many.initial);
    let apart = few.trained.iter().zip(&many.trained).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart < 1e-5, "{apart}");
}

/// Alongside its pool a run moves canvases from the first unit on, calibrates once a network is trained, and has soft
/// labels of the whole pool even if its iterations end before. The first iteration does not wait for training.
#[test]
fn a_pool_trained_alongside_is_used_as_it_grows() {
    let data = squares(1);
    let alongside = |settings: &[&str]| {
        let begin = recipe().with("pool.timing=alongside").expect("a known key");
        let recipe = settings.iter().fold(begin, |recipe, setting| recipe.with(setting).expect("a known key"));
        Distillation::new(recipe, &data, engine()).expect("the recipe fits")
    };
    let mut run = alongside(&["iterations=8"]);
    let mut unit = || block_on(run.advance()).expect("it goes on").expect("there is work");
    let first: Vec<_> = std::iter::repeat_with(&mut unit).take_while(|unit| unit.losses.is_none()).collect();
    assert!(first.iter().any(|unit| unit.updated));
    assert!(first.iter().all(|unit| (unit.phase, unit.pool) == (Phase::Distill, Some((0, 16)))), "{first:?}");
    assert_eq!(unit().pool, Some((1, 16)));
    let losses = finish(&mut run).losses;
    let calibration: Vec<f32> = losses.column("calibration").expect("it has this loss").collect();
    assert!(calibration[0] == 0.0 && calibration[7] > 0.0, "{losses:?}");

    let mut run = alongside(&["iterations=1", "labels=soft"]);
    let mut last = None;
    while let Some(progress) = block_on(run.advance()).expect("it goes on") {
        last = Some((progress.phase, progress.done));
    }
    assert_eq!(last, Some((Phase::Pool, 16)));
    assert!(block_on(run.finish()).expect("the run ends").soft.is_some());
}

#[test]
fn soft_labels_are_probabilities_that_agree_with_the_class() {
    let data = squares(1);
    let soft = recipe().with("labels=soft").expect("a known key");
    let set = finish(&mut Distillation::new(soft, &data, engine()).expect("the recipe fits"));
    let labels = set.soft.as_ref().expect("asked for").values();
    assert_eq!(labels.len(), set.len() * 4 * 3);
    for (picture, row) in labels.chunks(3).enumerate() {
        assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        let label = set.labels[picture % set.len()] as usize;
        assert!(row.iter().all(|value| *value <= row[label]), "{row:?} {label}");
    }
    assert_eq!(attar::data::container::read(&bytes(&set)).expect("it reads back"), set);
}

#[test]
fn a_network_learns_the_squares_from_real_and_from_distilled_images() {
    let (data, test) = (squares(1), squares(2));
    let set = finish(&mut Distillation::new(recipe(), &data, engine()).expect("the recipe fits"));
    let mut protocol = Protocol::named("quick").expect("a known name");
    (protocol.network.width, protocol.epochs, protocol.training.lr) = (Some(4), 40, 0.01);
    for training in [TrainingSet::from(&set), TrainingSet::real(&data, &data.normalisation())] {
        let mut evaluation = Evaluation::new(&protocol, &training, &test, 2, 1, engine()).expect("the sets fit");
        while block_on(evaluation.advance()).expect("it goes on").is_some() {}
        let accuracy = evaluation.accuracy();
        assert_eq!(accuracy.each.len(), 2);
        assert!(accuracy.mean > 0.6, "guessing gives a third: {accuracy:?}");
    }
}

#[test]
fn an_evaluation_is_told_its_network() {
    let (data, test) = (squares(1), squares(2));
    let training = TrainingSet::real(&data, &data.normalisation());
    for (name, width) in [("mlp", 16), ("resnet18-bn", 2)] {
        let network = NetworkChoice { width: Some(width), ..name.parse().expect("a known name") };
        let mut protocol = Protocol::named("quick").expect("a known name").with_network(network);
        assert_eq!(protocol.name, format!("quick, {name}:{width}"));
        (protocol.epochs, protocol.training.lr, protocol.training.cutmix) = (20, 0.01, 0.0);
        protocol.training.batch = 10;
        protocol.training.augment = "none".parse().expect("no augmentation");
        let mut evaluation = Evaluation::new(&protocol, &training, &test, 1, 1, engine()).expect("the sets fit");
        while block_on(evaluation.advance()).expect("it goes on").is_some() {}
        let accuracy = evaluation.accuracy();
        assert!(accuracy.mean > 0.6, "guessing gives a third: {name} {accuracy:?}");
    }
}

#[test]
fn a_recipe_names_the_network_of_its_evaluation() {
    let changed = |setting: &str| Recipe::default().with(setting).expect("a known key");
    let recipe = changed("evaluation.network=vgg11-bn").with("evaluation.width=16").expect("a known key");
    let protocol = Protocol::of(&recipe).expect("a known protocol");
    assert_eq!(protocol.name, "quick, vgg11-bn, width 16");
    let network = NetworkChoice { width: Some(16), .."vgg11-bn".parse().expect("a known name") };
    assert_eq!(protocol.network, network);
    let own = Protocol::of(&changed("evaluation.network=convnet")).expect("a known protocol");
    assert_eq!(own, Protocol::of(&Recipe::default()).expect("a known protocol"), "its width, not the published one");
    let narrow = changed("evaluation.network=lenet").with("evaluation.width=8").expect("a known key");
    assert!(matches!(Protocol::of(&narrow), Err(Error::Recipe(message)) if message.contains("no width")));
}

#[test]
fn a_pool_has_no_batch_norm() {
    let recipe = recipe().with("network.norm=batch").expect("a norm");
    let refused = Distillation::new(recipe, &squares(1), engine()).err();
    assert!(matches!(refused, Some(Error::Recipe(message)) if message.contains("running statistics")));
}

/// The squares in colour: red as they are, green a sixteenth as bright, blue always the same.
fn dim_squares() -> Dataset {
    let grey = squares(1);
    let pixels = grey.images().iter().flat_map(|image| {
        let dim = image.iter().map(|pixel| pixel / 16);
        image.iter().copied().chain(dim).chain([77; 64]).collect::<Vec<u8>>()
    });
    let images = Images::new(3, 8, 8, pixels.collect()).expect("three channels of 64 values");
    Dataset::new(grey.classes().to_vec(), images, grey.labels().to_vec()).expect("labels fit")
}

#[test]
fn canvases_move_by_the_spread_of_each_channel() {
    let recipe = recipe().with("iterations=12").expect("a known key");
    let data = dim_squares();
    let before = attar::run::initial(&recipe, &data).expect("the recipe fits");
    let after = finish(&mut Distillation::new(recipe, &data, engine()).expect("the recipe fits"));
    let moved = |channel: usize| {
        let planes = |set: &Distilled| -> Vec<f32> {
            set.images_f32().chunks(64).skip(channel).step_by(3).flatten().copied().collect()
        };
        let (before, after) = (planes(&before), planes(&after));
        before.iter().zip(&after).map(|(a, b)| (a - b).abs()).sum::<f32>() / before.len() as f32
    };
    let [bright, dim, constant] = [0, 1, 2].map(moved);
    assert_eq!(constant, 0.0, "a channel that never changes stays");
    assert!(bright > 0.01 && dim > 0.0 && dim < bright / 8.0, "{bright} {dim}");
}

#[test]
fn a_class_with_few_images_shows_them_again() {
    let all = squares(1);
    let rows: Vec<u32> = (0..30).filter(|row| row % 3 != 2 || *row < 6).collect();
    let few = all.select(&rows).expect("rows that are there");
    let run = Distillation::new(recipe().with("images_per_class=2").expect("a known key"), &few, engine());
    let mut run = run.expect("two images are enough");
    assert!(
        matches!(run.notices(), [notice] if notice.contains("`bottom` has 2 training images")),
        "{:?}",
        run.notices()
    );
    assert_eq!(finish(&mut run).counts(), [2, 2, 2]);
}

#[test]
fn old_keys_are_refused_with_their_new_names() {
    let message = Recipe::default().with("method.real_batch=8").expect_err("refused").to_string();
    assert!(message.contains("`method.real_batch` is now `real.batch`"), "{message}");
    assert!(Recipe::default().with("method.name=nothing").expect_err("refused").to_string().contains("ncfm, dm"));
}

#[test]
fn more_images_than_there_are_is_no_distillation() {
    let data = squares(1);
    let begin = |count: usize| Distillation::new(recipe().images_per_class(count), &data, engine());
    assert!(begin(10).is_ok());
    assert!(matches!(begin(11), Err(Error::Data(sentence)) if sentence.contains("more than the 10")));
}

/// Interrupted at any batch, in the middle of a test too, an evaluation comes to the same accuracies.
#[test]
fn a_resumed_evaluation_equals_an_uninterrupted_one() {
    let data = squares(1);
    let mut protocol = Protocol::named("quick").expect("a known name");
    (protocol.epochs, protocol.network.width) = (2, Some(4));
    let real = TrainingSet::real(&data, &data.normalisation());
    let begin = |repeats| Evaluation::new(&protocol, &real, &data, repeats, 5, engine()).expect("it fits");
    let end = |mut evaluation: Evaluation| {
        while block_on(evaluation.advance()).expect("it goes on").is_some() {}
        evaluation.accuracy().each
    };
    let whole = end(begin(3));
    let key = evaluate::key(&protocol, &real, &data, 5, "reference");
    for stop in 0..12 {
        let mut evaluation = begin(3);
        for _ in 0..stop {
            block_on(evaluation.advance()).expect("it goes on");
        }
        let checkpoint = block_on(evaluation.checkpoint(&key)).expect("it can be saved");
        for repeats in [3, 1] {
            let mut resumed = begin(repeats);
            resumed.resume(&key, &checkpoint).expect("it can be resumed");
            assert_eq!(end(resumed), whole[..repeats], "stopped after {stop} units, {repeats} networks");
        }
        let other = evaluate::key(&protocol, &real, &data, 6, "reference");
        assert!(matches!(begin(3).resume(&other, &checkpoint), Err(Error::Data(_))));
        assert!(matches!(begin(3).resume(&key, &checkpoint[..checkpoint.len() - 1]), Err(Error::Format(_))));
    }
}

/// Interrupted at any batch, a pool comes to the same networks; and to fewer, if fewer are wanted.
#[test]
fn a_resumed_pool_equals_an_uninterrupted_one() {
    let data = squares(1);
    let networks = |count| recipe().with(&format!("pool.networks={count}")).expect("a known key");
    let begin = |count| PoolRun::new(&networks(count), &data, engine()).expect("the recipe fits");
    let end = |mut run: PoolRun| {
        while block_on(run.advance()).expect("it goes on").is_some() {}
        block_on(run.finish()).expect("it ends")
    };
    let whole = end(begin(3));
    for stop in 0..20 {
        let mut run = begin(3);
        for _ in 0..stop {
            block_on(run.advance()).expect("it goes on");
        }
        let bytes = block_on(run.checkpoint()).expect("it can be saved");
        let checkpoint = PoolCheckpoint::from_bytes(&bytes).expect("it is whole");
        for count in [1, 3] {
            let resumed = PoolRun::resume(&checkpoint, &networks(count), &data, engine()).expect("it goes on");
            assert!(end(resumed).networks == whole.networks[..count], "stopped after {stop} units, {count} networks");
        }
        for other in [networks(3).seed(4), networks(3).with("pool.epochs=3").expect("a known key")] {
            assert!(matches!(PoolRun::resume(&checkpoint, &other, &data, engine()), Err(Error::Data(_))));
        }
        assert!(PoolRun::resume(&checkpoint, &networks(3), &squares(2), engine()).is_err());
        assert!(matches!(PoolCheckpoint::from_bytes(&bytes[1..]), Err(Error::Format(_))));
    }
}

/// A finished run that is to go on longer comes to what a longer run comes to; a lower rate changes what follows.
#[test]
fn a_finished_run_can_be_continued() {
    let data = squares(1);
    let begin = |iterations| Distillation::new(recipe().iterations(iterations), &data, engine()).expect("it fits");
    let longer = bytes(&finish(&mut begin(7)));
    let mut run = begin(4);
    finish(&mut run);
    let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
    let go_on = |iterations, lr| {
        let changes = Changes { iterations: Some(iterations), lr };
        let run = Distillation::resume_changed(&checkpoint, changes, &data, engine());
        run.map(|mut run| finish(&mut run))
    };
    assert_eq!(bytes(&go_on(7, None).expect("it goes on")), longer);
    let slower = go_on(7, Some(1e-4)).expect("it goes on");
    assert!(bytes(&slower) != longer && slower.losses.len() == 7);
    assert!(matches!(go_on(7, Some(f64::NAN)), Err(Error::Recipe(_))));
}

/// Two classes of noise about a bright half, enough of them to hold some out: `[600, 1, 8, 8]`.
fn halves() -> Dataset {
    let mut draws = Draws::new(6, 0, 0);
    let mut pixel = |row: usize, at: usize| draws.range(0.0, 150.0) + if at / 32 == row % 2 { 60.0 } else { 0.0 };
    let pixels = (0..600 * 64).map(|at| pixel(at / 64, at % 64) as u8).collect();
    let images = Images::new(1, 8, 8, pixels).expect("64 values each");
    Dataset::new(vec!["top".into(), "bottom".into()], images, (0..600).map(|row| row % 2).collect())
        .expect("labels fit")
}

/// A recipe that holds out a tenth of [`halves`], with these settings besides.
fn choosing(settings: &[&str]) -> Recipe {
    let common = [
        "canvas.factor=1",
        "sight.kind=fresh",
        "micro_batch=32",
        "choice.held_out=0.1",
        "evaluation.width=4",
        "evaluation.epochs=3",
    ];
    let all = common.iter().chain(settings);
    all.fold(recipe(), |recipe, setting| recipe.with(setting).expect("a known key"))
}

/// The progress of a run to its end.
fn progress(run: &mut Distillation) -> Vec<Progress> {
    std::iter::from_fn(|| block_on(run.advance()).expect("the run goes on")).collect()
}

#[test]
fn what_distilling_spoils_is_not_kept() {
    let data = halves();
    let recipe = choosing(&["canvas.lr=50", "canvas.averaging=0.0", "evaluation.epochs=60"]);
    let mut run = Distillation::new(recipe.clone(), &data, engine()).expect("the recipe fits");
    let set = finish(&mut run);
    let choice = run.choice().expect("it is made");
    assert_eq!((choice.kept, choice.images, choice.last), (Candidate::Start, 60, None), "{choice:?}");
    assert!(choice.start > choice.result + 0.05, "{choice:?}");
    assert_eq!(Choice::of(&set), Some(choice));
    assert_eq!(set.planes, attar::run::initial(&recipe, &data).expect("the recipe fits").planes);
    assert_ne!(set.planes, block_on(run.preview()).expect("it can be shown").planes);
    assert_eq!(attar::data::container::read(&bytes(&set)).expect("it reads back"), set);
}

/// Interrupted at any unit, in the middle of judging each candidate, too.
#[test]
fn a_choice_can_be_interrupted_anywhere() {
    let data = halves();
    let recipe = choosing(&["canvas.averaging=0.5", "iterations=2"]);
    let begin = || Distillation::new(recipe.clone(), &data, engine()).expect("the recipe fits");
    let mut run = begin();
    let units = progress(&mut run);
    let whole = bytes(&block_on(run.finish()).expect("the run ends"));
    let chosen: Vec<&Progress> = units.iter().skip_while(|unit| unit.phase != Phase::Choose).collect();
    assert!(chosen.iter().all(|unit| (unit.phase, unit.updated) == (Phase::Choose, false)), "{chosen:?}");
    let counted: Vec<(u64, u64)> = chosen.iter().map(|unit| (unit.done, unit.total)).collect();
    assert_eq!(
        counted,
        (1..=15).map(|done| (done, 15)).collect::<Vec<_>>(),
        "three sets, three batches and two of testing"
    );
    for stop in 0..=units.len() {
        let mut run = begin();
        for _ in 0..stop {
            block_on(run.advance()).expect("it goes on");
        }
        let checkpoint = block_on(run.checkpoint()).expect("it can be saved");
        let mut resumed = Distillation::resume(&checkpoint, &data, engine()).expect("it can be resumed");
        let again = block_on(resumed.checkpoint()).expect("it can be saved");
        assert_eq!(again, checkpoint, "what is saved at once is what was restored, after {stop} units");
        assert_eq!(bytes(&finish(&mut resumed)), whole, "stopped after {stop} of {} units", units.len());
        assert_eq!(resumed.choice(), Choice::of(&attar::data::container::read(&whole).expect("it reads back")));
    }
}

/// A run that is stopped chooses among what it has; with more iterations it goes on, and chooses anew.
#[test]
fn a_run_that_is_stopped_chooses() {
    let data = halves();
    let begin = |iterations| Distillation::new(choosing(&[]).iterations(iterations), &data, engine()).expect("it fits");
    let longer = bytes(&finish(&mut begin(3)));
    let mut run = begin(Recipe::UNTIL_STOPPED);
    while block_on(run.advance()).expect("it goes on").expect("there is no end").losses.is_none() {}
    run.stop();
    let mut checkpoints = vec![block_on(run.checkpoint()).expect("it can be saved")];
    while let Some(progress) = block_on(run.advance()).expect("it goes on") {
        assert_eq!(progress.phase, Phase::Choose);
        checkpoints.push(block_on(run.checkpoint()).expect("it can be saved"));
    }
    let stopped = block_on(run.finish()).expect("the run ends");
    assert_eq!((stopped.losses.len(), Choice::of(&stopped)), (1, run.choice()));
    assert!(run.choice().is_some());
    for checkpoint in &checkpoints {
        let resumed = |iterations| {
            let run = Distillation::resume_changed(checkpoint, Changes { iterations, lr: None }, &data, engine());
            bytes(&finish(&mut run.expect("it goes on")))
        };
        assert!(resumed(None) == bytes(&stopped));
        assert!(resumed(Some(3)) == longer);
    }
    let mut unbegun = begin(3);
    unbegun.stop();
    assert_eq!((progress(&mut unbegun), unbegun.choice()), (Vec::new(), None), "there is nothing but the start");
}

#[test]
fn nothing_is_chosen_where_nothing_is_held_out() {
    let (many, few) = (halves(), squares(1));
    let off = choosing(&["choice.held_out=0"]);
    let selection = Recipe::named("random").expect("a method").images_per_class(2);
    let selection = selection.with("choice.held_out=0.1").expect("a known key");
    for (recipe, data) in [(off, &many), (choosing(&[]), &few), (selection, &many)] {
        let mut run = Distillation::new(recipe, data, engine()).expect("the recipe fits");
        assert!(progress(&mut run).iter().all(|unit| unit.phase != Phase::Choose));
        let set = block_on(run.finish()).expect("the run ends");
        assert!(run.choice().is_none() && set.extras.entries().is_empty());
    }
}

/// A network that cannot judge is refused before anything is distilled.
#[test]
fn a_choice_that_cannot_be_made_is_refused_at_once() {
    let recipe = choosing(&["evaluation.network=vgg11"]);
    assert!(Distillation::new(recipe, &halves(), engine()).is_err());
}
