//! What the method computes, written down once: one program for the real side of a class, one for its update.

use attar::{
    Result,
    graph::{Graph, Tensor},
    method::{Setting, stage::sight::THETA},
    program::Program,
};

use super::moments::{LOSSES, MomentsRecipe};

/// Features of images `[n, c, h, w]`, and their squares: `[n, 2 d]`.
fn moments<'g>(setting: &Setting, g: &'g Graph, images: Tensor<'g>) -> Result<Tensor<'g>> {
    let own: MomentsRecipe = setting.recipe.method.read()?;
    let theta = setting.network.parameters(g, THETA);
    let features = setting.network.forward(theta, images).features;
    Ok(Tensor::concat(&[features, features.square() * own.squares], 1))
}

/// Adds a micro-batch of real images to the sum of their moments. Images of weight 0 only fill it.
pub fn real(setting: &Setting) -> Result<Program> {
    let g = Graph::new();
    let (images, weights) = setting.real_images(&g);
    let moments = moments(setting, &g, images)? * weights.reshape([images.dim(0), 1]);
    let sum = g.input("moments.sum", [moments.dim(1)]);
    g.update(sum, sum + moments.sum(&[0]));
    Program::new("moments.real", g)
}

/// Moves the canvases of a class: gradient and optimiser are a part of the program.
pub fn update(setting: &Setting) -> Result<Program> {
    let g = Graph::new();
    let canvas = setting.canvas(&g);
    let images = setting.seen(&g, setting.pictures(canvas), "moments.update");
    let moments = moments(setting, &g, images)?;
    let real = g.input("moments.sum", [moments.dim(1)]) * g.scalar("share");
    setting.descend(&g, canvas, &[(LOSSES[0], (moments.mean(&[0]) - real).square().sum_all())]);
    Program::new("moments.update", g)
}
