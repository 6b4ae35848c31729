//! Readers and writers of data through their public faces: what is written is read, and no bytes make a reader panic.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic like tests")]

use std::io::Write;
use std::path::{Path, PathBuf};

use attar::data::{
    Dataset, Distilled, FORMS, Fit, IdxFiles, Images, Losses, Normalisation, Planes, Reading, SoftLabels, Source,
    Versions, container, fit, from_idx_bytes, png_grid, read_source, split_per_class,
};
use attar::settings::Value;
use attar::{Error, Settings};
use proptest::collection::vec;
use proptest::prelude::*;

/// Any settings of up to four values.
fn settings() -> impl Strategy<Value = Settings> {
    let value = prop_oneof![
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        (-9f64..9.0).prop_map(Value::Float),
        ".*".prop_map(Value::Text),
        vec(-9f64..9.0, 0..3).prop_map(Value::Numbers),
    ];
    vec(("[a-c]([.][a-c]){0,2}", value), 0..4).prop_map(Settings::from_entries)
}

/// Up to three losses of up to three units.
fn losses() -> impl Strategy<Value = Losses> {
    (vec(".{0,9}", 0..4), vec(any::<u32>(), 0..4)).prop_flat_map(|(names, units)| {
        let values = vec(any::<f32>().prop_filter("numbers", |value| !value.is_nan()), names.len() * units.len());
        values.prop_map(move |values| Losses::of(names.clone(), units.clone(), values).unwrap())
    })
}

/// Probabilities for `n` images of a factor.
fn soft(n: usize, factor: usize, classes: usize) -> impl Strategy<Value = Option<SoftLabels>> {
    let values = |rows: usize| vec(0.0f32..=1.0, rows * classes);
    prop_oneof![
        Just(None),
        values(n).prop_map(|values| Some(SoftLabels::Images(values))),
        values(n * factor * factor).prop_map(|values| Some(SoftLabels::Pictures(values))),
    ]
}

/// Any distilled set of up to 5 images of up to 3 x 3 pixels.
fn distilled() -> impl Strategy<Value = Distilled> {
    let sizes = (1usize..6, 1usize..4, 1usize..4, 1usize..4, 1usize..5);
    sizes.prop_flat_map(|(n, channels, height, width, classes)| {
        let values = n * channels * height * width;
        let planes = prop_oneof![
            vec(any::<u8>(), values).prop_map(Planes::U8),
            vec(-0.5f32..1.5, values).prop_map(Planes::F32),
        ];
        let factor = height.min(width);
        let (labels, soft) = (vec(0..classes as u32, n), soft(n, factor, classes));
        let losses = losses();
        let normalisation = (vec(-1f32..2.0, channels), vec(0.001f32..2.0, channels));
        let rest = (vec(".{0,12}", classes), settings(), settings(), any::<u64>(), any::<u32>());
        (planes, labels, soft, losses, normalisation, rest).prop_map(
            move |(planes, labels, soft, losses, (mean, std), (classes, recipe, extras, seed, images_per_class))| {
                Distilled {
                    planes,
                    channels,
                    height,
                    width,
                    labels,
                    soft,
                    classes,
                    normalisation: Normalisation { mean, std },
                    factor: factor as u32,
                    images_per_class,
                    method: "ncfm".into(),
                    recipe,
                    extras,
                    seed,
                    fingerprint: "00".repeat(16),
                    losses,
                    versions: Versions::default(),
                }
            },
        )
    })
}

fn is_format_error<T>(result: Result<T, Error>) -> bool {
    matches!(result, Err(Error::Format(_)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_set_is_written_or_refused_in_every_form(set in distilled()) {
        let root = tempfile::tempdir().unwrap();
        for form in FORMS {
            let out = root.path().join(form.name);
            match form.write(&set, &out) {
                Ok(()) => prop_assert_eq!(out.is_dir(), form.is_folder()),
                Err(error) => prop_assert!(matches!(error, Error::Data(_)) && !out.exists(), "{}: {error}", form.name),
            }
        }
    }
}

proptest! {
    #[test]
    fn settings_survive_toml(settings in settings()) {
        prop_assert_eq!(Settings::from_toml(&settings.to_toml()).unwrap(), settings);
    }

    #[test]
    fn a_container_gives_back_what_went_in(set in distilled()) {
        let bytes = container::write(&set).unwrap();
        prop_assert_eq!(&container::write(&set).unwrap(), &bytes);
        prop_assert_eq!(container::read(&bytes).unwrap(), set);
    }

    #[test]
    fn a_container_cut_short_is_refused(set in distilled(), at in any::<prop::sample::Index>()) {
        let bytes = container::write(&set).unwrap();
        prop_assert!(is_format_error(container::read(&bytes[..at.index(bytes.len())])));
    }

    #[test]
    fn a_flipped_byte_is_refused(set in distilled(), at in any::<prop::sample::Index>(), flip in 1u8..) {
        let mut bytes = container::write(&set).unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(is_format_error(container::read(&bytes)));
    }

    #[test]
    fn random_bytes_are_no_container(bytes in vec(any::<u8>(), 0..300)) {
        prop_assert!(is_format_error(container::read(&bytes)));
    }

    /// Random content behind a right prefix and checksum.
    #[test]
    fn random_bodies_never_panic(format in 2u8..=3, content in vec(any::<u8>(), 0..300)) {
        if let Ok(set) = container::read(&sealed(format, &content)) {
            prop_assert!(set.check().is_ok());
        }
    }

    /// Golden files with any byte changed and a right checksum.
    #[test]
    fn damage_behind_a_right_checksum_never_panics(format in 2u8..=3, at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = std::fs::read(golden_path(format.into())).unwrap();
        let end = bytes.len() - 4;
        let at = at.index(end);
        bytes[at] = byte;
        bytes.truncate(end);
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        match container::read(&bytes) {
            Ok(set) => prop_assert!(set.check().is_ok()),
            Err(error) => prop_assert!(matches!(error, Error::Format(_)), "{}", error),
        }
    }

    #[test]
    fn a_grid_is_as_large_as_it_says(set in distilled()) {
        match png_grid(&set) {
            Ok(picture) => prop_assert_eq!(picture.rgb.len(), (picture.width * picture.height * 3) as usize),
            Err(error) => prop_assert!(set.channels == 2, "{}", error),
        }
    }

    #[test]
    fn idx_gives_back_what_went_in(set in labelled(), zip in any::<bool>()) {
        let source = read_idx(&images_of(&set), &labels_of(&set), zip).unwrap();
        prop_assert_eq!(source.train.images(), set.images());
        let name = |set: &Dataset, row: usize| set.classes()[set.labels()[row] as usize].clone();
        prop_assert!((0..set.len()).all(|row| name(&source.train, row) == name(&set, row)));
    }

    #[test]
    fn damaged_idx_never_panics(
        set in labelled(),
        zip in any::<bool>(),
        at in any::<prop::sample::Index>(),
        length in any::<prop::sample::Index>(),
        value in any::<u8>(),
    ) {
        let mut images = if zip { gzip(&images_of(&set)) } else { images_of(&set) };
        let at = at.index(images.len());
        images[at] = value;
        let _ = read_idx(&images, &labels_of(&set), false);
        images.truncate(length.index(images.len()));
        prop_assert!(read_idx(&images, &labels_of(&set), false).is_err());
    }

    #[test]
    fn random_bytes_are_no_idx(mut bytes in vec(any::<u8>(), 0..100), kind in 0..3) {
        let start: &[u8] = [&[][..], &[0, 0, 8, 3], &[0x1f, 0x8b, 8, 0]][kind as usize];
        bytes.splice(0..0, start.iter().copied());
        prop_assert!(read_idx(&bytes, &[0, 0, 8, 1, 0, 0, 0, 2, 0, 1], false).is_err());
    }

    #[test]
    fn a_split_loses_nothing(set in labelled(), fraction in 0.01f64..0.99, seed in any::<u64>()) {
        let smallest = (0..set.classes().len() as u32).map(|class| set.of_class(class).len()).min();
        match split_per_class(&set, fraction, seed) {
            Ok((train, test)) => {
                prop_assert_eq!(train.len() + test.len(), set.len());
                for class in 0..set.classes().len() as u32 {
                    prop_assert!(!train.of_class(class).is_empty() && !test.of_class(class).is_empty());
                }
            }
            Err(_) => prop_assert!(smallest < Some(2)),
        }
    }

    /// A flat picture stays flat at every size, and any picture stays within its own range.
    #[test]
    fn fitting_keeps_the_range(
        (height, width, rgba) in (1usize..20, 1usize..20)
            .prop_flat_map(|(h, w)| (Just(h), Just(w), vec(any::<u8>(), h * w * 4))),
        to in (1usize..20, 1usize..20),
        channels in prop_oneof![Just(1usize), Just(3)],
    ) {
        let same = fit(&rgba, (height, width), channels, (height, width), Fit::Crop).unwrap();
        let fitted = fit(&rgba, (height, width), channels, to, Fit::Crop).unwrap();
        prop_assert_eq!(fitted.len(), channels * to.0 * to.1);
        for (before, after) in same.chunks(height * width).zip(fitted.chunks(to.0 * to.1)) {
            prop_assert!(after.iter().min() >= before.iter().min() && after.iter().max() <= before.iter().max());
        }
    }
}

/// Grey images whose classes are named by numbers, in order.
fn labelled() -> impl Strategy<Value = Dataset> {
    (1usize..4, 1usize..4, 0usize..8).prop_flat_map(|(height, width, more)| {
        let n = 2 + more;
        (vec(any::<u8>(), n * height * width), vec(0u32..3, more)).prop_map(move |(pixels, labels)| {
            let images = Images::new(1, height, width, pixels).unwrap();
            let labels = [0, 1].into_iter().chain(labels).collect();
            Dataset::new(["0", "1", "2"].map(String::from).into(), images, labels).unwrap()
        })
    })
}

fn images_of(set: &Dataset) -> Vec<u8> {
    let sizes = [set.len(), set.images().height(), set.images().width()];
    let header = [0, 0, 8, 3].into_iter().chain(sizes.iter().flat_map(|&size| (size as u32).to_be_bytes()));
    header.chain(set.images().pixels().iter().copied()).collect()
}

fn labels_of(set: &Dataset) -> Vec<u8> {
    let header = [0, 0, 8, 1].into_iter().chain((set.len() as u32).to_be_bytes());
    header.chain(set.labels().iter().map(|&label| label as u8)).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A file of this body, with a right checksum.
fn sealed(format: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = [b"ATTAR\0", &[format, 0][..], body].concat();
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

fn read_idx(images: &[u8], labels: &[u8], zip: bool) -> Result<Source, Error> {
    let (images, labels) = if zip { (gzip(images), gzip(labels)) } else { (images.to_vec(), labels.to_vec()) };
    let files = IdxFiles {
        train_images: &images,
        train_labels: &labels,
        test_images: &images,
        test_labels: &labels,
        classes: None,
    };
    from_idx_bytes(&files, "test")
}

/// The set that `tests/golden/v2.attar` was written from, by version 0.1.0.
fn golden_2() -> Distilled {
    Distilled {
        planes: Planes::F32((0..24).map(|i| i as f32 / 16.0 - 0.25).collect()),
        channels: 3,
        height: 2,
        width: 2,
        labels: vec![0, 1],
        soft: Some(SoftLabels::Pictures([0.75, 0.25, 0.125, 0.875].repeat(4))),
        classes: vec!["T-shirt/top".into(), "été".into()],
        normalisation: Normalisation { mean: vec![0.25, 0.5, 0.75], std: vec![0.5, 0.25, 0.125] },
        factor: 2,
        images_per_class: 1,
        method: "ncfm".into(),
        recipe: golden_recipe(),
        extras: Settings::default(),
        seed: u64::MAX,
        fingerprint: "6c62272e07bb014262b821756295c58d".into(),
        losses: Losses::of(
            ["matching", "calibration"].map(String::from).into(),
            vec![0, 300],
            vec![2.5, 1.25, 0.5, 0.25],
        )
        .unwrap(),
        versions: Versions { attar: "0.1.0".into(), format: 2 },
    }
}

/// The set that `tests/golden/v3.attar` was written from: all that format 3 can say and format 2 could not, besides.
fn golden_3() -> Distilled {
    Distilled {
        planes: Planes::F32((0..36).map(|i| i as f32 / 16.0 - 0.25).collect()),
        labels: vec![1, 0, 1],
        soft: Some(SoftLabels::Images([0.75, 0.25, 0.0].repeat(3))),
        classes: ["T-shirt/top", "été", "none of these"].map(String::from).into(),
        images_per_class: 2,
        method: "tesla".into(),
        extras: Settings::from_entries(vec![
            ("lr".into(), Value::Float(0.015_625)),
            ("privacy.epsilon".into(), Value::Integer(8)),
            ("privacy.orders".into(), Value::Numbers(vec![1.5, 2.0])),
        ]),
        losses: Losses::of(["trajectory".into()].into(), vec![1, 2, 900], vec![0.1, -3.5, f32::MAX]).unwrap(),
        versions: Versions { attar: "0.1.0".into(), format: 3 },
        ..golden_2()
    }
}

fn golden_recipe() -> Settings {
    Settings::from_entries(vec![
        ("images_per_class".into(), Value::Integer(1)),
        ("method.name".into(), Value::Text("ncfm".into())),
        ("method.loss_scale".into(), Value::Float(300.0)),
        ("pool.milestones".into(), Value::Numbers(vec![0.5, 0.75])),
        ("quiet".into(), Value::Boolean(true)),
    ])
}

fn golden_path(format: u16) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/v{format}.attar"))
}

#[test]
fn every_format_is_still_read() {
    for set in [golden_2(), golden_3()] {
        let bytes = std::fs::read(golden_path(set.versions.format)).unwrap();
        assert_eq!(container::read(&bytes).unwrap(), set);
    }
}

/// What was read from an old file is written as a new one, and nothing of it is lost.
#[test]
fn an_old_set_is_written_in_the_new_format() {
    let old = golden_2();
    let new = container::read(&container::write(&old).unwrap()).unwrap();
    let versions = Versions { format: container::FORMAT, ..old.versions.clone() };
    assert_eq!(new, Distilled { versions, ..old });
}

/// Ten small images are a few kilobytes, and what is said about them is not to cost as much again, however long the run.
#[test]
fn recipe_and_history_are_a_small_part_of_a_file() {
    let mut draws = attar::rng::Draws::new(1, 0, 0);
    let mut losses = Losses::new(["matching", "calibration"]);
    for unit in 1..=20_000u32 {
        let falling = 30.0 + 3000.0 / f64::from(unit + 100);
        losses.push(unit, &[draws.range(falling - 2.0, falling + 2.0) as f32, draws.range(2.0, 2.3) as f32]);
    }
    let size = |recipe, losses| {
        let set = Distilled { recipe, losses, ..golden_2() };
        container::write(&set).unwrap().len()
    };
    let bare = size(Settings::default(), Losses::default());
    let recipe = attar::Recipe::default().settings().unwrap();
    let with_recipe = size(recipe.clone(), Losses::default());
    let whole = size(recipe, losses.history());
    assert!(with_recipe - bare < 700, "the recipe takes {} bytes", with_recipe - bare);
    assert!(whole - with_recipe < 1000, "the history takes {} bytes", whole - with_recipe);
}

/// Makes the golden file of a new format: `cargo test --release --test data -- --ignored`. Never rewrites one.
#[test]
#[ignore = "writes a golden file, once a format"]
fn write_a_golden_file() {
    let path = golden_path(container::FORMAT);
    assert!(!path.exists(), "{} is there; a released format never changes", path.display());
    std::fs::write(path, container::write(&golden_3()).unwrap()).unwrap();
}

#[test]
fn the_embedded_sample_is_whole() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/fashion-mini");
    let source = read_source(&folder, &Reading::default()).unwrap();
    assert_eq!((source.train.len(), source.test.len(), source.name.as_str()), (10_000, 2_000, "fashion-mini"));
    assert_eq!(source.train.classes()[0], "T-shirt/top");
    assert_eq!(source.train.classes()[9], "Ankle boot");
    assert_eq!(source.train.labels()[..8], [9, 0, 0, 3, 0, 2, 7, 2]);
    let norm = source.train.normalisation();
    assert!((norm.mean[0] - 0.286).abs() < 0.002 && (norm.std[0] - 0.353).abs() < 0.002, "{norm:?}");
}
