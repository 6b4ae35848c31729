//! Nodes that run by themselves: one small file a family of operations.

mod movement;
mod sample;
mod solve;
mod take;

use super::{contract, shader::Kernel, task::Task, values::Values};
use crate::{graph::Op, program::Single};

/// The kernels of a step.
pub(super) fn kernels(single: &Single, values: &Values<'_>) -> Vec<Kernel> {
    let task = Task::new(single, values);
    if task.len() == 0 {
        return Vec::new();
    }
    match &task.node.op {
        Op::Concat { axis } => vec![movement::concat(&task, *axis as usize)],
        Op::Pad { low, interior } => vec![movement::pad(&task, low, interior)],
        Op::Matmul { ta, tb } => contract::matmul(&task, [*ta, *tb]),
        Op::Conv2d(conv) => contract::conv2d(&task, *conv),
        Op::Conv2dInputGrad(conv) => contract::conv2d_input_grad(&task, *conv),
        Op::Conv2dWeightGrad(conv) => contract::conv2d_weight_grad(&task, *conv),
        Op::Sample2d { border } => vec![sample::sample(&task, *border)],
        Op::Sample2dTranspose { border } => vec![sample::transpose(&task, *border)],
        Op::Take => vec![take::take(&task)],
        Op::TakeTranspose => vec![take::transpose(&task)],
        Op::SolveSpd => solve::solve(&task),
        op => unreachable!("{op:?} has no kernel of its own"),
    }
}
