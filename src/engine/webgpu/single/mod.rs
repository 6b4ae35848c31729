//! Nodes that run by themselves: one small file a family of operations.

mod movement;
mod sample;
mod solve;
mod take;

use super::{contract, shader::Kernel, task::Task, values::Values};
use crate::program::{Single, SingleOp};

/// The kernels of a step.
pub(super) fn kernels(single: &Single, values: &Values<'_>) -> Vec<Kernel> {
    let task = Task::new(single, values);
    if task.len() == 0 {
        return Vec::new();
    }
    match &single.op {
        SingleOp::Contraction(op) => contract::kernels(&task, *op),
        SingleOp::Concat { axis } => vec![movement::concat(&task, *axis)],
        SingleOp::Pad { low, interior } => vec![movement::pad(&task, low, interior)],
        SingleOp::Sample2d { border } => vec![sample::sample(&task, *border)],
        SingleOp::Sample2dTranspose { border } => vec![sample::transpose(&task, *border)],
        SingleOp::Take => vec![take::take(&task)],
        SingleOp::TakeTranspose => vec![take::transpose(&task)],
        SingleOp::SolveSpd => solve::solve(&task),
    }
}
