//! From a finished graph to a program: dead nodes go, constants fold, algebra cleans up, equal nodes become one.
//!
//! Every rule keeps the value for finite numbers up to rounding; `tests/simplification.rs` holds them to it.

mod repeated;

use std::{collections::HashMap, sync::Arc};

use super::Program;
use crate::{
    graph::{Binary, Bits, Finished, Kind, Node, NodeId, Op, Reduce, Role, Slot, Unary},
    shape::Shape,
    sorted::SortedSet,
};

/// The program of a graph.
pub(super) fn program(name: String, graph: Finished) -> Program {
    let mut rewriter = Rewriter { nodes: Vec::new(), known: HashMap::new() };
    let live = reachable(&graph.nodes, graph.slots.iter().filter_map(|slot| slot.role.written()));
    let mut renamed = vec![NodeId(0); graph.nodes.len()];
    for (index, node) in graph.nodes.into_iter().enumerate() {
        if live[index] {
            let inputs = node.inputs.iter().map(|input| renamed[input.index()]).collect();
            renamed[index] = rewriter.add(Node { inputs, ..node });
        }
    }
    let slots = redirected(graph.slots, &renamed);
    let program = Program { name, nodes: rewriter.nodes, constants: graph.constants, slots, scalars: graph.scalars };
    compact(program)
}

/// The program of a graph without simplification, apart from `StopGradient`, which no program holds.
pub(super) fn verbatim(name: String, graph: Finished) -> Program {
    let (mut nodes, mut renamed) = (Vec::new(), Vec::<NodeId>::new());
    for node in graph.nodes {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| renamed[input.index()]).collect();
        if node.op == Op::StopGradient {
            renamed.push(inputs[0]);
        } else {
            renamed.push(NodeId(nodes.len() as u32));
            nodes.push(Node { inputs, ..node });
        }
    }
    let slots = redirected(graph.slots, &renamed);
    Program { name, nodes, constants: graph.constants, slots, scalars: graph.scalars }
}

/// The slots with the nodes they write under their new names.
fn redirected(mut slots: Vec<Slot>, renamed: &[NodeId]) -> Vec<Slot> {
    for slot in &mut slots {
        if let Role::State { next: id } | Role::Output { value: id } = &mut slot.role {
            *id = renamed[id.index()];
        }
    }
    slots
}

/// Drops the nodes that rewriting left unused, and the constants nobody reads.
fn compact(mut program: Program) -> Program {
    let live = reachable(&program.nodes, program.slots.iter().filter_map(|slot| slot.role.written()));
    let mut renamed = vec![NodeId(0); program.nodes.len()];
    let mut nodes = Vec::new();
    let (mut constants, mut moved) = (Vec::<Arc<[f32]>>::new(), HashMap::new());
    for (index, mut node) in std::mem::take(&mut program.nodes).into_iter().enumerate() {
        if !live[index] {
            continue;
        }
        for input in &mut node.inputs {
            *input = renamed[input.index()];
        }
        if let Op::Constant { index } = &mut node.op {
            *index = *moved.entry(*index).or_insert_with(|| {
                constants.push(program.constants[*index as usize].clone());
                constants.len() as u32 - 1
            });
        }
        renamed[index] = NodeId(nodes.len() as u32);
        nodes.push(node);
    }
    let slots = redirected(program.slots, &renamed);
    Program { nodes, constants, slots, ..program }
}

fn reachable(nodes: &[Node], roots: impl Iterator<Item = NodeId>) -> Vec<bool> {
    let mut live = vec![false; nodes.len()];
    for root in roots {
        live[root.index()] = true;
    }
    for index in (0..nodes.len()).rev() {
        if live[index] {
            for input in &nodes[index].inputs {
                live[input.index()] = true;
            }
        }
    }
    live
}

struct Rewriter {
    nodes: Vec<Node>,
    known: HashMap<Node, NodeId>,
}

impl Rewriter {
    /// The node that stands for `node`: an equal one, a simpler one, or a new one.
    fn add(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.simplified(&node) {
            return id;
        }
        let next = NodeId(self.nodes.len() as u32);
        let id = *self.known.entry(node.clone()).or_insert(next);
        if id == next {
            self.nodes.push(node);
        }
        id
    }

    fn make(&mut self, op: Op, inputs: Vec<NodeId>, shape: Shape) -> NodeId {
        self.add(Node { op, inputs, shape, kind: Kind::F32 })
    }

    fn pair(&mut self, function: Binary, [a, b]: [NodeId; 2], shape: Shape) -> NodeId {
        self.make(Op::Binary(function), vec![a, b], shape)
    }

    fn neg(&mut self, x: NodeId, shape: Shape) -> NodeId {
        self.make(Op::Unary(Unary::Neg), vec![x], shape)
    }

    fn expand(&mut self, x: NodeId, shape: Shape) -> NodeId {
        self.make(Op::Expand, vec![x], shape)
    }

    /// Over no axes it is `x` itself.
    fn reduce(&mut self, reduce: Reduce, axes: Vec<u32>, x: NodeId, shape: Shape) -> NodeId {
        self.make(Op::Reduce { reduce, axes }, vec![x], shape)
    }

    fn fill(&mut self, value: f64, shape: Shape) -> NodeId {
        self.make(Op::Fill { value: Bits::from(value) }, Vec::new(), shape)
    }

    fn get(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    fn filled(&self, id: NodeId) -> Option<f64> {
        match self.get(id).op {
            Op::Fill { value } => Some(value.value()),
            _ => None,
        }
    }

    fn simplified(&mut self, node: &Node) -> Option<NodeId> {
        match &node.op {
            Op::StopGradient => Some(node.inputs[0]),
            Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select => {
                self.folded(node).or_else(|| self.algebra(node)).or_else(|| self.before_expand(node))
            }
            Op::Reduce { reduce, axes } => self.reduction(node, *reduce, axes),
            Op::Reshape
            | Op::Permute { .. }
            | Op::Expand
            | Op::Flip { .. }
            | Op::Slice { .. }
            | Op::Pad { .. }
            | Op::Concat { .. } => self.movement(node),
            _ => None,
        }
    }

    /// Element-wise functions of constants.
    fn folded(&mut self, node: &Node) -> Option<NodeId> {
        let values = node.inputs.iter().map(|&input| self.filled(input)).collect::<Option<Vec<f64>>>()?;
        let value = match (&node.op, &values[..]) {
            (Op::Unary(function), &[x]) => function.of(x),
            (Op::Binary(function), &[a, b]) => function.of(a, b),
            (Op::Compare(compare), &[a, b]) => f64::from(u8::from(compare.of(a, b))),
            (Op::Select, &[mask, a, b]) => {
                if mask != 0.0 {
                    a
                } else {
                    b
                }
            }
            _ => return None,
        };
        value.is_finite().then(|| self.fill(value, node.shape))
    }

    fn algebra(&mut self, node: &Node) -> Option<NodeId> {
        match node.op {
            Op::Unary(Unary::Neg) => self.undo(node, Unary::Neg),
            Op::Unary(Unary::Recip) => self.undo(node, Unary::Recip),
            Op::Binary(function) => self.binary(function, node),
            Op::Select => match (self.filled(node.inputs[0]), node.inputs[1] == node.inputs[2]) {
                (_, true) => Some(node.inputs[1]),
                (Some(mask), _) => Some(node.inputs[if mask != 0.0 { 1 } else { 2 }]),
                _ => None,
            },
            _ => None,
        }
    }

    /// f(f(x)) = x.
    fn undo(&self, node: &Node, function: Unary) -> Option<NodeId> {
        let inner = self.get(node.inputs[0]);
        (inner.op == Op::Unary(function)).then(|| inner.inputs[0])
    }

    fn negated(&self, id: NodeId) -> Option<NodeId> {
        let node = self.get(id);
        (node.op == Op::Unary(Unary::Neg)).then(|| node.inputs[0])
    }

    fn binary(&mut self, function: Binary, node: &Node) -> Option<NodeId> {
        let (a, b) = (node.inputs[0], node.inputs[1]);
        let shape = node.shape;
        match (function, self.filled(a), self.filled(b)) {
            (Binary::Add | Binary::Sub, _, Some(0.0)) | (Binary::Mul | Binary::Div, _, Some(1.0)) => return Some(a),
            (Binary::Add, Some(0.0), _) | (Binary::Mul, Some(1.0), _) => return Some(b),
            (Binary::Sub, Some(0.0), _) | (Binary::Mul, Some(-1.0), _) => {
                return Some(self.neg(b, shape));
            }
            (Binary::Mul | Binary::Div, _, Some(-1.0)) => {
                return Some(self.neg(a, shape));
            }
            (Binary::Mul | Binary::Div, Some(0.0), _) | (Binary::Mul, _, Some(0.0)) => {
                return Some(self.fill(0.0, shape));
            }
            _ => {}
        }
        match (function, self.negated(a), self.negated(b)) {
            (Binary::Add, _, Some(b)) => Some(self.pair(Binary::Sub, [a, b], shape)),
            (Binary::Add, Some(a), _) => Some(self.pair(Binary::Sub, [b, a], shape)),
            (Binary::Sub, _, Some(b)) => Some(self.pair(Binary::Add, [a, b], shape)),
            (Binary::Mul | Binary::Div, Some(a), Some(b)) => Some(self.pair(function, [a, b], shape)),
            // Operands of commutative functions in one order (constants last), so that equal values meet.
            (Binary::Add | Binary::Mul | Binary::Max, ..) if self.rank(a) > self.rank(b) => {
                Some(self.pair(function, [b, a], shape))
            }
            (Binary::Add | Binary::Sub | Binary::Mul, ..) => self.joined(function, [a, b], shape),
            _ => None,
        }
    }

    fn rank(&self, id: NodeId) -> (bool, NodeId) {
        (self.filled(id).is_some(), id)
    }

    /// f(expand x, expand y) = expand f(x, y) where x and y have one shape: less work.
    fn before_expand(&mut self, node: &Node) -> Option<NodeId> {
        let mut small = None;
        for &input in &node.inputs {
            let operand = self.get(input);
            match operand.op {
                Op::Fill { .. } => {}
                Op::Expand => {
                    let shape = self.get(operand.inputs[0]).shape;
                    if *small.get_or_insert(shape) != shape {
                        return None;
                    }
                }
                _ => return None,
            }
        }
        let small = small?;
        let inputs = node.inputs.clone().into_iter().map(|input| match self.filled(input) {
            Some(value) => self.fill(value, small),
            None => self.get(input).inputs[0],
        });
        let inputs = inputs.collect();
        let inner = self.make(node.op.clone(), inputs, small);
        Some(self.expand(inner, node.shape))
    }

    fn reduction(&mut self, node: &Node, reduce: Reduce, axes: &[u32]) -> Option<NodeId> {
        let input = node.inputs[0];
        let operand = self.get(input).clone();
        let count: usize = axes.iter().map(|&axis| operand.shape.dim(axis as usize)).product();
        if let Some(value) = self.filled(input) {
            let total = if reduce == Reduce::Sum { value * count as f64 } else { value };
            return Some(self.fill(total, node.shape));
        }
        let (ones, rest): (Vec<u32>, Vec<u32>) = axes.iter().partition(|&&axis| operand.shape.dim(axis as usize) == 1);
        if rest.is_empty() {
            return Some(input);
        }
        if !ones.is_empty() {
            return Some(self.reduce(reduce, rest, input, node.shape));
        }
        match operand.op {
            Op::Reduce { reduce: inner, axes: more } if inner == reduce => {
                let axes: SortedSet<u32> = axes.iter().chain(&more).copied().collect();
                let axes = axes.into_iter().collect();
                Some(self.make(Op::Reduce { reduce, axes }, operand.inputs, node.shape))
            }
            Op::Expand => self.reduced_expand(node, reduce, axes, operand.inputs[0]),
            _ if reduce == Reduce::Sum => self.factored(node, axes),
            _ => None,
        }
    }

    /// A reduction over axes along which every element is the same.
    fn reduced_expand(&mut self, node: &Node, reduce: Reduce, axes: &[u32], small: NodeId) -> Option<NodeId> {
        let full = self.get(node.inputs[0]).shape;
        let from = self.get(small).shape;
        let (repeated, rest): (Vec<u32>, Vec<u32>) = axes.iter().partition(|&&axis| from.dim(axis as usize) == 1);
        if repeated.is_empty() {
            return None;
        }
        let count: usize = repeated.iter().map(|&axis| full.dim(axis as usize)).product();
        let partial = repeated.iter().fold(full, |shape, &axis| shape.with(axis as usize, 1));
        let mut value = small;
        if reduce == Reduce::Sum {
            let factor = self.fill(count as f64, from);
            value = self.pair(Binary::Mul, [small, factor], from);
        }
        let value = self.expand(value, partial);
        Some(self.reduce(reduce, rest, value, node.shape))
    }

    fn movement(&mut self, node: &Node) -> Option<NodeId> {
        let input = node.inputs[0];
        let operand = self.get(input).clone();
        // Padding is the one movement that brings in new elements.
        let same = node.inputs.iter().all(|&other| self.filled(other) == self.filled(input));
        if let (Some(value), true) = (self.filled(input), same)
            && (value == 0.0 || !matches!(node.op, Op::Pad { .. }))
        {
            return Some(self.fill(value, node.shape));
        }
        let keeps_order = matches!(node.op, Op::Reshape | Op::Expand | Op::Slice { .. } | Op::Pad { .. });
        if keeps_order && operand.shape == node.shape || node.inputs.len() == 1 && matches!(node.op, Op::Concat { .. })
        {
            return Some(input);
        }
        match (&node.op, &operand.op) {
            (Op::Reshape, Op::Reshape) | (Op::Expand, Op::Expand) => {
                Some(self.make(node.op.clone(), operand.inputs, node.shape))
            }
            (Op::Permute { axes }, _) if axes.iter().copied().eq(0..axes.len() as u32) => Some(input),
            (Op::Permute { axes }, Op::Permute { axes: inner }) => {
                let axes = axes.iter().map(|&axis| inner[axis as usize]).collect();
                Some(self.make(Op::Permute { axes }, operand.inputs, node.shape))
            }
            (Op::Flip { axes }, _) if axes.iter().any(|&axis| node.shape.dim(axis as usize) <= 1) => {
                let axes: Vec<u32> = axes.iter().copied().filter(|&axis| node.shape.dim(axis as usize) > 1).collect();
                if axes.is_empty() { Some(input) } else { Some(self.make(Op::Flip { axes }, vec![input], node.shape)) }
            }
            (Op::Flip { axes }, Op::Flip { axes: inner }) if axes == inner => Some(operand.inputs[0]),
            (Op::Slice { start, step }, Op::Slice { start: inner, step: by }) => {
                let start = start.iter().zip(inner.iter().zip(by)).map(|(s, (i, b))| i + s * b).collect();
                let step = step.iter().zip(by).map(|(s, b)| s * b).collect();
                Some(self.make(Op::Slice { start, step }, operand.inputs, node.shape))
            }
            (Op::Slice { start, step }, Op::Concat { axis }) => {
                self.slice_of_concat(node, start, step, *axis, &operand)
            }
            _ => None,
        }
    }

    /// A slice that lies within one part of a concatenation is a slice of that part.
    fn slice_of_concat(
        &mut self,
        node: &Node,
        start: &[u32],
        step: &[u32],
        axis: u32,
        concat: &Node,
    ) -> Option<NodeId> {
        let axis = axis as usize;
        let len = node.shape.dim(axis);
        let (first, last) = (start[axis] as usize, start[axis] as usize + len.checked_sub(1)? * step[axis] as usize);
        let mut begin = 0;
        for &part in &concat.inputs {
            let size = self.get(part).shape.dim(axis);
            if first >= begin && last < begin + size {
                let mut start = start.to_vec();
                start[axis] -= begin as u32;
                return Some(self.make(Op::Slice { start, step: step.to_vec() }, vec![part], node.shape));
            }
            begin += size;
        }
        None
    }
}

#[cfg(test)]
mod tests;
