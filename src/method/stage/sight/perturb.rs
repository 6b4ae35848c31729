//! Perturbation of the parameters that are looked through (model augmentation: Zhang et al., "Accelerating dataset
//! distillation via model augmentation", CVPR 2023, section 3.3).

use super::{Setting, THETA};
use crate::{
    engine::Executor,
    error::Result,
    graph::{Graph, Tensor},
    program::Program,
    streams::Use,
};

const NAME: &str = "sight.perturb";

/// The smallest share that a direction moves the parameters by, as published.
const LEAST: f64 = 0.01;

/// `w <- w + a d1 + b d2`: the directions are normal, each filter's as long as the filter itself; biases and scales stay.
pub(super) fn program(setting: &Setting) -> Result<Program> {
    let g = Graph::new();
    let theta = setting.network.parameters(&g, THETA);
    let directions = [0, 1].map(|member| g.random_normal(Use::SightPerturb.stream(member), theta.shape()));
    let shares = ["first", "second"].map(|name| g.scalar(name));
    let moved = setting.network.table().params().iter().map(|param| {
        let own = setting.network.table().get(theta, &param.name);
        if param.shape.rank() < 2 {
            return own.reshape([param.shape.elements()]);
        }
        let rows = [param.shape.dim(0), param.shape.elements() / param.shape.dim(0)];
        let filters = own.reshape(rows);
        let length = filters.safe_norm(&[1]);
        let step = |at: usize| {
            let direction = setting.network.table().get(directions[at], &param.name).reshape(rows);
            direction * (length / (direction.safe_norm(&[1]) + 1e-10)) * shares[at]
        };
        (filters + step(0) + step(1)).reshape([param.shape.elements()])
    });
    let moved: Vec<Tensor<'_>> = moved.collect();
    g.update(theta, Tensor::concat(&moved, 0));
    Program::new(NAME, g)
}

/// Perturbs the network of a window.
pub(super) fn run(exec: &Executor, setting: &Setting, number: u64) -> Result<()> {
    let mut draws = Use::SightPerturb.draws(setting.recipe.seed, 2, number);
    let bound = setting.recipe.sight.perturb;
    let mut share = || {
        let share = draws.range(LEAST.min(bound), bound);
        if draws.chance(0.5) { share as f32 } else { -share as f32 }
    };
    let scalars = [("first", share()), ("second", share())];
    exec.run_drawing(NAME, &[], &scalars, crate::engine::Draw { seed: setting.recipe.seed, unit: number as u32 })
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::{method::stage::fixture, recipe::Recipe};

    #[test]
    fn each_filter_moves_by_two_shares_within_the_bound_and_biases_stay() {
        let mut recipe = Recipe::default().images_per_class(1);
        recipe.sight.perturb = 0.09;
        let (mut stage, _) = fixture::stage(recipe);
        let table = stage.setting.network.table().clone();
        let before: Vec<f32> = (0..table.len()).map(|at| (at as f32).sin()).collect();
        stage.exec.load(program(&stage.setting).expect("a valid graph")).expect("it loads");
        let mut moves = Vec::new();
        for number in 0..8 {
            stage.exec.set_f32(THETA, &before).expect("it is there");
            run(&stage.exec, &stage.setting, number).expect("it runs");
            let after = block_on(stage.exec.get_f32(THETA)).expect("it reads");
            for param in table.params() {
                let own = param.offset..param.offset + param.shape.elements();
                let (before, after) = (&before[own.clone()], &after[own]);
                if param.shape.rank() < 2 {
                    assert_eq!(before, after, "{}", param.name);
                    continue;
                }
                let row = param.shape.elements() / param.shape.dim(0);
                let length = |values: &[f32]| values.iter().map(|v| v * v).sum::<f32>().sqrt();
                for (before, after) in before.chunks(row).zip(after.chunks(row)) {
                    let moved: Vec<f32> = before.iter().zip(after).map(|(a, b)| b - a).collect();
                    let share = length(&moved) / length(before);
                    assert!(share > 1e-4 && share < 2.0 * 0.09 + 1e-4, "{} moves by {share}", param.name);
                    moves.push(share);
                }
            }
        }
        assert!(moves.iter().any(|&share| share > 0.05), "{moves:?}");
    }
}
