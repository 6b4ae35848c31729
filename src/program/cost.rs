//! What a program costs: floating-point operations and bytes moved.

use std::ops::Add;

use super::Program;
use crate::graph::{Kind, Node, Op};

/// Work of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Cost {
    /// Floating-point operations: 2 a multiply-add of the direct algorithm of contractions, 1 an element of anything
    /// else that computes.
    pub flops: u64,
    /// The part of `flops` in convolutions and matrix products: the figure that speeds are quoted in.
    pub contraction_flops: u64,
    /// Bytes read and written if every node went through memory.
    pub bytes: u64,
}

impl Add for Cost {
    type Output = Cost;

    fn add(self, other: Cost) -> Cost {
        Cost {
            flops: self.flops + other.flops,
            contraction_flops: self.contraction_flops + other.contraction_flops,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Program {
    /// The work of one run, before any fusion.
    pub fn cost(&self) -> Cost {
        self.nodes.iter().map(|node| self.node_cost(node)).fold(Cost::default(), Cost::add)
    }

    /// The work of one node.
    pub fn node_cost(&self, node: &Node) -> Cost {
        let contraction_flops = self.contraction_flops(node);
        let elements = node.shape.elements() as u64;
        let flops = match node.op {
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select | Op::Random { .. } => elements,
            Op::Reduce { .. } | Op::TakeTranspose => self.node(node.inputs[0]).shape.elements() as u64,
            Op::Sample2d { .. } | Op::Sample2dTranspose { .. } => 8 * elements,
            Op::SolveSpd => {
                let (n, m) = (node.shape.dim(0) as u64, node.shape.dim(1) as u64);
                n * n * n / 3 + 2 * n * n * m
            }
            _ => contraction_flops,
        };
        let read: u64 = node.inputs.iter().map(|&input| bytes(self.node(input))).sum();
        let moved = if node.inputs.is_empty() { 0 } else { read + bytes(node) };
        Cost { flops, contraction_flops, bytes: moved }
    }

    fn contraction_flops(&self, node: &Node) -> u64 {
        let shape = |index: usize| self.node(node.inputs[index]).shape;
        let elements = node.shape.elements() as u64;
        match node.op {
            Op::Matmul { ta, .. } => {
                let a = shape(0);
                2 * elements * a.dim(a.rank() - if ta { 2 } else { 1 }) as u64
            }
            Op::Conv2d(_) => 2 * elements * per_output(shape(1)),
            Op::Conv2dInputGrad(_) => 2 * shape(0).elements() as u64 * per_output(shape(1)),
            Op::Conv2dWeightGrad(_) => 2 * shape(1).elements() as u64 * per_output(node.shape),
            _ => 0,
        }
    }
}

/// Multiply-adds for one output of a convolution with kernels `[co, ci/groups, kh, kw]`.
fn per_output(kernel: crate::shape::Shape) -> u64 {
    kernel.iter().skip(1).product::<usize>() as u64
}

fn bytes(node: &Node) -> u64 {
    let size = if node.kind == Kind::Pixels { 1 } else { 4 };
    size * node.shape.elements() as u64
}
