//! Whole runs on a toy: what they print, what they write, and that they can be repeated.

mod common;

use common::{Place, TINY};
use serde_json::Value;

const COMPLETE: [&str; 7] =
    ["accuracies.json", "checkpoint.bin", "distilled.attar", "grid.png", "recipe.toml", "result.json", "run.toml"];

#[track_caller]
fn keys(value: &Value) -> Vec<&str> {
    let mut keys: Vec<&str> = value.as_object().expect("an object").keys().map(String::as_str).collect();
    keys.sort_unstable();
    keys
}

#[test]
fn a_run_prints_one_object_and_fills_its_folder() {
    let place = Place::with_toy();
    let result = place.distill(&["--json", "--seed=7"]).json();
    let expected = [
        "accuracy",
        "bytes",
        "choice",
        "engine",
        "file",
        "images_per_class",
        "iterations",
        "method",
        "protocol",
        "seconds",
        "seed",
        "skipped",
    ];
    assert_eq!(keys(&result), expected);
    assert_eq!((&result["method"], &result["engine"]), (&"ncfm".into(), &"reference:f32".into()));
    assert_eq!(
        (&result["images_per_class"], &result["iterations"], &result["seed"]),
        (&1.into(), &2.into(), &7.into())
    );
    assert_eq!(result["file"], "out/toy-ncfm-ipc1/distilled.attar");
    assert_eq!(result["protocol"], "quick, width 8, epochs 4");
    assert_eq!(keys(&result["accuracy"]), ["distilled", "initial", "random", "whole"]);
    for (set, figure) in result["accuracy"].as_object().unwrap() {
        assert!((0.0..=1.0).contains(&figure["mean"].as_f64().unwrap()), "{set}: {figure}");
        assert_eq!((&figure["deviation"], &figure["repeats"]), (&0.0.into(), &1.into()), "{set}");
    }
    assert!(result["choice"].is_null(), "ten images are too few to hold some out");
    for part in ["pool", "distill", "evaluate"] {
        assert!(result["seconds"][part].as_f64().unwrap() > 0.0, "{part}");
    }
    let size = place.read("out/toy-ncfm-ipc1/distilled.attar").len();
    assert_eq!(result["bytes"]["file"], size);
    assert!(result["bytes"]["source"].as_u64().unwrap() > 12 * 100);
    assert_eq!(place.names("out/toy-ncfm-ipc1"), COMPLETE);
    assert_eq!(place.json("out/toy-ncfm-ipc1/result.json"), result);
}

#[test]
fn people_get_a_table() {
    let place = Place::with_toy();
    let ran = place.distill(&["--seed=7"]).well();
    for line in ["accuracy on 2 test images", "  distilled, 1 a class", "  whole set, 10 images", "size ", "picture "] {
        assert!(ran.stdout.lines().any(|printed| printed.starts_with(line)), "no `{line}` in {}", ran.stdout);
    }
    for line in ["toy: 10 training and 2 test images", "pool: ", "distillation: 2 iterations, matching ", "whole set: "]
    {
        assert!(ran.stderr.lines().any(|said| said.starts_with(line)), "no `{line}` in {}", ran.stderr);
    }
    assert!(!ran.stderr.contains('\x1b') && !ran.stdout.contains('\x1b'), "no terminal, no escapes: {ran:?}");
}

#[test]
fn the_same_seed_gives_the_same_file() {
    let place = Place::with_toy();
    let run = |out, seed| {
        let result = place.distill(&["--json", "--no-evaluate", "--out", out, "--seed", seed]).json();
        assert!(result["accuracy"].is_null() && result["protocol"].is_null());
        place.read(format!("{out}/distilled.attar"))
    };
    let first = run("a", "1");
    assert!(first == run("b", "1"), "two files of one seed differ");
    assert!(first != run("c", "2"), "another seed changes nothing");
    assert_eq!(place.names("a"), COMPLETE[1..]);

    // The recipe that a run leaves behind is all that is needed to repeat it.
    place
        .attar(&["distill", "toy", "--engine=reference:f32", "--no-evaluate", "--recipe=a/recipe.toml", "--out=d"])
        .well();
    assert!(first == place.read("d/distilled.attar"), "the recipe of a run does not repeat it");
}

#[test]
fn a_drawn_seed_is_told_and_kept() {
    let place = Place::with_toy();
    let ran = place.distill(&["--no-evaluate", "--out=x"]).well();
    let seed = place.json("x/result.json")["seed"].as_u64().unwrap();
    assert!(ran.stderr.contains(&format!("seed {seed}\n")), "{ran:?}");
    assert!(place.text("x/recipe.toml").contains(&format!("seed = {seed}\n")));
}

#[test]
fn folders_are_numbered_when_taken_and_replaced_by_force() {
    let place = Place::with_toy();
    let run = |more: &[&str]| {
        let result = place.distill(&[&["--json", "--no-evaluate"], more].concat()).json();
        result["file"].as_str().unwrap().to_string()
    };
    assert_eq!(run(&["--seed=1"]), "out/toy-ncfm-ipc1/distilled.attar");
    assert_eq!(run(&["--seed=2"]), "out/toy-ncfm-ipc1-2/distilled.attar");
    assert_eq!(run(&["--seed=2", "--force"]), "out/toy-ncfm-ipc1/distilled.attar");
    assert_eq!(place.read("out/toy-ncfm-ipc1/distilled.attar"), place.read("out/toy-ncfm-ipc1-2/distilled.attar"));
    place.distill(&["-q", "--out=out/toy-ncfm-ipc1"]).fails(1, &["not empty", "--force"]);
    assert_eq!(run(&["--out=out/toy-ncfm-ipc1", "--force"]), "out/toy-ncfm-ipc1/distilled.attar");
    assert_eq!(place.names("out"), ["toy-ncfm-ipc1", "toy-ncfm-ipc1-2"]);
}

#[test]
fn a_time_budget_ends_after_an_iteration() {
    let place = Place::with_toy();
    let result = place.distill(&["--json", "--no-evaluate", "--iterations=1000000", "--time-budget=0.001s"]).json();
    assert_eq!(result["iterations"], 1);
}

#[test]
fn the_sample_needs_no_source() {
    let place = Place::new();
    let line = [
        "distill",
        "--json",
        "--no-evaluate",
        "--size=8",
        "--ipc=1",
        "--iterations=1",
        "--set=network.width=4",
        "--set=pool.networks=1",
        "--set=pool.epochs=0",
        "--set=real.batch=4",
        "--set=method.frequencies=8",
    ];
    let result = place.attar(&line).json();
    assert_eq!(result["file"], "out/fashion-mini-ncfm-ipc1/distilled.attar");
    let engines = place.attar(&["engines", "--json"]).json();
    let auto = engines.as_array().unwrap().iter().find(|engine| engine["auto"] == true).unwrap();
    assert_eq!(result["engine"], auto["name"]);
}

#[test]
fn a_pool_trained_before_gives_the_same_set() {
    let place = Place::with_toy();
    let options: Vec<&str> =
        TINY.iter().copied().filter(|option| option.contains("=network") || option.contains("=pool")).collect();
    let pool = |more: &[&str]| place.attar(&[&["pool", "toy", "--engine=reference:f32"], &options[..], more].concat());
    let trained = pool(&["--json", "--seed=3"]).json();
    assert_eq!((&trained["file"], &trained["networks"]), (&"out/toy-ncfm.pool".into(), &2.into()));
    let again = pool(&["--seed=4"]).well();
    assert_eq!(again.stdout, "out/toy-ncfm-2.pool\n");
    place.distill(&["--no-evaluate", "--seed=3", "--out=a"]).well();
    place.distill(&["--no-evaluate", "--seed=3", "--out=b", "--pool=out/toy-ncfm.pool"]).well();
    assert!(place.read("a/distilled.attar") == place.read("b/distilled.attar"), "the pool made a difference");
    // Another seed holds other images out, so its pool has seen what this run must not see.
    place.distill(&["-q", "--seed=3", "--out=c", "--pool=out/toy-ncfm-2.pool"]).fails(1, &["other images", "seed"]);
    assert!(place.names("c").is_empty());
}

#[test]
fn an_explained_run_shows_its_programs_and_does_not_begin() {
    let place = Place::with_toy();
    let programs = place.distill(&["--explain", "--json", "--set=labels=soft"]).json();
    let names: Vec<&str> = programs.as_array().unwrap().iter().map(|one| one["program"].as_str().unwrap()).collect();
    let expected = [
        "pool.training.prepare",
        "pool.training.gradient.10",
        "pool.training.update",
        "ncfm.frequencies",
        "ncfm.real",
        "ncfm.match",
        "ncfm.calibrate",
        "canvas.keep",
        "sight.between",
        "soft",
    ];
    assert_eq!(names, expected);
    for program in programs.as_array().unwrap() {
        let [nodes, flops, contractions] =
            ["nodes", "flops", "contraction_flops"].map(|key| program[key].as_u64().unwrap());
        assert!(nodes > 0 && flops > 0 && contractions <= flops, "{program}");
    }
    let text = place.distill(&["--explain"]).well().stdout;
    assert!(text.contains("\nncfm.match: ") && text.contains("= conv2d "), "{text}");
    let options: Vec<&str> = TINY.iter().copied().filter(|option| !option.starts_with("--engine")).collect();
    let plans = place.attar(&[&["distill", "toy", "--engine=cpu", "--explain"], &options[..]].concat()).well().stdout;
    for part in ["plan ncfm.match: ", " kernels, ", " MB of memory", "<- conv2d ", "direct, "] {
        assert!(plans.contains(part), "no `{part}` in\n{plans}");
    }
    assert!(place.names("out").is_empty());
}

#[test]
fn a_rate_that_burns_the_images_is_told() {
    let place = Place::with_toy();
    let line = ["--no-evaluate", "--seed=7", "--set=canvas.lr=1e9", "--set=canvas.averaging=0.0"];
    let ran = place.distill(&line).well();
    assert!(ran.stderr.contains("warning: all pixels of the distilled set are black or white"), "{ran:?}");
    assert!(!place.distill(&["--no-evaluate", "--seed=7"]).well().stderr.contains("warning"));
}

/// Enough images to hold some out: what is kept is told to people, to programs, and by the set itself.
#[test]
fn what_is_kept_is_told() {
    let place = Place::new();
    place.images("many", &["across", "down"], 300);
    let run = |out, more: &[&str]| {
        place.attar(&[&["distill", "many", "--no-evaluate", "--seed=7", "--out", out], TINY, more].concat()).well()
    };
    let burnt = run("burnt", &["--set=canvas.lr=1e9", "--set=canvas.averaging=0.0", "--set=evaluation.epochs=60"]);
    let choice = place.json("burnt/result.json")["choice"].clone();
    assert_eq!(keys(&choice), ["images", "kept", "result", "start"]);
    assert_eq!((&choice["images"], &choice["kept"]), (&54.into(), &"start".into()), "{choice}");
    let [start, result] = ["start", "result"].map(|candidate| choice[candidate].as_f64().unwrap());
    let line = format!("the start: {start:.3} on 54 held-out training images, the result {result:.3}");
    assert!(burnt.stdout.contains(&format!("kept     {line}\n")), "{burnt:?}");
    assert!(burnt.stdout.contains(", choice "), "{burnt:?}");
    assert!(burnt.stderr.lines().any(|said| said.starts_with("choice: ")), "{burnt:?}");
    assert!(place.json("burnt/result.json")["seconds"]["choose"].as_f64().unwrap() > 0.0);
    let inspected = place.attar(&["inspect", "burnt"]).well().stdout;
    assert!(inspected.lines().any(|told| told.starts_with("kept ") && told.ends_with(&line)), "{inspected}");

    // The choice comes after the time that was given.
    let brief = run("brief", &["--iterations=1000000", "--time-budget=0.001s"]);
    let result = place.json("brief/result.json");
    assert_eq!((&result["iterations"], &result["choice"]["images"]), (&1.into(), &54.into()), "{brief:?}");
}
