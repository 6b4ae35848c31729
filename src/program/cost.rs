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

#[cfg(test)]
mod tests {
    use crate::{
        graph::{Conv, Graph, Tensor},
        program::{Cost, Program},
    };

    fn cost(write: impl for<'g> Fn(&'g Graph) -> Tensor<'g>) -> Cost {
        let g = Graph::new();
        let value = write(&g);
        g.output("out", value);
        Program::new("test", g).expect("a valid graph").cost()
    }

    #[test]
    fn products_count_two_a_multiply_add() {
        let expected = Cost { flops: 2 * 5 * 7 * 11, contraction_flops: 2 * 5 * 7 * 11, bytes: 4 * (35 + 77 + 55) };
        assert_eq!(cost(|g| g.input("a", [5, 7]).matmul(g.input("b", [7, 11]))), expected);
        assert_eq!(cost(|g| g.input("a", [7, 5]).matmul_t(true, g.input("b", [11, 7]), true)), expected);
        assert_eq!(cost(|g| g.input("a", [3, 5, 7]).matmul(g.input("b", [3, 7, 11]))).flops, 3 * expected.flops);
    }

    /// The second convolution of ConvNet-D3 at width 128 on a batch of 256: 19.3 GFLOP, in each of its three forms.
    #[test]
    fn a_convolution_and_its_transposes_cost_the_same() {
        const FLOPS: u64 = 2 * 256 * 128 * 16 * 16 * 128 * 9;
        let (x, k, conv) = ([256, 128, 16, 16], [128, 128, 3, 3], Conv::padded(1));
        let forms = [
            cost(|g| g.input("x", x).conv2d(g.input("k", k), conv)),
            cost(|g| g.input("g", x).conv2d_input_grad(g.input("k", k), conv, (16, 16))),
            cost(|g| g.input("x", x).conv2d_weight_grad(g.input("g", x), conv, (3, 3))),
        ];
        for form in forms {
            assert_eq!((form.flops, form.contraction_flops), (FLOPS, FLOPS));
        }
    }

    #[test]
    fn stride_and_groups_cut_the_work() {
        let conv = Conv { stride: 2, padding: 0, groups: 4 };
        let grouped = cost(|g| g.input("x", [1, 8, 9, 9]).conv2d(g.input("k", [12, 2, 3, 3]), conv));
        assert_eq!(grouped.contraction_flops, 2 * (12 * 4 * 4) * (2 * 3 * 3));
    }

    #[test]
    fn other_work_counts_once_an_element() {
        let expected = Cost { flops: 6 + 6, contraction_flops: 0, bytes: 4 * (6 + 6) + 4 * (6 + 1) };
        assert_eq!(cost(|g| g.input("x", [2, 3]).sin().sum_keep(&[0, 1])), expected);
    }
}
