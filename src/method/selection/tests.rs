//! Candidates reach canvases as they are, in the tiles that decoding reads.

use std::sync::Arc;

use pollster::block_on;

use crate::{Dataset, Distillation, Distilled, Pool, Recipe, data::Images, engine::reference::Reference, rng::Draws};

/// Three classes of noise about a level of their own, of 12, 5 and 2 images, `[19, 2, 8, 8]`.
pub(in crate::method) fn data() -> Dataset {
    let mut draws = Draws::new(9, 0, 0);
    let labels: Vec<u32> = [[0; 12].as_slice(), &[1; 5], &[2; 2]].concat();
    let pixel = |label: u32, draws: &mut Draws| (draws.range(0.0, 100.0) + f64::from(label * 70)) as u8;
    let pixels = labels.iter().flat_map(|&label| (0..128).map(|_| pixel(label, &mut draws)).collect::<Vec<u8>>());
    let images = Images::new(2, 8, 8, pixels.collect()).expect("128 values each");
    Dataset::new(["a", "b", "c"].map(String::from).to_vec(), images, labels).expect("labels fit")
}

/// The default recipe of a method, made small.
pub(in crate::method) fn recipe(method: &str, settings: &[&str]) -> Recipe {
    let small = ["network.depth=2", "network.width=4", "pool.networks=2", "pool.epochs=2", "pool.training.batch=8"];
    let all = small.iter().chain(&["micro_batch=4", "images_per_class=3", "seed=5"]).chain(settings);
    all.fold(Recipe::named(method).expect("a method"), |recipe, setting| recipe.with(setting).expect("a known key"))
}

fn begin(recipe: Recipe) -> Distillation {
    Distillation::new(recipe, &data(), Arc::new(Reference::f32())).expect("the recipe fits")
}

fn finish(run: &mut Distillation) -> Distilled {
    while block_on(run.advance()).expect("it goes on").is_some() {}
    block_on(run.finish()).expect("it ends")
}

pub(in crate::method) fn distilled(method: &str, settings: &[&str]) -> Distilled {
    finish(&mut begin(recipe(method, settings)))
}

#[test]
fn images_are_taken_to_the_byte_and_once() {
    for method in ["random", "herding", "k-center"] {
        let (set, data) = (distilled(method, &[]), data());
        assert_eq!(set.counts(), [3, 3, 2], "{method}: a class has only two images");
        let pixels = set.images_u8();
        let mut rows: Vec<usize> = pixels
            .chunks(128)
            .zip(&set.labels)
            .map(|(image, &label)| {
                let found = (0..data.len()).find(|&row| data.images().get(row) == Some(image));
                found
                    .filter(|&row| data.labels()[row] == label)
                    .unwrap_or_else(|| panic!("{method}: none of class {label}"))
            })
            .collect();
        rows.sort_unstable();
        rows.dedup();
        assert_eq!(rows.len(), 8, "{method}");
    }
}

#[test]
fn random_images_are_those_that_an_evaluation_compares_with() {
    let compared = crate::evaluate::random_real(&data(), &[3, 3, 2], 5).expect("there are as many");
    assert_eq!(*distilled("random", &[]).images_u8(), *compared.images().pixels());
}

#[test]
fn canvases_hold_the_means_of_two_by_two_pixels_of_four_images() {
    let (set, data) = (distilled("random", &["canvas.factor=2", "images_per_class=2"]), data());
    assert_eq!(set.counts(), [2, 1, 1], "five and two images fill one canvas, the latter twice");
    let rows = crate::evaluate::random_rows(data.classes(), data.labels(), &[8, 0, 0], 5).expect("there are as many");
    let canvases = set.images_u8();
    for (at, &row) in rows.iter().enumerate() {
        let (tile, canvas) = (at / 2, at % 2);
        let image = data.images().get(row as usize).expect("a row");
        for (channel, y, x) in (0..32).map(|place| (place / 16, place / 4 % 4, place % 4)) {
            let pixel = |dy: usize, dx: usize| u32::from(image[channel * 64 + (2 * y + dy) * 8 + 2 * x + dx]);
            let mean = f64::from(pixel(0, 0) + pixel(0, 1) + pixel(1, 0) + pixel(1, 1)) / 4.0;
            let found = canvases[canvas * 128 + channel * 64 + (tile / 2 * 4 + y) * 8 + tile % 2 * 4 + x];
            assert!((f64::from(found) - mean).abs() <= 0.5 + 1e-3, "{found} {mean}");
        }
    }
}

#[test]
fn a_pool_alongside_is_complete_before_anything_is_chosen() {
    let before = distilled("herding", &[]);
    let alongside = distilled("herding", &["pool.timing=alongside"]);
    assert_eq!(before.planes, alongside.planes);
}

#[test]
fn a_pool_labels_what_was_taken_without_it() {
    let soft = recipe("random", &["labels=soft"]);
    let mut trained = crate::pool::PoolRun::new(&soft, &data(), Arc::new(Reference::f32())).expect("the recipe fits");
    while block_on(trained.advance()).expect("it goes on").is_some() {}
    let pool: Pool = block_on(trained.finish()).expect("it ends");
    let mut with = begin(soft.clone()).with_pool(&pool).expect("labels are its word");
    let set = finish(&mut with);
    assert!(set.soft.is_some());
    assert_eq!(set.soft, finish(&mut begin(soft)).soft);
    assert!(begin(recipe("random", &[])).with_pool(&pool).is_err(), "nobody looks through it");
}
