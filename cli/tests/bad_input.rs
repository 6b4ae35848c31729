//! Everything that can be wrong with what a person gives: one sentence that names it and says what to do, exit code 1, and
//! nothing left behind.

mod common;

use std::fs;

use common::{Place, TINY};

/// Runs a quiet distillation of `source` that must fail with these words, and leave nothing.
#[track_caller]
fn refuses(place: &Place, source: &str, more: &[&str], words: &[&str]) {
    place.attar(&[&["distill", source, "-q"], TINY, more].concat()).fails(1, words);
    assert!(place.names("out").is_empty(), "{:?}", place.names("out"));
}

#[test]
fn folders_that_are_no_source() {
    let place = Place::with_toy();
    refuses(&place, "nowhere", &[], &["nowhere", "give a folder"]);
    refuses(&place, "toy/down/0.png", &[], &["0.png is a file", "give a folder"]);
    refuses(&place, "toy/down", &[], &["down", "one folder a class"]);
    place.images("one", &["only"], 3);
    refuses(&place, "one", &[], &["only one class", "at least two"]);
    place.images("few", &["a", "b"], 1);
    refuses(&place, "few", &[], &["1 image", "at least 2"]);
    refuses(&place, "toy", &["--test", "nowhere"], &["nowhere", "give a folder"]);
    place.images("others", &["across", "askew"], 2);
    refuses(&place, "toy", &["--test", "others"], &["askew", "remove it"]);
}

#[test]
fn files_that_are_no_images() {
    let place = Place::with_toy();
    let whole = place.read("toy/down/0.png");
    place.write("toy/down/0.png", &whole[..whole.len() / 2]);
    refuses(&place, "toy", &[], &["toy/down/0.png", "replace or remove it"]);
    place.write("toy/down/0.png", "a letter");
    refuses(&place, "toy", &[], &["toy/down/0.png", "replace or remove it"]);
    fs::remove_file(place.path("toy/down/0.png")).unwrap();
    place.write("toy/empty/.hidden", "");
    refuses(&place, "toy", &[], &["toy/empty", "empty", "remove it"]);
}

#[test]
fn idx_files_that_are_cut_short() {
    let place = Place::new();
    let header = |dims: &[u32]| {
        let dims_bytes = dims.iter().flat_map(|dim| dim.to_be_bytes());
        [0, 0, 8, dims.len() as u8].into_iter().chain(dims_bytes).collect::<Vec<u8>>()
    };
    for half in ["train", "t10k"] {
        place.write(&format!("idx/{half}-images-idx3-ubyte"), [header(&[4, 2, 2]), vec![7; 15]].concat());
        place.write(&format!("idx/{half}-labels-idx1-ubyte"), [header(&[4]), vec![0, 1, 0, 1]].concat());
    }
    refuses(&place, "idx", &[], &["train-images-idx3-ubyte", "cut short", "get the file again"]);
    fs::remove_file(place.path("idx/train-labels-idx1-ubyte")).unwrap();
    refuses(&place, "idx", &[], &["train-labels-idx1-ubyte", "put the four"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let place = Place::with_toy();
    place.write("file", "precious");
    refuses(&place, "toy", &["--out", "file"], &["file is a file", "--out"]);
    refuses(&place, "toy", &["--out", "file/deeper"], &["file/deeper", "--out"]);
    place.write("taken/thesis.txt", "precious");
    refuses(&place, "toy", &["--out", "taken"], &["taken is not empty", "--force"]);
    let pool = ["pool", "toy", "-q", "--engine=reference:f32", "--out", "file"];
    place.attar(&pool).fails(1, &["file is there already", "--force"]);
    place.attar(&[&pool[..5], &["file/deeper"]].concat()).fails(1, &["file/deeper", "--out"]);
    assert_eq!((place.text("file").as_str(), place.text("taken/thesis.txt").as_str()), ("precious", "precious"));
}

#[test]
fn recipes_and_pools_that_are_none() {
    let place = Place::with_toy();
    refuses(&place, "toy", &["--recipe", "no.toml"], &["no.toml"]);
    place.write("broken.toml", "[network]\nwidth = \n");
    refuses(&place, "toy", &["--recipe", "broken.toml"], &["broken.toml", "line 2"]);
    place.write("odd.toml", "[network]\nwidht = 3\n");
    refuses(&place, "toy", &["--recipe", "odd.toml"], &["odd.toml", "widht"]);
    refuses(&place, "toy", &["--pool", "no.pool"], &["no.pool"]);
    place.write("broken.pool", "a letter");
    refuses(&place, "toy", &["--pool", "broken.pool"], &["broken.pool", "attar pool"]);
}

#[test]
fn runs_that_cannot_be_resumed() {
    let place = Place::with_toy();
    place.attar(&["distill", "--resume", "nowhere"]).fails(1, &["no run in nowhere"]);
    place.write("x/run.toml", "source = 3");
    place.attar(&["distill", "--resume", "x"]).fails(1, &["x/run.toml", "start the run again"]);
}

#[test]
fn files_that_are_no_distilled_set() {
    let place = Place::new();
    place.write("letter.attar", "a letter");
    place.write("short.attar", b"ATTAR\0\x02\0\0\0");
    place.write("old.attar", b"ATTAR\0\x01\0\0\0");
    place.write("empty/notes.txt", "");
    let commands: [&[&str]; 3] =
        [&["inspect"], &["evaluate", "--test=fashion-mini"], &["export", "--to=png-grid", "--out=x.png"]];
    for command in commands {
        let on = |file| place.attar(&[&command[..1], &[file], &command[1..]].concat());
        on("no.attar").fails(1, &["no.attar"]);
        on("empty").fails(1, &["empty", "a folder"]);
        on("letter.attar").fails(1, &["letter.attar", "attar distill"]);
        on("short.attar").fails(1, &["short.attar", "get it again"]);
        on("old.attar").fails(1, &["old.attar", "distil the set again"]);
    }
}
