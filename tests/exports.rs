//! Forms that sets are exported to, as a stranger meets them: what is written is read again by readers that know nothing
//! of ours, and by ours.
#![cfg(not(target_arch = "wasm32"))]
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::{fs, io::Cursor, path::Path, process::Command};

use attar::data::{
    Distilled, FORMS, Form, Losses, Normalisation, Planes, Reading, Shows, SoftLabels, Versions, read_source,
    read_train,
};
use attar::{Dataset, Settings};
use pollster::block_on;
use safetensors::SafeTensors;

/// Three canvases of four pictures each, 4 x 6 pixels, whose classes alternate.
fn canvases(channels: usize) -> Distilled {
    let classes = ["T-shirt/top", "Bag", "bag"].map(String::from).to_vec();
    Distilled {
        planes: Planes::U8((0..3 * channels * 4 * 6).map(|at| (at * 7 % 251) as u8).collect()),
        channels,
        height: 4,
        width: 6,
        labels: vec![1, 2, 0],
        soft: None,
        classes,
        normalisation: Normalisation { mean: vec![0.25; channels], std: vec![0.5; channels] },
        factor: 2,
        images_per_class: 1,
        method: "ncfm".into(),
        recipe: Settings::default(),
        extras: Settings::default(),
        seed: 7,
        fingerprint: "0123456789abcdef0123456789abcdef".into(),
        losses: Losses::of(Vec::new(), Vec::new(), Vec::new()).unwrap(),
        versions: Versions::default(),
    }
}

/// As they are exported.
fn pictures(channels: usize) -> Distilled {
    block_on(canvases(channels).unpacked()).unwrap()
}

/// Writes a set to `out` in a folder and gives its path.
fn write(form: &str, set: &Distilled, root: &Path) -> std::path::PathBuf {
    let out = root.join("out");
    Form::named(form).unwrap().write(set, &out).unwrap_or_else(|error| panic!("{form}: {error}"));
    out
}

/// Labels and pixels class by class, in the order within a class.
fn by_class(labels: &[u32], pixels: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let images = pixels.chunks_exact(pixels.len() / labels.len()).map(<[u8]>::to_vec);
    let mut found: Vec<(u32, Vec<u8>)> = labels.iter().copied().zip(images).collect();
    found.sort_by_key(|&(label, _)| label);
    found
}

fn assert_is(read: &Dataset, set: &Distilled) {
    assert_eq!(read.classes(), set.classes);
    assert_eq!((read.images().channels(), read.images().height()), (set.channels, set.height));
    assert_eq!(by_class(read.labels(), read.images().pixels()), by_class(&set.labels, &set.images_u8()));
}

/// Images keep the size that they have.
fn own_size(folder: &Path, set: &Distilled) -> Dataset {
    attar::data::read_test(folder, &Reading::default(), set.channels, set.height, set.width).unwrap().set
}

#[test]
fn every_form_is_written_or_says_why_not() {
    let root = tempfile::tempdir().unwrap();
    for form in FORMS {
        for set in [pictures(1), pictures(3), canvases(3)] {
            let out = root.path().join(format!("new/{}-{}-{}", form.name, set.channels, set.factor));
            match form.write(&set, &out) {
                Ok(()) => assert_eq!(out.is_dir(), form.is_folder(), "{}", form.name),
                Err(error) => {
                    assert!(set.channels == 3 && !out.exists() && form.shows == Shows::Pictures, "{}", form.name);
                    assert!(error.to_string().contains("npz"), "{error}");
                }
            }
        }
        assert!(form.about.starts_with(char::is_uppercase) && !form.about.ends_with('.'), "{}", form.about);
    }
    assert!(Form::named("gif").unwrap_err().to_string().contains("folder, zip, npz"));
}

#[test]
fn a_folder_holds_the_pictures() {
    for set in [pictures(1), pictures(3)] {
        let root = tempfile::tempdir().unwrap();
        assert_is(&own_size(&write("folder", &set, root.path()), &set), &set);
    }
}

#[test]
fn a_zip_holds_the_folder() {
    let (root, set) = (tempfile::tempdir().unwrap(), pictures(3));
    let bytes = fs::read(write("zip", &set, root.path())).unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(archive.len(), set.len() + 1);
    let unpacked = root.path().join("unpacked");
    archive.extract(&unpacked).unwrap();
    assert_is(&own_size(&unpacked, &set), &set);
    let again = root.path().join("again.zip");
    Form::named("zip").unwrap().write(&set, &again).unwrap();
    assert_eq!(fs::read(again).unwrap(), bytes);
}

#[test]
fn idx_files_hold_grey_pictures() {
    let (root, set) = (tempfile::tempdir().unwrap(), pictures(1));
    let read = read_train(&write("idx", &set, root.path()), &Reading::default()).unwrap().set;
    assert_eq!((read.classes(), read.labels()), (&set.classes[..], &set.labels[..]));
    assert_eq!(read.images().pixels(), &set.images_u8()[..]);
}

#[test]
fn safetensors_hold_the_pictures() {
    let (root, set) = (tempfile::tempdir().unwrap(), pictures(3));
    let bytes = fs::read(write("safetensors", &set, root.path())).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let (images, labels) = (file.tensor("images").unwrap(), file.tensor("labels").unwrap());
    assert_eq!((images.shape(), images.data()), (&set.shape()[..], &set.images_u8()[..]));
    let values: Vec<u8> = set.labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()).collect();
    assert_eq!((labels.shape(), labels.data()), (&[set.len()][..], &values[..]));
}

#[test]
fn what_is_written_is_a_source_again() {
    for (form, ending) in
        [("folder", ""), ("zip", ".zip"), ("npz", ".npz"), ("safetensors", ".safetensors"), ("idx", "")]
    {
        let (root, set) = (tempfile::tempdir().unwrap(), pictures(1));
        let path = root.path().join(format!("again{ending}"));
        fs::rename(write(form, &set, root.path()), &path).unwrap();
        let source = read_source(&path, &Reading::default()).unwrap_or_else(|error| panic!("{form}: {error}"));
        let sorted = |classes: &[String]| classes.iter().cloned().collect::<std::collections::BTreeSet<String>>();
        assert_eq!(sorted(source.train.classes()), sorted(&set.classes), "{form}");
        let counts: Vec<usize> = (0..3).map(|class| source.train.of_class(class).len()).collect();
        assert_eq!((counts, source.test.len()), (vec![3; 3], 3), "{form}");
    }
}

/// What a line of Python prints as JSON, run in a folder; `None`, after saying so, where there is no NumPy, unless
/// `ATTAR_TEST_PYTHON=required`.
fn python(folder: &Path, line: &str) -> Option<serde_json::Value> {
    let run = |line: &str| Command::new("python3").args(["-c", line]).current_dir(folder).output();
    if !run("import numpy").is_ok_and(|output| output.status.success()) {
        assert!(std::env::var_os("ATTAR_TEST_PYTHON").is_none_or(|value| value != "required"), "no Python with NumPy");
        println!("skipped: there is no Python with NumPy here, install python3-numpy");
        return None;
    }
    let output = run(&format!("import json\n{line}")).unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{line}: {told}");
    Some(serde_json::from_slice(&output.stdout).unwrap())
}

#[test]
fn numpy_reads_the_arrays() {
    let (root, set) = (tempfile::tempdir().unwrap(), pictures(3));
    fs::rename(write("npz", &set, root.path()), root.path().join("set.npz")).unwrap();
    let line =
        "import numpy\nset = numpy.load('set.npz')\nprint(json.dumps({name: set[name].tolist() for name in set}))";
    let Some(read) = python(root.path(), line) else { return };
    let flat = |value: &serde_json::Value| value.to_string().replace(['[', ']'], "");
    let numbers = |values: &[u8]| values.iter().map(u8::to_string).collect::<Vec<_>>().join(",");
    assert_eq!(flat(&read["images"]), numbers(&set.images_u8()));
    assert_eq!(read["labels"], serde_json::json!(set.labels));
    assert_eq!((&read["classes"], &read["factor"]), (&serde_json::json!(set.classes), &1.into()));
}

#[test]
fn loaders_give_what_networks_see() {
    let hard = pictures(3);
    let rows = hard.len();
    let soft = SoftLabels::Images((0..rows).flat_map(|row| [0.25, 0.5, row as f32 / 64.0]).collect());
    let floats = Planes::F32(hard.images_f32().into_owned());
    for set in [&hard, &Distilled { soft: Some(soft), planes: floats, ..hard.clone() }] {
        for (form, channels_last) in [("pytorch", false), ("keras", true), ("jax", true)] {
            let root = tempfile::tempdir().unwrap();
            write(form, set, root.path());
            let line = "from out.load import *\nimages, labels = arrays()\nprint(json.dumps([images.shape, \
                        images.ravel().tolist(), str(images.dtype), labels.tolist(), classes]))";
            let Some(read) = python(root.path(), line) else { return };
            let [n, c, h, w] = set.shape();
            let shape = if channels_last { [n, h, w, c] } else { [n, c, h, w] };
            assert_eq!((&read[0], &read[2]), (&serde_json::json!(shape), &"float32".into()), "{form}");
            let pixels = set.images_f32();
            let pixel = |at: usize| {
                let (image, rest) = (at / (c * h * w), at % (c * h * w));
                let at = if channels_last { rest % c * h * w + rest / c } else { rest };
                (f64::from(pixels[image * c * h * w + at]) - 0.25) / 0.5
            };
            let values = read[1].as_array().unwrap();
            assert!(values.iter().enumerate().all(|(at, value)| (value.as_f64().unwrap() - pixel(at)).abs() < 1e-6));
            match &set.soft {
                Some(soft) => {
                    let rows: Vec<&[f32]> = soft.values().chunks(3).collect();
                    assert_eq!(read[3], serde_json::json!(rows), "{form}");
                }
                None => assert_eq!(read[3], serde_json::json!(set.labels), "{form}"),
            }
            assert_eq!(read[4], serde_json::json!(set.classes), "{form}");
        }
    }
}
