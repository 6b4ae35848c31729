//! What NCFM computes, to the bit: rebuilding what stands around it must not move a pixel.
//!
//! The reference engine in double precision is the judge, since its sums have one order on every machine; pixels are
//! rounded to bytes, so that a last bit of a system's sine decides nothing.

use std::sync::Arc;

use attar::{
    Dataset, Distillation, Recipe,
    data::{Images, Planes},
    engine::reference::Reference,
    rng::Draws,
};
use pollster::block_on;

/// Three classes of noise about a level of their own, in colour: `[36, 3, 10, 10]`.
fn data() -> Dataset {
    let mut draws = Draws::new(11, 0, 0);
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for row in 0..36 {
        let class = row % 3;
        labels.push(class as u32);
        pixels.extend((0..300).map(|at| (draws.range(0.0, 120.0) + (class * 40 + at % 10 * 4) as f64) as u8));
    }
    let names = ["a", "b", "c"].map(String::from).to_vec();
    Dataset::new(names, Images::new(3, 10, 10, pixels).expect("300 values each"), labels).expect("labels fit")
}

/// The checksum of the pixels of a small run with these settings besides.
fn checksum(settings: &[&str]) -> u32 {
    let common = [
        "images_per_class=2",
        "choice.held_out=0",
        "canvas.units=pixels",
        "canvas.lr=0.01",
        "canvas.averaging=0.0",
        "iterations=5",
        "seed=4",
        "micro_batch=3",
        "network.depth=2",
        "network.width=6",
        "pool.networks=2",
        "pool.epochs=2",
        "pool.training.batch=9",
        "pool.training.cutmix=0.5",
        "real.batch=8",
        "real.refresh=2",
        "method.frequencies=24",
        "canvas.factor=2",
    ];
    let all = common.iter().chain(settings);
    let recipe = all.fold(Recipe::default(), |recipe, setting| recipe.with(setting).expect("a known key"));
    let mut run = Distillation::new(recipe, &data(), Arc::new(Reference::f64())).expect("the recipe fits");
    while block_on(run.advance()).expect("it goes on").is_some() {}
    match block_on(run.finish()).expect("it ends").planes {
        Planes::U8(pixels) => crc32fast::hash(&pixels),
        Planes::F32(_) => unreachable!("canvases are stored as bytes"),
    }
}

#[test]
fn ncfm_gives_the_pixels_it_always_gave() {
    let cases: [(&[&str], u32); 5] = [
        (&[], 0x4907_2886),
        (&["pool.timing=alongside", "canvas.averaging=0.3"], 0x6727_28a7),
        (&["method.sampling={name=\"network\", lr=1e-2, momentum=0.5}", "method.calibrations=2"], 0x7e54_50e2),
        (&["canvas.factor=1", "canvas.init=random", "network.norm=layer", "network.pooling=max"], 0xe7b6_817c),
        (
            &["canvas.optimiser={name=\"sgd\", momentum=0.5, weight_decay=0.0}", "canvas.lr=1e-3", "canvas.init=noise"],
            0x49f0_e10d,
        ),
    ];
    let found: Vec<u32> = cases.iter().map(|(settings, _)| checksum(settings)).collect();
    let wanted: Vec<u32> = cases.iter().map(|(_, wanted)| *wanted).collect();
    assert_eq!(found, wanted, "{found:#010x?}");
}
