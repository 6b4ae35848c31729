//! Parity with PyTorch: how each file of fixtures is checked on an engine.

mod characteristic;
mod methods;
mod networks;
mod pictures;
mod training;

use std::sync::Arc;

use attar::{
    engine::Engine,
    graph::{Graph, Tensor},
    nn::loss,
};

use super::fixtures::{Fixtures, Topic, Trial};

type Check = fn(&Topic, &Arc<dyn Engine>);

/// Every file of fixtures, and its check.
pub const TOPICS: [(&str, Check); 14] = [
    ("cf_loss", characteristic::cf_loss),
    ("sampling_net", characteristic::sampling_net),
    ("ncfm_step", characteristic::ncfm_step),
    ("decode", pictures::decode),
    ("augment", pictures::augment),
    ("convnet", training::convnet),
    ("networks", networks::networks),
    ("optim", training::optim),
    ("metrics", training::metrics),
    ("distribution_matching", methods::distribution_matching),
    ("gradient_matching", methods::gradient_matching),
    ("trajectory_matching", methods::trajectory_matching),
    ("performance_matching", methods::performance_matching),
    ("krr", methods::krr),
];

/// Runs the check of one topic on these engines, and makes sure that no output was left unchecked.
pub fn check(topic: &str, fixtures: &dyn Fixtures, engines: &[Arc<dyn Engine>]) {
    let (_, check) = TOPICS.iter().find(|(name, _)| *name == topic).expect("a topic of the list");
    for engine in engines {
        let topic = Topic::load(topic, fixtures);
        check(&topic, engine);
        topic.assert_complete();
    }
}

fn one_hot<'g>(g: &'g Graph, trial: &mut Trial<'_>, labels: &str, classes: usize) -> Tensor<'g> {
    loss::one_hot(g, trial.rows(g, labels), classes)
}
