//! Distilled sets side by side.

mod common;

use common::{Place, TINY};
use serde_json::Value;

const ENGINE: &str = "--engine=reference:f32";

/// A place with `x`, an image a class, and `y`, two with soft labels, distilled from the same images of `toy`.
fn with_two() -> Place {
    let place = Place::with_toy();
    place.distill(&["--out=x", "--seed=7"]).well();
    place.distill(&["--out=y", "--seed=7", "--ipc=2", "--set=labels=soft", "--no-evaluate"]).well();
    place
}

fn compare(place: &Place, more: &[&str]) -> common::Ran {
    place.attar(&[&["compare", "x/distilled.attar", "y/distilled.attar", ENGINE], more].concat())
}

#[test]
fn sets_are_judged_alike_and_as_by_themselves() {
    let place = with_two();
    let known = place.json("x/result.json");
    let line = ["--json", "--test=toy", "--train=toy", "--networks=convnet,mlp", "--out=c"];
    let told = compare(&place, &line).json();
    assert_eq!(place.names("c"), ["compare.json", "compare.md", "compare.svg"]);
    assert_eq!(place.json("c/compare.json"), told);
    assert_eq!((&told["protocol"], &told["test_images"]), (&known["protocol"], &2.into()));
    assert_eq!(told["networks"][1]["protocol"], "quick, mlp, epochs 4", "the width was for another network");
    let [x, y] = [0, 1].map(|index| &told["sets"][index]);
    let result = |set: &Value| set["results"][0].clone();
    for (here, there) in [("accuracy", "distilled"), ("hard", "distilled"), ("random", "random")] {
        assert_eq!(result(x)[here], known["accuracy"][there], "{here}");
    }
    assert_eq!(told["whole"]["accuracy"][0], known["accuracy"]["whole"]);
    let mean = |value: &Value| value["mean"].as_f64().unwrap();
    for set in [x, y] {
        for (network, result) in set["results"].as_array().unwrap().iter().enumerate() {
            let over_random = mean(&result["accuracy"]) - mean(&result["random"]);
            assert_eq!(result["improvement_over_random"], over_random);
            let lost = mean(&told["whole"]["accuracy"][network]) - mean(&result["hard"]);
            assert_eq!(result["hard_label_recovery"], lost);
        }
    }
    assert_eq!((&x["labels"], &y["labels"]), (&"hard".into(), &"soft".into()));
    assert_eq!((&x["name"], &x["images"], &y["images"]), (&"x".into(), &2.into(), &4.into()));
    assert_eq!(x["bytes"], known["bytes"]["file"]);
    let spent = known["seconds"]["pool"].as_f64().unwrap() + known["seconds"]["distill"].as_f64().unwrap();
    assert!((x["seconds"]["distill"].as_f64().unwrap() - spent).abs() < 1e-9, "of the run that it lies beside");
    assert!(y["seconds"]["evaluate"].as_f64().unwrap() > 0.0);

    let svg = place.text("c/compare.svg");
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"), "{svg}");
    let markdown = place.text("c/compare.md");
    for words in ["| set | labels |", "| x | hard | 2 |", "| y | soft | 4 |", "| whole set |", "(compare.svg)", "IOR"] {
        assert!(markdown.contains(words), "no `{words}` in {markdown}");
    }
    compare(&place, &line).fails(1, &["c", "--force"]);
}

#[test]
fn hard_labels_are_judged_by_themselves() {
    let place = with_two();
    // As the soft set would be judged if it had never had soft labels.
    place.distill(&["--out=z", "--seed=7", "--ipc=2", "--no-evaluate"]).well();
    let line = ["compare", "--json", ENGINE, "--test=toy", "y/distilled.attar", "z/distilled.attar"];
    let told = place.attar(&line).json();
    let result = |index: usize| told["sets"][index]["results"][0].clone();
    assert_eq!(result(0)["hard"], result(1)["accuracy"]);
    assert_eq!(result(1)["hard"], result(1)["accuracy"]);
}

#[test]
fn real_images_are_those_that_are_known() {
    let place = with_two();
    let whole_and_random = |more: &[&str]| {
        let told = compare(&place, &[&["--json"], more].concat()).json();
        (told["whole"].is_object(), told["sets"][0]["random"].is_object())
    };
    assert_eq!(whole_and_random(&["--test=toy"]), (false, true), "the rest of what the sets were distilled from");
    place.images("new", &["across", "down"], 3);
    assert_eq!(whole_and_random(&["--test=new"]), (false, false), "all of them are test images");
    place.images("halves/train", &["across", "down"], 4);
    place.images("halves/test", &["across", "down"], 2);
    assert_eq!(whole_and_random(&["--test=halves"]), (false, true), "its other half");
    assert_eq!(whole_and_random(&["--test=new", "--train=halves"]), (true, true));
    let ran = compare(&place, &["--test=new"]).well();
    assert!(ran.stderr.contains("give some with --train"), "{ran:?}");
    assert!(ran.stdout.starts_with("accuracy on 6 test images (protocol quick, width 8, epochs 4; 1 network)\n"));
}

/// Only where the test images come from there, too, must parts of a source that overlap be told apart.
#[test]
fn sets_of_different_parts_share_other_test_images() {
    let place = with_two();
    place.distill(&["--out=z", "--seed=8", "--no-evaluate"]).well();
    place.images("new", &["across", "down"], 3);
    let line = ["compare", "x", "z", ENGINE];
    let told = place.attar(&[&line[..], &["--json", "--test=new", "--train=toy"]].concat()).json();
    assert_eq!((&told["test_images"], &told["whole"]["images"]), (&6.into(), &10.into()));
    place.attar(&[&line[..], &["--test=toy", "--train=toy"]].concat()).fails(1, &["different parts"]);
}

#[test]
fn what_cannot_be_compared_is_named() {
    let place = with_two();
    place.images("others", &["left", "right"], 6);
    let line = ["distill", "others", "--out=z", "--no-evaluate", "--seed=7"];
    place.attar(&[&line[..], TINY].concat()).well();
    compare(&place, &["--test=toy", "z/distilled.attar"]).fails(1, &["z/distilled.attar has the classes left, right"]);
    let elsewhere = ["distill", "toy", "--size=12", "--out=s", "--no-evaluate", "--seed=7"];
    place.attar(&[&elsewhere[..], TINY].concat()).well();
    let sizes = ["s/distilled.attar has images of 12 x 12", "instead of 16 x 16"];
    compare(&place, &["--test=toy", "s/distilled.attar"]).fails(1, &sizes);
    place.distill(&["--out=w", "--seed=8", "--no-evaluate"]).well();
    let parts = ["w/distilled.attar and x/distilled.attar", "different parts of toy"];
    compare(&place, &["--test=toy", "w/distilled.attar"]).fails(1, &parts);
    place.distill(&["--out=v", "--seed=7", "--no-evaluate", "--set=evaluation.epochs=5"]).well();
    compare(&place, &["--test=toy", "v/distilled.attar"]).fails(2, &["v/distilled.attar", "epochs 5", "--protocol"]);
    compare(&place, &["--test=toy", "--networks=mlp,mlp"]).fails(2, &["mlp twice"]);
    compare(&place, &["--test=toy", "--networks=mlp,vgg11"]).fails(1, &["vgg11", "too small"]);
    compare(&place, &["--test=toy", "missing.attar"]).fails(1, &["missing.attar"]);
}

#[cfg(unix)]
#[test]
fn an_interrupted_comparison_writes_nothing() {
    let place = with_two();
    let line = ["compare", "x/distilled.attar", "--test=toy", "--protocol=ncfm", "--engine=cpu", "--out=c"];
    let ran = place.interrupt(&line, "INT", "2 random real: ");
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(130), ""), "{ran:?}");
    assert!(ran.stderr.contains("nothing was written") && place.names("c").is_empty(), "{ran:?}");
}

#[test]
fn networks_are_chosen_by_name() {
    let place = Place::with_toy();
    place.distill(&["--network=mlp", "--out=x", "--no-evaluate"]).well();
    let recipe: toml::Table = place.text("x/recipe.toml").parse().unwrap();
    assert_eq!(recipe["network"]["name"].as_str(), Some("mlp"));
    let line = ["evaluate", "x/distilled.attar", ENGINE, "--test=toy", "--json", "--network"];
    let told = |network| place.attar(&[&line[..], &[network]].concat()).json()["protocol"].clone();
    assert_eq!(told("mlp"), "quick, mlp, epochs 4");
    assert_eq!(told("convnet"), "quick, width 8, epochs 4", "the protocol's own");
    place.distill(&["--network=lenet", "--out=y"]).fails(2, &["no width to choose"]);
}

#[test]
fn mirroring_is_told_or_that_of_the_sets() {
    let place = Place::with_toy();
    place.distill(&["--mirror=no", "--out=x", "--seed=7", "--no-evaluate"]).well();
    place.distill(&["--mirror=yes", "--out=y", "--seed=7", "--no-evaluate"]).well();
    let evaluate =
        |set: &str, more: &[&str]| place.attar(&[&["evaluate", set, ENGINE, "--test=toy", "--json"], more].concat());
    let protocol = |ran: common::Ran| ran.well().json()["protocol"].as_str().expect("a name").to_owned();
    assert_eq!(protocol(evaluate("x", &[])), "quick, no flip, width 8, epochs 4");
    assert_eq!(protocol(evaluate("x", &["--mirror=yes"])), "quick, width 8, epochs 4");
    assert_eq!(protocol(evaluate("y", &[])), "quick, width 8, epochs 4");
    evaluate("x", &["--mirror=no", "--protocol=ncfm"]).fails(2, &["as published", "leave --mirror out"]);
    let both =
        |more: &[&str]| protocol(place.attar(&[&["compare", "x", "y", ENGINE, "--test=toy", "--json"], more].concat()));
    assert_eq!(both(&[]), "quick, no flip, width 8, epochs 4", "what one set refuses is refused for all");
    assert_eq!(both(&["--mirror=yes"]), "quick, width 8, epochs 4");
}
