//! Sources as the program meets them: files in place of folders, and parts of them.

mod common;

use common::{Place, TINY};

#[test]
fn a_table_is_a_source() {
    let place = Place::with_toy();
    let lines = (0..6).map(|at| format!("toy/across/{at}.png,a\ntoy/down/{at}.png,d\n"));
    place.write("list.csv", format!("path,label\n{}", lines.collect::<String>()));
    let result = place.attar(&[&["distill", "list.csv", "--json", "--seed=7"], TINY].concat()).json();
    assert_eq!(result["file"], "out/list-ncfm-ipc1/distilled.attar");
}

#[test]
fn what_is_chosen_is_kept_with_the_run() {
    let place = Place::with_toy();
    place.images("toy", &["across", "down", "askew"], 6);
    let chosen = ["distill", "toy", "--classes=down,across", "--limit-per-class=5", "--seed=7", "--no-evaluate"];
    let ran = place.attar(&[&chosen, TINY, &["--out=one"]].concat()).well();
    assert!(ran.stderr.contains("classes: across 4, down 4"), "{}", ran.stderr);
    assert!(ran.stderr.contains("only the first 5 images of each class are read"), "{}", ran.stderr);
    place
        .attar(&["evaluate", "one", "--test=toy", "--classes=down,across", "--repeats=1", "--engine=reference:f32"])
        .well();
    place.attar(&["distill", "toy", "--classes=up"]).fails(1, &["toy has no class `up`", "across, askew, down"]);
    place.attar(&["distill", "toy", "--split=val"]).fails(1, &["no half `val`"]);
    let sample = ["distill", "fashion-mini", "--limit-per-class=2", "--no-evaluate", "--seed=7", "--out=two"];
    let ran = place.attar(&[&sample, TINY, &["--set=real.batch=2"]].concat()).well();
    assert!(ran.stderr.contains("20 training and 20 test images"), "{}", ran.stderr);
}

#[cfg(unix)]
#[test]
fn a_resumed_run_reads_what_it_began_with() {
    let place = Place::with_toy();
    place.images("toy", &["across", "down", "askew"], 6);
    let line = ["distill", "toy", "--classes=down,across", "--seed=7", "--no-evaluate", "--out=one"];
    let many = [&line[..], TINY, &["--iterations=20000"]].concat();
    let ran = place.interrupt(&many, "INT", "distilling");
    assert!(place.text("one/run.toml").contains("classes = [\"down\", \"across\"]"), "{ran:?}");
    place.attar(&["distill", "--resume=one", "--time-budget=1s"]).well();
}
