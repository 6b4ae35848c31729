//! What is typed, and what is said: exit codes, streams, and which setting wins.

mod common;

use common::{Place, TINY};

#[test]
fn help_and_version_are_results() {
    let place = Place::new();
    for command in [&["--help"][..], &["distill", "--help"], &["--version"]] {
        let ran = place.attar(command).well();
        assert!(!ran.stdout.is_empty() && ran.stderr.is_empty(), "{ran:?}");
    }
}

#[test]
fn what_cannot_be_understood_is_a_usage_error() {
    let place = Place::with_toy();
    let lines: [&[&str]; 7] = [
        &[],
        &["boil"],
        &["distill", "--speed"],
        &["distill", "--time-budget", "90"],
        &["distill", "--size", "8", "--resume", "out/x"],
        &["evaluate", "x.attar"],
        &["export", "x.attar", "--to", "gif", "--out", "x"],
    ];
    for line in lines {
        let ran = place.attar(line);
        assert_eq!((ran.code, ran.stdout.as_str()), (Some(2), ""), "{line:?}: {ran:?}");
    }
    place.distill(&["--set", "network.widht=3"]).fails(2, &["network.widht=3", "unknown"]);
    place.distill(&["--set", "network"]).fails(2, &["key=value"]);
    place.distill(&["--ipc", "0"]).code.unwrap();
    place.distill(&["--protocol", "harsh"]).fails(2, &["harsh", "quick"]);
    assert!(place.names("out").is_empty());
}

#[test]
fn an_engine_that_is_not_there_is_named_with_those_that_are() {
    let place = Place::with_toy();
    let line = ["distill", "toy", "-q", "--engine", "candle:cuda:7"];
    place.attar(&line).fails(1, &["candle:cuda:7", "reference:f32"]);
}

#[test]
fn later_sources_of_settings_are_stronger() {
    let place = Place::with_toy();
    place.write("mine.toml", "iterations = 5\nseed = 5\n[network]\nwidth = 6\n[pool]\nnetworks = 3\nepochs = 1\n");
    let line = [
        "distill",
        "toy",
        "--no-evaluate",
        "--engine=reference:f32",
        "--out=x",
        "--ipc=1",
        "--iterations=4",
        "--recipe=mine.toml",
        "--set=pool.networks=1",
        "--set=iterations=1",
        "--set=method.frequencies=16",
        "--set=real.batch=2",
    ];
    place.attar(&line).well();
    let recipe: toml::Table = place.text("x/recipe.toml").parse().unwrap();
    let number = |table: &toml::Table, key: &str| table[key].as_integer().unwrap();
    let part = |name: &str| recipe[name].as_table().unwrap();
    assert_eq!(number(part("network"), "depth"), 0, "of the preset");
    assert_eq!((number(part("network"), "width"), number(&recipe, "seed")), (6, 5), "of the file");
    assert_eq!(number(&recipe, "images_per_class"), 1, "of a flag");
    assert_eq!((number(&recipe, "iterations"), number(part("pool"), "networks")), (1, 1), "of --set");
}

#[test]
fn engines_are_listed_with_that_of_auto() {
    let place = Place::new();
    let listed = place.attar(&["engines", "--json"]).json();
    let engines = listed.as_array().unwrap();
    assert!(engines.iter().any(|engine| engine["name"] == "reference:f32"));
    assert_eq!(engines.iter().filter(|engine| engine["auto"] == true).count(), 1);
    let lines = place.attar(&["engines"]).well().stdout;
    assert_eq!(lines.lines().count(), engines.len());
    assert!(lines.starts_with("* "));
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let place = Place::new();
    for line in [&["engines"][..], &["engines", "--json"], &["--help"]] {
        let ran = place.unread(line).well();
        assert_eq!(ran.stderr, "", "{line:?}");
    }
}

#[test]
fn quiet_is_quiet_and_verbose_is_not() {
    let place = Place::with_toy();
    let quiet = place.distill(&["-q", "--no-evaluate", "--out", "a"]).well();
    assert_eq!(quiet.stderr, "");
    assert!(quiet.stdout.contains("a/distilled.attar"), "{quiet:?}");
    let verbose = place.attar(&[&["distill", "toy"], TINY, &["-v", "--no-evaluate", "--out", "b"]].concat()).well();
    assert!(verbose.stderr.contains("DEBUG"), "{verbose:?}");
}
