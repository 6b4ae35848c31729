//! Nodes that run by themselves: operations that have kernels of their own.

use super::ValueId;
use crate::graph::{Border, Conv, NodeId, Op};

/// A node that runs by itself on neighbouring elements of values.
#[derive(Debug, Clone)]
pub struct Single {
    pub op: SingleOp,
    pub node: NodeId,
    pub inputs: Vec<Part>,
    pub output: ValueId,
}

/// `len` neighbouring elements of a value, from `offset` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Part {
    pub value: ValueId,
    pub offset: usize,
    pub len: usize,
}

/// The operations that run by themselves, each as [`Op`] says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SingleOp {
    Contraction(ContractionOp),
    Concat { axis: usize },
    Pad { low: Vec<u32>, interior: Vec<u32> },
    Sample2d { border: Border },
    Sample2dTranspose { border: Border },
    Take,
    TakeTranspose,
    SolveSpd,
}

/// Those that sum products.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractionOp {
    Matmul { ta: bool, tb: bool },
    Conv2d(Conv),
    Conv2dInputGrad(Conv),
    Conv2dWeightGrad(Conv),
}

impl SingleOp {
    /// An operation, if it is one of these.
    pub fn of(op: &Op) -> Option<SingleOp> {
        Some(match op {
            Op::Matmul { ta, tb } => SingleOp::Contraction(ContractionOp::Matmul { ta: *ta, tb: *tb }),
            Op::Conv2d(conv) => SingleOp::Contraction(ContractionOp::Conv2d(*conv)),
            Op::Conv2dInputGrad(conv) => SingleOp::Contraction(ContractionOp::Conv2dInputGrad(*conv)),
            Op::Conv2dWeightGrad(conv) => SingleOp::Contraction(ContractionOp::Conv2dWeightGrad(*conv)),
            Op::Concat { axis } => SingleOp::Concat { axis: *axis as usize },
            Op::Pad { low, interior } => SingleOp::Pad { low: low.clone(), interior: interior.clone() },
            Op::Sample2d { border } => SingleOp::Sample2d { border: *border },
            Op::Sample2dTranspose { border } => SingleOp::Sample2dTranspose { border: *border },
            Op::Take => SingleOp::Take,
            Op::TakeTranspose => SingleOp::TakeTranspose,
            Op::SolveSpd => SingleOp::SolveSpd,
            Op::Slot { .. }
            | Op::Scalar { .. }
            | Op::Fill { .. }
            | Op::Constant { .. }
            | Op::Iota { .. }
            | Op::Random { .. }
            | Op::Unary(_)
            | Op::Binary(_)
            | Op::Compare(_)
            | Op::Select
            | Op::StopGradient
            | Op::Reshape
            | Op::Permute { .. }
            | Op::Expand
            | Op::Flip { .. }
            | Op::Slice { .. }
            | Op::Reduce { .. } => return None,
        })
    }
}
