//! Runs that are interrupted: nothing is lost, and the result is that of an uninterrupted run.
#![cfg(unix)]

mod common;

use common::{Place, Ran, TINY};

/// Long enough to be interrupted at every stage.
const LONG: &[&str] = &["--seed=5", "--iterations=12", "--set=pool.networks=6", "--set=pool.epochs=4"];

#[track_caller]
fn is_interrupted(ran: &Ran, advice: &str) {
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""), "{ran:#?}");
    assert!(ran.stderr.ends_with(&format!("{advice}\n")), "{ran:#?}");
}

#[test]
fn an_interrupted_run_goes_on_to_the_same_file() {
    let place = Place::with_toy();
    let line = |out| [&["distill", "toy"], TINY, LONG, &["--out", out]].concat();
    place.attar(&[&line("whole")[..], &["--no-evaluate"]].concat()).well();

    is_interrupted(&place.interrupt(&line("x"), "INT", "pool: "), "attar distill --resume x");
    assert_eq!(place.names("x"), ["checkpoint.bin", "run.toml"]);
    let resume = ["distill", "--resume", "x"];
    is_interrupted(&place.interrupt(&resume, "TERM", "distillation: "), "attar distill --resume x");
    assert_eq!(place.names("x"), ["checkpoint.bin", "run.toml"]);
    is_interrupted(&place.interrupt(&resume, "INT", "distilled: "), "attar distill --resume x");
    assert_eq!(place.names("x"), ["distilled.attar", "grid.png", "recipe.toml", "result.json", "run.toml"]);
    assert!(place.json("x/result.json")["accuracy"].is_null());
    assert!(
        place.read("x/distilled.attar") == place.read("whole/distilled.attar"),
        "the interruptions made a difference"
    );

    let result = place.attar(&[&resume[..], &["--json"]].concat()).json();
    assert!(result["accuracy"]["whole"]["mean"].is_f64());
    assert_eq!(place.json("x/result.json"), result);
    assert!(place.read("x/distilled.attar") == place.read("whole/distilled.attar"));
    place.attar(&resume).fails(1, &["complete", "nothing to resume"]);
}

#[test]
fn a_run_without_a_checkpoint_begins_again() {
    let place = Place::with_toy();
    let line = |out| [&["distill", "toy", "--no-evaluate"], TINY, LONG, &["--out", out]].concat();
    place.attar(&line("whole")).well();
    let killed = place.interrupt(&line("x"), "KILL", "pool: ");
    assert_eq!((killed.code, place.names("x")), (None, vec!["run.toml".to_string()]));
    let resumed = place.attar(&["distill", "--resume", "x", "-q"]).well();
    assert_eq!(resumed.stderr, "");
    assert!(place.read("x/distilled.attar") == place.read("whole/distilled.attar"));
}

#[test]
fn an_earlier_result_survives_until_there_is_a_new_one() {
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--no-evaluate", "--out=x"], TINY].concat();
    place.attar(&line).well();
    let earlier = place.read("x/distilled.attar");
    let forced = [&line[..], LONG, &["--force"]].concat();
    is_interrupted(&place.interrupt(&forced, "INT", "pool: "), "attar distill --resume x");
    assert!(place.read("x/distilled.attar") == earlier);
    place.attar(&["distill", "--resume", "x"]).well();
    assert!(place.read("x/distilled.attar") != earlier);
}

#[test]
fn other_images_are_not_resumed_with() {
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--no-evaluate", "--out=x"], TINY, LONG].concat();
    is_interrupted(&place.interrupt(&line, "INT", "pool: "), "attar distill --resume x");
    place.images("toy", &["across", "down"], 7);
    place.attar(&["distill", "-q", "--resume", "x"]).fails(1, &["not the training images", "put them back"]);
    assert_eq!(place.names("x"), ["checkpoint.bin", "run.toml"]);
}

/// When the set is made, too: with two class names exchanged, every figure would be that of other classes.
#[test]
fn other_classes_are_not_evaluated_on() {
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--out=x"], TINY, &["--repeats=50", "--set=evaluation.epochs=300"]].concat();
    is_interrupted(&place.interrupt(&line, "INT", "distilled: "), "attar distill --resume x");
    place.rename("toy/across", "toy/aside");
    place.rename("toy/down", "toy/across");
    place.rename("toy/aside", "toy/down");
    place.attar(&["distill", "-q", "--resume", "x"]).fails(1, &["not the training images", "called otherwise"]);
}

#[test]
fn an_interrupted_pool_keeps_its_networks() {
    let place = Place::with_toy();
    let long = ["--set=network.width=8", "--set=pool.networks=2000", "--set=pool.epochs=1"];
    let line = [&["pool", "toy", "--engine=reference:f32", "--seed=1"], &long[..]].concat();
    let ran = place.interrupt(&line, "INT", "pool: ");
    assert_eq!(ran.code, Some(130));
    assert!(ran.stderr.contains("out/toy-ncfm.pool"), "{ran:?}");
    assert_eq!(place.names("out"), ["toy-ncfm.pool"]);
}
