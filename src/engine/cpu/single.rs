//! Nodes that run by themselves: contractions, gathers, resampling, and what moves elements irregularly.
#![expect(unsafe_code, reason = "values are reached by pointers")]

use super::{Isa, contract::Contraction, nodes, run::Bound};
use crate::{
    graph::{NodeId, Op},
    program::{Plan, Program, Single},
    shape::Shape,
};

/// A node made ready for its shapes.
pub(super) enum Node {
    Contraction(Contraction),
    Other,
}

impl Node {
    pub(super) fn new(single: &Single, plan: &Plan, isa: Isa) -> Node {
        contraction(&plan.program, single.node, isa).map_or(Node::Other, Node::Contraction)
    }

    /// f32s of scratch that a run needs.
    pub(super) fn scratch(&self) -> usize {
        match self {
            Node::Contraction(contraction) => contraction.scratch(),
            Node::Other => 0,
        }
    }

    /// For printed plans.
    pub(super) fn name(&self) -> Option<String> {
        match self {
            Node::Contraction(contraction) => Some(contraction.name()),
            Node::Other => None,
        }
    }

    pub(super) fn run(&self, single: &Single, plan: &Plan, values: &[Bound], scratch: &mut [f32]) {
        let output = &plan.values[single.output.index()];
        let Bound::Real(start) = values[single.output.index()] else { return };
        // SAFETY: the plan gives a step's output memory that none of its inputs shares.
        let out = unsafe { std::slice::from_raw_parts_mut(start, output.len) };
        let bound = |index: usize| values[single.inputs[index].value.index()];
        let numbers = |index: usize| {
            let part = single.inputs[index];
            // SAFETY: the plan keeps a step's inputs as they are while it runs.
            unsafe { bound(index).numbers(part.offset, part.len) }
        };
        match self {
            Node::Contraction(contraction) => contraction.run(numbers(0), numbers(1), out, scratch),
            Node::Other => {
                let node = plan.program.node(single.node);
                let shape = |index: usize| plan.program.node(node.inputs[index]).shape;
                nodes::run(&node.op, single.inputs.len(), &bound, &numbers, &shape, (out, node.shape));
            }
        }
    }
}

/// A product or convolution, planned for its shapes.
fn contraction(program: &Program, id: NodeId, isa: Isa) -> Option<Contraction> {
    let node = program.node(id);
    let shape = |index: usize| program.node(node.inputs[index]).shape;
    let four = |shape: Shape| [0, 1, 2, 3].map(|axis| shape.dim(axis));
    Some(match &node.op {
        Op::Matmul { ta, tb } => {
            let (rank, out) = (node.shape.rank(), node.shape);
            let k = shape(0).dim(rank - if *ta { 2 } else { 1 });
            let (m, n) = (out.dim(rank - 2), out.dim(rank - 1));
            let batch = out.iter().take(rank - 2).product();
            Contraction::matmul(isa, batch, (m, k, n), [*ta, *tb])
        }
        Op::Conv2d(conv) => Contraction::conv2d(isa, *conv, four(shape(0)), four(shape(1))),
        Op::Conv2dInputGrad(conv) => Contraction::conv2d_input_grad(isa, *conv, four(node.shape), four(shape(1))),
        Op::Conv2dWeightGrad(conv) => Contraction::conv2d_weight_grad(isa, *conv, four(shape(0)), four(node.shape)),
        _ => return None,
    })
}
