//! From nodes to kernels: one small file a family of operations.

mod contract;
mod elementwise;
mod movement;
mod random;
mod reduce;
mod sample;
mod solve;
mod take;

use super::kernel::{Kernel, Operand};
use crate::{
    graph::{Node, Op},
    shape::Shape,
};

/// What runs for one node, in order.
#[derive(Debug, PartialEq)]
pub(super) struct Work {
    pub kernels: Vec<Kernel>,
    /// Words of memory that the kernels share among themselves.
    pub scratch: usize,
}

/// A node with its operands as kernels see them. The result has at least one element.
pub(super) struct Task<'a> {
    pub node: &'a Node,
    pub operands: &'a [Operand],
    /// The operands' shapes.
    pub shapes: &'a [Shape],
}

impl Task<'_> {
    /// Elements of the result.
    fn len(&self) -> usize {
        self.node.shape.elements()
    }
}

/// The kernels of a node that is neither memory nor a view.
pub(super) fn work(task: &Task<'_>) -> Work {
    let kernel = match &task.node.op {
        Op::Slot { .. }
        | Op::Scalar { .. }
        | Op::Fill { .. }
        | Op::Constant { .. }
        | Op::Iota { .. }
        | Op::Reshape
        | Op::StopGradient => elementwise::copy(task.operands[0], task.len()),
        Op::Random { law, stream } => random::draw(task, *law, *stream),
        Op::Unary(function) => elementwise::unary(task, *function),
        Op::Binary(function) => elementwise::binary(task, *function),
        Op::Compare(comparison) => elementwise::compare(task, *comparison),
        Op::Select => elementwise::select(task),
        Op::Permute { axes } => movement::permute(task, axes),
        Op::Expand => movement::expand(task),
        Op::Concat { axis } => return Work { kernels: movement::concat(task, *axis as usize), scratch: 0 },
        Op::Flip { axes } => movement::flip(task, axes),
        Op::Slice { start, step } => movement::slice(task, start, step),
        Op::Pad { low, interior } => movement::pad(task, low, interior),
        Op::Reduce { reduce, axes } => return reduce::reduce(task, *reduce, axes),
        Op::Matmul { ta, tb } => contract::matmul(task, [*ta, *tb]),
        Op::Conv2d(conv) => contract::conv2d(task, *conv),
        Op::Conv2dInputGrad(conv) => contract::conv2d_input_grad(task, *conv),
        Op::Conv2dWeightGrad(conv) => return contract::conv2d_weight_grad(task, *conv),
        Op::Sample2d { border } => sample::sample(task, *border),
        Op::Sample2dTranspose { border } => sample::transpose(task, *border),
        Op::Take => take::take(task),
        Op::TakeTranspose => take::transpose(task),
        Op::SolveSpd => return solve::solve(task),
    };
    Work { kernels: vec![kernel], scratch: 0 }
}

/// A leaf written out to memory.
pub(super) fn materialise(operand: Operand, len: usize) -> Kernel {
    elementwise::copy(operand, len)
}
