//! Distilled sets read back: inspected, exported, judged.

mod common;

use common::{Place, TINY};

/// A place with `x/distilled.attar`, and the result of the run that made it.
fn with_distilled(more: &[&str]) -> (Place, serde_json::Value) {
    let place = Place::with_toy();
    let result = place.distill(&[&["--json", "--out=x", "--seed=7"], more].concat()).json();
    (place, result)
}

#[test]
fn inspect_tells_what_is_in_a_file() {
    let (place, result) = with_distilled(&["--no-evaluate", "--set=labels=soft"]);
    let told = place.attar(&["inspect", "--json", "x/distilled.attar"]).json();
    assert_eq!(told["classes"], serde_json::json!(["across", "down"]));
    assert_eq!((&told["images"], &told["images_per_class"], &told["factor"]), (&2.into(), &1.into(), &2.into()));
    assert_eq!((&told["channels"], &told["height"], &told["width"]), (&1.into(), &16.into(), &16.into()));
    assert_eq!((&told["pixels"], &told["labels"]), (&"u8".into(), &"soft".into()));
    assert_eq!((&told["method"], &told["seed"], &told["bytes"]), (&"ncfm".into(), &7.into(), &result["bytes"]["file"]));
    assert_eq!(told["losses"]["names"], serde_json::json!(["matching", "calibration"]));
    assert_eq!(told["losses"]["units"], serde_json::json!([1, 2]));
    assert_eq!(told["losses"]["values"].as_array().unwrap().len(), 4);
    assert_eq!(told["recipe"]["network"]["width"], 8);
    assert_eq!(told["fingerprint"].as_str().unwrap().len(), 32);
    let text = place.attar(&["inspect", "x/distilled.attar"]).well().stdout;
    for words in ["2: across, down", "16 x 16, grey", "soft", "seed 7", &place.text("x/recipe.toml")] {
        assert!(text.contains(words), "no `{words}` in {text}");
    }
    assert_eq!(place.attar(&["inspect", "x"]).well().stdout, text, "a run's folder stands for its set");
}

#[test]
fn exports_can_be_read_again() {
    let (place, _) = with_distilled(&["--no-evaluate"]);
    let export = |more: &[&str]| place.attar(&[&["export", "x/distilled.attar", "-q"], more].concat());
    let grid = ["--to=png-grid", "--out=new/grid.png"];
    assert_eq!(export(&grid).well().stdout, "new/grid.png\n");
    assert_eq!(place.read("new/grid.png"), place.read("x/grid.png"));
    export(&grid).fails(1, &["there already", "--force"]);
    export(&[&grid[..], &["--force"]].concat()).well();

    let arrays = ["--to=npz", "--out=new/set.npz"];
    assert_eq!(export(&arrays).well().stdout, "new/set.npz\n");
    assert!(place.read("new/set.npz").starts_with(b"PK"));
    export(&arrays).fails(1, &["there already", "--force"]);
    let folder = ["--to=folder", "--out=pictures"];
    assert_eq!(export(&[&folder[..], &["--json"]].concat()).json()["images"], 8);
    assert_eq!(place.names("pictures"), ["across", "classes.json", "down"]);
    assert_eq!(place.names("pictures/down"), ["0000.png", "0001.png", "0002.png", "0003.png"]);
    let canvases = export(&["--to=folder", "--out=canvases", "--canvases", "--json"]).json();
    assert_eq!((&canvases["images"], place.names("canvases/down")), (&2.into(), vec!["0000.png".to_string()]));
    export(&folder).fails(1, &["pictures", "not empty"]);
    for form in attar::data::FORMS {
        let out = format!("all/{}", form.name);
        assert_eq!(export(&["--to", form.name, "--out", &out]).well().stdout, format!("{out}\n"));
        assert_eq!(place.path(&out).is_dir(), form.is_folder(), "{out}");
    }
    export(&["--to=pytorch", "--out=y", "--canvases"]).fails(1, &["canvases", "--canvases"]);
    // What was written is a source of images like any other.
    let line = ["distill", "toy", "--no-evaluate", "--test=pictures", "--out=y", "--seed=7"];
    let ran = place.attar(&[&line, TINY].concat()).well();
    assert!(ran.stderr.contains("8 test images"), "{ran:?}");
}

#[test]
fn soft_labels_are_not_left_out_silently() {
    let (place, _) = with_distilled(&["--no-evaluate", "--set=labels=soft"]);
    let told = |form: &str| place.attar(&["export", "x", "--to", form, "--out", form]).well().stderr;
    assert!(told("zip").contains("soft labels are left out"));
    assert!(!told("npz").contains("soft") && !told("png-grid").contains("soft"));
}

#[test]
fn evaluate_finds_what_distill_found() {
    let (place, result) = with_distilled(&[]);
    let line = ["evaluate", "x/distilled.attar", "--json", "--engine=reference:f32"];
    let evaluate = |more: &[&str]| place.attar(&[&line, more].concat()).json();
    let with_train = evaluate(&["--test=toy", "--train=toy"]);
    assert_eq!(with_train["accuracy"], result["accuracy"], "the same images were held out");
    assert_eq!(with_train["protocol"], result["protocol"]);
    let alone = evaluate(&["--test=toy"]);
    assert_eq!(alone["accuracy"]["distilled"], result["accuracy"]["distilled"]);
    assert!(alone["accuracy"]["whole"].is_null() && alone["accuracy"]["random"].is_null());
    place.images("new", &["down", "across"], 3);
    let elsewhere = evaluate(&["--test=new", "--repeats=2", "--seed=1"]);
    assert_eq!((&elsewhere["accuracy"]["distilled"]["repeats"], &elsewhere["seed"]), (&2.into(), &1.into()));
    let text = place.attar(&["evaluate", "x/distilled.attar", "--engine=reference:f32", "--test=new"]).well().stdout;
    assert!(text.starts_with("accuracy on 6 test images (protocol quick, width 8, epochs 4; 1 network)\n"), "{text}");
}

#[test]
fn a_file_is_judged_only_on_its_classes() {
    let (place, _) = with_distilled(&["--no-evaluate"]);
    place.images("others", &["left", "right"], 2);
    let line = ["evaluate", "x/distilled.attar", "-q", "--engine=reference:f32", "--test"];
    place.attar(&[&line[..], &["others"]].concat()).fails(1, &["left", "remove it"]);
    place.attar(&[&line[..], &["toy", "--protocol=harsh"]].concat()).fails(2, &["harsh", "quick"]);
}
