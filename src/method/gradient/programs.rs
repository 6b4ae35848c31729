//! The programs of gradient matching.

use super::{GradientRecipe, LOSSES, MATCH, REAL, Setting};
use crate::{
    error::Result,
    graph::Graph,
    method::stage::{own_class, sight::THETA},
    nn::loss,
    program::Program,
};

/// All programs.
pub(super) fn all(recipe: GradientRecipe, setting: &Setting) -> Result<Vec<Program>> {
    Ok(vec![real(setting)?, matching(recipe, setting)?])
}

/// Adds the gradient of a micro-batch of real images to the sum over the class's batch.
fn real(setting: &Setting) -> Result<Program> {
    let g = Graph::new();
    let (x, weights) = setting.real_images(&g);
    let theta = setting.network.parameters(&g, THETA);
    let logits = setting.network.forward(theta, x).logits;
    let loss = loss::summed_cross_entropy(logits, own_class(&g, logits), weights);
    let sum = setting.network.parameters(&g, REAL);
    g.update(sum, sum + g.grad(loss, &[theta])[0]);
    Program::new(REAL, g)
}

/// The update of one class: the gradient that its canvases give the network, the distance to that of real images, and
/// the way down for the canvases, which is a gradient of that gradient.
fn matching(recipe: GradientRecipe, setting: &Setting) -> Result<Program> {
    let g = Graph::new();
    let canvas = setting.canvas(&g);
    let x = setting.seen(&g, setting.pictures(canvas), MATCH);
    let theta = setting.network.parameters(&g, THETA);
    let logits = setting.network.forward(theta, x).logits;
    let synthetic = g.grad(loss::cross_entropy(logits, own_class(&g, logits)), &[theta])[0];
    let real = setting.network.parameters(&g, REAL) * g.scalar("real_scale");
    let distance = recipe.distance.between(setting.network.table(), recipe.layers, real, synthetic)?;
    setting.descend(&g, canvas, &[(LOSSES[0], distance)]);
    Program::new(MATCH, g)
}
