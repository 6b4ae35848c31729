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
    assert_eq!(place.names("x"), ["checkpoint.bin", "checkpoint.bin.previous", "run.toml"]);
    let resume = ["distill", "--resume", "x"];
    is_interrupted(&place.interrupt(&resume, "TERM", "distillation: "), "attar distill --resume x");
    assert_eq!(place.names("x"), ["checkpoint.bin", "checkpoint.bin.previous", "run.toml"]);
    is_interrupted(&place.interrupt(&resume, "TERM", "distilled: "), "attar distill --resume x");
    let judged = ["checkpoint.bin", "distilled.attar", "evaluation.bin", "grid.png", "recipe.toml", "result.json"];
    assert_eq!(place.names("x"), [&judged[..], &["run.toml"]].concat());
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

/// A run whose time is up chooses what it keeps; interrupted there, it goes on to choose, or to iterate if it is given time.
#[test]
fn an_interrupted_choice_goes_on() {
    let place = Place::new();
    place.images("many", &["across", "down"], 300);
    let line = |out| {
        let slow = ["--seed=5", "--set=evaluation.epochs=300", "--time-budget=0.001s", "--iterations=3"];
        [&["distill", "many", "--no-evaluate", "--out", out], TINY, &slow].concat()
    };
    place.attar(&line("whole")).well();
    for out in ["x", "y"] {
        is_interrupted(&place.interrupt(&line(out), "INT", "choice: "), &format!("attar distill --resume {out}"));
    }
    let resumed = place.attar(&["distill", "--resume", "x"]).well();
    assert!(!resumed.stderr.contains("distillation: "), "{resumed:?}");
    assert!(place.read("x/distilled.attar") == place.read("whole/distilled.attar"));
    place.attar(&["distill", "--resume", "y", "--time-budget=10m"]).well();
    let result = place.json("y/result.json");
    assert_eq!((&result["iterations"], &result["choice"]["images"]), (&3.into(), &54.into()));
}

/// From the first second there is a state; if it is damaged, the one before it is gone on from.
#[test]
fn a_killed_run_goes_on_from_its_newest_whole_state() {
    let place = Place::with_toy();
    let line = |out| [&["distill", "toy", "--no-evaluate"], TINY, LONG, &["--out", out]].concat();
    place.attar(&line("whole")).well();
    let killed = place.interrupt(&line("x"), "KILL", "pool: ");
    assert_eq!((killed.code, place.names("x")), (None, vec!["checkpoint.bin".to_string(), "run.toml".into()]));
    is_interrupted(&place.interrupt(&["distill", "--resume", "x"], "INT", "pool: "), "attar distill --resume x");
    place.write("x/checkpoint.bin", "ATTARC, or what is left of it");
    let resumed = place.attar(&["distill", "--resume", "x"]).well();
    assert!(resumed.stderr.contains("going on from the state before it"), "{resumed:?}");
    assert!(place.read("x/distilled.attar") == place.read("whole/distilled.attar"));
}

/// While images are read, which may take long, an interrupt ends the work at once, and how far it is is told.
#[test]
fn reading_is_watched_and_can_be_interrupted() {
    let place = Place::with_toy();
    let picture = image::GrayImage::from_fn(2500, 2500, |x, y| image::Luma([(x * y % 251) as u8]));
    picture.save(place.path("toy/down/large.png")).unwrap();
    for number in 0..40 {
        std::fs::copy(place.path("toy/down/large.png"), place.path(format!("toy/across/{number}.png"))).unwrap();
    }
    let line = [&["distill", "toy", "--out=x"], TINY].concat();
    let ran = place.interrupt(&line, "INT", "reading files: ");
    is_interrupted(&ran, "interrupted: the images were not read, and nothing was begun");
    assert!(ran.stderr.contains("of 47"), "{ran:?}");
    assert!(!place.path("x").exists());
}

/// A terminal that is closed.
#[test]
fn a_hang_up_is_an_interrupt() {
    if hang_ups_are_ignored() {
        println!("skipped: the tests themselves were started by nohup");
        return;
    }
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--no-evaluate", "--out=x"], TINY, LONG].concat();
    is_interrupted(&place.interrupt(&line, "HUP", "pool: "), "attar distill --resume x");
}

/// Whether what is started here ignores hang-ups, as far as the system says.
fn hang_ups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:")).map(str::trim);
    mask.and_then(|mask| u64::from_str_radix(mask, 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

/// `nohup` has hang-ups ignored, and means it.
#[test]
fn a_hang_up_that_is_to_be_ignored_is() {
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--no-evaluate", "--out=x"], TINY, LONG].concat();
    let ran = place.interrupt_program("nohup", &[&[env!("CARGO_BIN_EXE_attar")], &line[..]].concat(), "HUP", "pool: ");
    ran.well();
}

#[test]
fn a_folder_that_is_removed_comes_back() {
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--out=x", "--seed=5"], TINY].concat();
    let ran = place.at_cue(&line, "distilled: ", |_| std::fs::remove_dir_all(place.path("x")).unwrap()).well();
    assert!(ran.stderr.contains("x was removed, and is made again"), "{ran:?}");
    for name in ["distilled.attar", "grid.png", "result.json", "run.toml"] {
        assert!(place.names("x").contains(&name.to_string()), "{name}: {:?}", place.names("x"));
    }
}

#[test]
fn a_finished_run_can_be_continued_with_images_that_have_moved() {
    let place = Place::with_toy();
    let line = |out, iterations| {
        [&["distill", "toy", "--no-evaluate", "--seed=5", "--out", out], TINY, &["--iterations", iterations]].concat()
    };
    place.attar(&line("long", "5")).well();
    place.attar(&line("x", "3")).well();
    place.rename("toy", "moved");
    let resume = |more: &[&str]| place.attar(&[&["distill", "--resume", "x"], more].concat());
    resume(&["moved"]).fails(1, &["complete", "--iterations"]);
    resume(&["moved", "--iterations=3"]).fails(2, &["has made 3 iterations"]);
    resume(&["moved", "--iterations=5", "--set=pool.epochs=7"]).fails(2, &["pool.epochs=7", "too late"]);
    resume(&["--iterations=5", "-q"]).fails(1, &["toy"]);
    resume(&["moved", "--iterations=5"]).well();
    assert!(place.read("x/distilled.attar") == place.read("long/distilled.attar"));
    resume(&["moved", "--iterations=7", "--set=canvas.lr=1e-5"]).well();
    assert!(place.text("x/recipe.toml").contains("lr = 1e-5") || place.text("x/recipe.toml").contains("lr = 0.00001"));
    // The budget counts from now, however long the run has been at work.
    let ran = resume(&["moved", "--time-budget=1s"]).well();
    assert!(ran.stderr.contains("the time is up"), "{ran:?}");
}

#[test]
fn what_is_measured_is_not_measured_again() {
    let place = Place::with_toy();
    let line = [&["distill", "toy", "--out=x"], TINY, &["--repeats=3", "--set=evaluation.epochs=100"]].concat();
    is_interrupted(&place.interrupt(&line, "INT", "random real: "), "attar distill --resume x");
    let resumed = place.attar(&["distill", "--resume", "x"]).well();
    assert!(resumed.stderr.contains("distilled: accuracy") && resumed.stderr.contains("as measured before"));
    assert!(!resumed.stderr.contains("random real: 1 of"), "{}", resumed.stderr);
    assert!(!place.names("x").contains(&"evaluation.bin".to_string()));
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
    assert_eq!(place.names("x"), ["checkpoint.bin", "checkpoint.bin.previous", "run.toml"]);
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
fn an_interrupted_pool_goes_on_by_the_same_command() {
    let place = Place::with_toy();
    let line = |out, seed: &'static [&str]| {
        let all = ["--set=network.width=8", "--set=pool.networks=200", "--set=pool.epochs=1", "--out", out];
        [&["pool", "toy", "--engine=reference:f32"], &all[..], seed].concat()
    };
    place.attar(&line("whole.pool", &["--seed=1"])).well();
    for signal in ["KILL", "INT"] {
        place.interrupt(&line("x.pool", &["--seed=1"]), signal, "pool: ");
        assert!(place.read("x.pool").is_empty() && place.names(".").contains(&"x.pool.part".to_string()));
    }
    place.distill(&["--pool=x.pool"]).fails(1, &["x.pool", "not trained yet"]);
    place.attar(&[&line("x.pool", &["--seed=1"])[..], &["--set=pool.epochs=2", "-q"]].concat()).fails(1, &["--force"]);
    // The seed is the one that it was begun with, unless another is named.
    place.attar(&line("x.pool", &[])).well();
    assert!(place.read("x.pool") == place.read("whole.pool"));
    assert!(!place.names(".").iter().any(|name| name.contains("part")));
    place.attar(&line("x.pool", &[])).fails(1, &["there already"]);
}
