//! A pass from program to program: reductions in the stages that kernels can do.
//!
//! A reduction over inner and outer axes becomes one over the inner axes, which a kernel can do beside what it computes
//! for each row anyway, and one over the little that is left; a long one becomes two, so that a row fits a cache.

use crate::{
    graph::{Node, NodeId, Op, Reduce},
    program::{Program, Role},
    shape::Shape,
};

/// The same program with its reductions divided so that none sums more than `longest` neighbouring elements at once,
/// where their number has a divisor that allows it.
pub(super) fn reductions(program: &Program, longest: usize) -> Program {
    let mut divided = Divided { nodes: Vec::with_capacity(program.nodes.len()), longest };
    let mut renamed: Vec<NodeId> = Vec::with_capacity(program.nodes.len());
    for node in &program.nodes {
        let mut node = node.clone();
        for input in &mut node.inputs {
            *input = renamed[input.index()];
        }
        let id = match node.op {
            Op::Reduce { reduce, axes } if node.shape.elements() > 0 => divided.reduce(reduce, node.inputs[0], &axes),
            op => divided.push(Node { op, ..node }),
        };
        renamed.push(id);
    }
    let mut program = Program { nodes: divided.nodes, ..program.clone() };
    for slot in &mut program.slots {
        if let Role::State { next: id } | Role::Output { value: id } = &mut slot.role {
            *id = renamed[id.index()];
        }
    }
    program
}

struct Divided {
    nodes: Vec<Node>,
    longest: usize,
}

impl Divided {
    fn push(&mut self, node: Node) -> NodeId {
        self.nodes.push(node);
        NodeId(self.nodes.len() as u32 - 1)
    }

    fn shape(&self, id: NodeId) -> Shape {
        self.nodes[id.index()].shape
    }

    /// One stage.
    fn stage(&mut self, reduce: Reduce, x: NodeId, axes: Vec<u32>) -> NodeId {
        let shape = axes.iter().fold(self.shape(x), |shape, &axis| shape.with(axis as usize, 1));
        let kind = self.nodes[x.index()].kind;
        self.push(Node { op: Op::Reduce { reduce, axes }, inputs: vec![x], shape, kind })
    }

    fn reshape(&mut self, x: NodeId, shape: Shape) -> NodeId {
        let kind = self.nodes[x.index()].kind;
        self.push(Node { op: Op::Reshape, inputs: vec![x], shape, kind })
    }

    fn reduce(&mut self, reduce: Reduce, x: NodeId, axes: &[u32]) -> NodeId {
        let shape = self.shape(x);
        let mut rest: Vec<u32> = axes.iter().copied().filter(|&axis| shape.dim(axis as usize) > 1).collect();
        // Within an image, as in pooling, all at once.
        let row: usize = shape.iter().skip(rest.first().map_or(0, |&axis| axis as usize)).product();
        if rest.first() != Some(&0) && row <= self.longest {
            return self.stage(reduce, x, axes.to_vec());
        }
        // The innermost axes, as many as stand together and are not too long.
        let mut inner = Vec::new();
        let mut len = 1;
        for axis in (0..shape.rank()).rev() {
            if shape.dim(axis) == 1 {
                continue;
            }
            let fits = inner.is_empty() || len * shape.dim(axis) <= self.longest;
            if rest.last() != Some(&(axis as u32)) || !fits {
                break;
            }
            len *= shape.dim(axis);
            inner.extend(rest.pop());
        }
        if rest.is_empty() && len <= self.longest {
            return self.stage(reduce, x, axes.to_vec());
        }
        if len > self.longest
            && let Some(part) = divisor(len, self.longest)
        {
            return self.long(reduce, x, axes, part);
        }
        if inner.is_empty() || rest.is_empty() {
            return self.stage(reduce, x, axes.to_vec());
        }
        inner.reverse();
        let first = self.stage(reduce, x, inner);
        self.reduce(reduce, first, &rest)
    }

    /// Neighbours along the last axis longer than 1 first, `part` at a time.
    fn long(&mut self, reduce: Reduce, x: NodeId, axes: &[u32], part: usize) -> NodeId {
        let shape = self.shape(x);
        let outer = shape.elements() / part;
        let parts = self.reshape(x, [outer, part].into());
        let first = self.stage(reduce, parts, vec![1]);
        let last = (0..shape.rank()).rev().find(|&axis| shape.dim(axis) > 1).unwrap_or(0);
        let fewer = self.reshape(first, shape.with(last, shape.dim(last) / part));
        self.reduce(reduce, fewer, axes)
    }
}

/// The largest divisor of `len` up to `most` that makes a stage worth its while.
fn divisor(len: usize, most: usize) -> Option<usize> {
    (32..=most).rev().find(|part| len.is_multiple_of(*part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    fn stages(shape: &[usize], axes: &[usize]) -> Vec<String> {
        let g = Graph::new();
        g.output("out", g.input("x", Shape::try_new(shape).unwrap()).sum_keep(axes));
        let program = reductions(&Program::new("test", g).unwrap(), 4096);
        let reduces = program.nodes.iter().filter(|node| matches!(node.op, Op::Reduce { .. }));
        reduces.map(|node| format!("{} {}", program.operation(node), program.node(node.inputs[0]).shape)).collect()
    }

    #[test]
    fn inner_axes_come_first() {
        assert_eq!(stages(&[8, 4, 6, 6], &[0, 2, 3]), ["sum [2, 3] [8, 4, 6, 6]", "sum [0] [8, 4, 1, 1]"]);
        assert_eq!(stages(&[8, 1, 6, 6], &[0, 2, 3]), ["sum [0, 2, 3] [8, 1, 6, 6]"]);
        assert_eq!(stages(&[8, 4], &[0]), ["sum [0] [8, 4]"]);
        assert_eq!(stages(&[8, 4, 2], &[1]), ["sum [1] [8, 4, 2]"]);
        assert_eq!(stages(&[8, 4, 3, 2, 3, 2], &[3, 5]), ["sum [3, 5] [8, 4, 3, 2, 3, 2]"]);
    }

    #[test]
    fn long_rows_are_summed_in_parts() {
        assert_eq!(stages(&[64, 64, 64], &[0, 1, 2]), ["sum [1, 2] [64, 64, 64]", "sum [0] [64, 1, 1]"]);
        assert_eq!(stages(&[1 << 16], &[0]), ["sum [1] [16, 4096]", "sum [0] [16]"]);
        // A prime number of elements cannot be divided.
        assert_eq!(stages(&[65_537], &[0]), ["sum [0] [65537]"]);
    }
}
