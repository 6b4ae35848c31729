//! The sampling network climbs what the images descend.

use pollster::block_on;

use super::*;
use crate::{
    method::{Advance, Moment, stage::fixture},
    recipe::{MethodRecipe, MicroBatch, Recipe},
};

const WINDOW: Window = Window { number: 0, trained: 1 };

/// The stage of a run of NCFM, and what its canvases start from.
fn stage(sampling: Sampling, micro_batch: usize, averaging: f64) -> (Stage, Vec<Vec<f32>>) {
    let mut recipe = Recipe::default().images_per_class(1).seed(1);
    let own = NcfmRecipe { frequencies: 32, sampling, ..NcfmRecipe::quick() };
    recipe.method = MethodRecipe::new("ncfm", &own).expect("settings");
    recipe.micro_batch = MicroBatch::Images(micro_batch);
    recipe.real.batch = 6;
    recipe.canvas.averaging = averaging;
    fixture::stage(recipe)
}

/// The objective in its first window.
fn opened(sampling: Sampling, micro_batch: usize) -> (Stage, Ncfm) {
    let (mut stage, canvases) = stage(sampling, micro_batch, 0.0);
    Canvases::new(&mut stage.exec, &stage.setting, &canvases).expect("it fits");
    let sight = super::super::stage::Sight::new(&mut stage.exec, &stage.setting).expect("it fits");
    let ncfm = Ncfm::new(&mut stage).expect("it fits");
    sight.open(&stage.exec, &stage.setting, WINDOW).expect("it runs");
    ncfm.open(&stage, WINDOW).expect("it runs");
    (stage, ncfm)
}

fn network() -> Sampling {
    Sampling::Network { lr: 1e-2, momentum: 0.5 }
}

#[test]
fn the_sampling_network_raises_the_loss_it_maximises() {
    let (stage, ncfm) = opened(network(), 6);
    let mut losses = Vec::new();
    for _ in 0..30 {
        // The window stays, and with it the noise and the images: only psi moves.
        ncfm.prepare(&stage, WINDOW).expect("it runs");
        losses.push(block_on(stage.exec.get_f32("ncfm.ascend.loss")).expect("it reads")[0]);
    }
    assert!(losses[29] > 1.05 * losses[0], "{losses:?}");
    assert!(losses.windows(2).filter(|pair| pair[1] > pair[0]).count() > 24, "{losses:?}");
}

#[test]
fn frequencies_of_the_sampling_network_are_distinct_and_bounded() {
    let (stage, ncfm) = opened(network(), 6);
    let t = block_on(stage.exec.get_f32("ncfm.t")).expect("it reads");
    let mut rows: Vec<Vec<u32>> = t.chunks(t.len() / 32).map(|row| row.iter().map(|v| v.to_bits()).collect()).collect();
    rows.sort();
    rows.dedup();
    assert_eq!(rows.len(), 32);
    assert!(t.iter().all(|v| f64::from(v.abs()) <= ncfm.recipe.frequency_scale));
}

#[test]
fn micro_batches_do_not_change_the_real_side() {
    let sums = |micro_batch: usize| {
        let (stage, ncfm) = opened(Sampling::Normal, micro_batch);
        ncfm.real(&stage, 1, WINDOW).expect("it runs");
        block_on(stage.exec.get_f32("ncfm.re.1")).expect("it reads")
    };
    let whole = sums(6);
    for micro in [1, 4] {
        let parts = sums(micro);
        assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-4), "{whole:?} {parts:?}");
    }
}

/// The canvases of both classes, and the kept ones, after each of four iterations.
fn iterations(averaging: f64) -> Vec<[Vec<f32>; 2]> {
    let (mut stage, canvases) = stage(Sampling::Normal, 6, averaging);
    let mut run = NcfmKind.build(&mut stage, &canvases).expect("it fits");
    let mut seen = Vec::new();
    while seen.len() < 4 {
        if let Advance::Iteration(_) = block_on(run.advance(&mut stage)).expect("it runs") {
            seen.push([Moment::Now, Moment::Kept].map(|moment| {
                let read = |name: &String| block_on(stage.exec.get_f32(name)).expect("it reads");
                run.yields(moment).canvases.iter().flat_map(read).collect()
            }));
        }
    }
    seen
}

#[test]
fn without_averaging_the_last_canvases_are_kept() {
    let seen = iterations(0.0);
    assert!(seen.iter().all(|[canvases, kept]| canvases == kept));
    assert_ne!(seen[2], seen[3]);
}

#[test]
fn averaging_weighs_later_canvases_more() {
    // With eta = 1 the weight of iteration t is proportional to t: (1, 2, 3, 4) / 10.
    let seen = iterations(0.5);
    let kept = &seen[3][1];
    for (at, &kept) in kept.iter().enumerate() {
        let mean = (1..).zip(&seen).map(|(t, [canvases, _])| t as f32 * canvases[at] / 10.0).sum::<f32>();
        assert!((kept - mean).abs() < 1e-6, "{kept} {mean}");
    }
}
