//! Rules about operands that repeat (a number, or a value expanded along some axes): they meet each other while they are
//! small, and leave sums of what they were multiplied with. Gradients of normalisation are full of them.

use super::Rewriter;
use crate::{
    graph::{Binary, Node, NodeId, Op, Reduce, Unary},
    shape::Shape,
};

impl Rewriter {
    /// `(x * k) * l = x * (k * l)`, and likewise for sums, where k and l repeat. `x - k` is left alone: who subtracts a
    /// maximum or a mean first wants the rest to round less.
    pub(super) fn joined(&mut self, function: Binary, operands: [NodeId; 2], full: Shape) -> Option<NodeId> {
        let (inner, l, l_first) = self.split(operands)?;
        let Node { op: Op::Binary(within), inputs, .. } = self.get(inner) else { return None };
        let within = *within;
        let (x, k, _) = self.split([inputs[0], inputs[1]])?;
        let turned = function == Binary::Sub && l_first;
        match (function, within) {
            (Binary::Mul, Binary::Mul) | (Binary::Add | Binary::Sub, Binary::Add) => {}
            _ => return None,
        }
        let joined = self.small(function, if turned { [l, k] } else { [k, l] }, full)?;
        Some(if turned { self.pair(function, [joined, x], full) } else { self.pair(within, [x, joined], full) })
    }

    /// The operand that repeats, after the other one; and whether it stood first.
    fn split(&self, [a, b]: [NodeId; 2]) -> Option<(NodeId, NodeId, bool)> {
        if self.repeated(b).is_some() { Some((a, b, false)) } else { self.repeated(a).map(|_| (b, a, true)) }
    }

    /// The shape of which a value is a repetition.
    fn repeated(&self, id: NodeId) -> Option<Shape> {
        let node = self.get(id);
        match node.op {
            Op::Fill { .. } => Some((0..node.shape.rank()).fold(node.shape, |shape, axis| shape.with(axis, 1))),
            Op::Expand => Some(self.get(node.inputs[0]).shape),
            _ => None,
        }
    }

    /// What repeats, as a value of a smaller shape.
    fn shrunk(&mut self, id: NodeId, shape: Shape) -> NodeId {
        match self.filled(id) {
            Some(value) => self.fill(value, shape),
            None => self.expand(self.get(id).inputs[0], shape),
        }
    }

    /// A function of two values that repeat, computed before they do; `None` if that is hardly less work.
    fn small(&mut self, function: Binary, [a, b]: [NodeId; 2], full: Shape) -> Option<NodeId> {
        let shape = self.repeated(a)?.broadcast(self.repeated(b)?)?;
        let numbers = self.filled(a).is_some() && self.filled(b).is_some();
        if !numbers && shape.elements() * 2 > full.elements() {
            return None;
        }
        let operands = [self.shrunk(a, shape), self.shrunk(b, shape)];
        let value = self.pair(function, operands, shape);
        Some(self.expand(value, full))
    }

    /// `sum (k * x) = k * sum x`: factors and signs leave the sum over axes along which they are the same.
    pub(super) fn factored(&mut self, node: &Node, axes: &[u32]) -> Option<NodeId> {
        let product = self.product(node.inputs[0]);
        let same = product.factors.iter().map(|&factor| self.same_along(factor, axes));
        let signs = if product.negative { axes.to_vec() } else { Vec::new() };
        let along = same.chain([signs]).max_by_key(Vec::len).filter(|along| !along.is_empty())?;
        let full = self.get(node.inputs[0]).shape;
        let rest = left(axes, &along);
        let summed = along.iter().fold(full, |shape, &axis| shape.with(axis as usize, 1));
        if !rest.is_empty() && full.elements() < MANY * summed.elements() {
            return None;
        }
        let (leaving, staying): (Vec<NodeId>, Vec<NodeId>) =
            product.factors.iter().partition(|&&factor| self.same_along(factor, &along) == along);
        let inside = product.others.into_iter().chain(staying);
        let inside = inside.reduce(|product, factor| self.pair(Binary::Mul, [product, factor], full))?;
        let mut value = self.reduce(Reduce::Sum, along, inside, summed);
        for factor in leaving {
            let factor = self.shrunk(factor, summed);
            value = self.pair(Binary::Mul, [value, factor], summed);
        }
        if product.negative {
            value = self.neg(value, summed);
        }
        Some(self.reduce(Reduce::Sum, rest, value, node.shape))
    }

    /// A value as a product, two levels deep.
    fn product(&self, id: NodeId) -> Product {
        let mut product = Product { negative: false, factors: Vec::new(), others: Vec::new() };
        let inner = self.peeled(id, &mut product);
        let operands = match self.get(inner) {
            Node { op: Op::Binary(Binary::Mul), inputs, .. } => &inputs[..],
            _ => &[inner],
        };
        for &operand in operands {
            let other = self.peeled(operand, &mut product);
            product.others.push(other);
        }
        product
    }

    /// A value without the factors and signs around it.
    fn peeled(&self, mut id: NodeId, product: &mut Product) -> NodeId {
        loop {
            let node = self.get(id);
            match (&node.op, &node.inputs[..]) {
                (Op::Unary(Unary::Neg), &[x]) => {
                    product.negative = !product.negative;
                    id = x;
                }
                (Op::Binary(Binary::Mul), &[a, b]) => {
                    let Some((x, factor, _)) = self.split([a, b]) else { return id };
                    product.factors.push(factor);
                    id = x;
                }
                _ => return id,
            }
        }
    }

    /// Those of the axes along which a value that repeats is the same.
    fn same_along(&self, id: NodeId, axes: &[u32]) -> Vec<u32> {
        let Some(shape) = self.repeated(id) else { return Vec::new() };
        axes.iter().copied().filter(|&axis| shape.dim(axis as usize) == 1).collect()
    }
}

/// How many elements a sum must take away for another to follow it.
const MANY: usize = 16;

/// Factors that repeat, and others.
struct Product {
    negative: bool,
    factors: Vec<NodeId>,
    others: Vec<NodeId>,
}

/// The axes without some of them.
fn left(axes: &[u32], some: &[u32]) -> Vec<u32> {
    axes.iter().copied().filter(|axis| !some.contains(axis)).collect()
}
