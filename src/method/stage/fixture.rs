//! A stage small enough for tests.

use std::sync::Arc;

use super::{Setting, Stage};
use crate::{
    data::Normalisation,
    engine::{Data, Executor, reference::Reference},
    graph::Kind,
    nn::{Architecture, ImageSize, Network},
    pool::{self, PIXELS},
    recipe::Recipe,
    rng::Draws,
};

const IMAGE: ImageSize = ImageSize { channels: 1, height: 8, width: 8 };

/// The stage of a run of this recipe on two classes of noise, eight images each, with a pool of one untrained network of
/// width 4, and what its canvases start from.
pub(in crate::method) fn stage(recipe: Recipe) -> (Stage, Vec<Vec<f32>>) {
    let network = Network::new(Architecture::convnet(2, 4), IMAGE, 2).expect("it fits");
    let mut exec = Executor::new(Arc::new(Reference::f32()));
    let mut draws = Draws::new(5, 0, 0);
    let pixels: Vec<u8> = (0..16 * 64).map(|_| draws.below(256) as u8).collect();
    exec.ensure(PIXELS, Kind::Pixels, IMAGE.batch(16)).expect("it fits");
    exec.set(PIXELS, Data::Pixels(&pixels)).expect("it fits");
    for name in [pool::initial(0), pool::trained(0)] {
        exec.ensure(&name, Kind::F32, [network.table().len()]).expect("it fits");
        exec.set_f32(&name, &network.init(&mut draws)).expect("it fits");
    }
    let canvas = (0..recipe.images_per_class * 64).map(|_| draws.uniform() as f32).collect();
    let setting = Setting {
        recipe,
        network,
        normalisation: Normalisation { mean: vec![0.5], std: vec![0.3] },
        spread: vec![0.3],
        rows: vec![(0..8).collect(), (8..16).collect()],
        labels: (0..16).map(|row| row / 8).collect(),
        networks: 1,
        limits: exec.engine().limits(),
    };
    (Stage { exec, setting, trained: 1 }, vec![canvas; 2])
}
