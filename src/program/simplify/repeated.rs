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
        let (function, inputs) = match (function, within, l_first) {
            (Binary::Mul, Binary::Mul, _) => (Binary::Mul, vec![x, self.small(Binary::Mul, [k, l], full)?]),
            (Binary::Add, Binary::Add, _) => (Binary::Add, vec![x, self.small(Binary::Add, [k, l], full)?]),
            (Binary::Sub, Binary::Add, false) => (Binary::Add, vec![x, self.small(Binary::Sub, [k, l], full)?]),
            (Binary::Sub, Binary::Add, true) => (Binary::Sub, vec![self.small(Binary::Sub, [l, k], full)?, x]),
            _ => return None,
        };
        Some(self.make(Op::Binary(function), inputs, full))
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
            None => self.make(Op::Expand, vec![self.get(id).inputs[0]], shape),
        }
    }

    /// A function of two values that repeat, computed before they do; `None` if that is hardly less work.
    fn small(&mut self, function: Binary, [a, b]: [NodeId; 2], full: Shape) -> Option<NodeId> {
        let shape = self.repeated(a)?.broadcast(self.repeated(b)?)?;
        let numbers = self.filled(a).is_some() && self.filled(b).is_some();
        if !numbers && shape.elements() * 2 > full.elements() {
            return None;
        }
        let operands = vec![self.shrunk(a, shape), self.shrunk(b, shape)];
        let value = self.make(Op::Binary(function), operands, shape);
        Some(self.make(Op::Expand, vec![value], full))
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
        let mul = Op::Binary(Binary::Mul);
        let (leaving, staying): (Vec<NodeId>, Vec<NodeId>) =
            product.factors.iter().partition(|&&factor| self.same_along(factor, &along) == along);
        let inside = product.others.into_iter().chain(staying);
        let inside = inside.reduce(|product, factor| self.make(mul.clone(), vec![product, factor], full))?;
        let mut value = self.make(Op::Reduce { reduce: Reduce::Sum, axes: along }, vec![inside], summed);
        for factor in leaving {
            let factor = self.shrunk(factor, summed);
            value = self.make(mul.clone(), vec![value, factor], summed);
        }
        if product.negative {
            value = self.make(Op::Unary(Unary::Neg), vec![value], summed);
        }
        Some(self.summed(value, rest, node.shape))
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

    /// A sum that is done but for these axes.
    fn summed(&mut self, value: NodeId, rest: Vec<u32>, shape: Shape) -> NodeId {
        if rest.is_empty() {
            return value;
        }
        self.make(Op::Reduce { reduce: Reduce::Sum, axes: rest }, vec![value], shape)
    }

    /// `sum (x + k) = sum x + count * k` over axes along which k is the same, if that sum of x is needed anyway: by itself
    /// it may round more.
    pub(super) fn known_sum(&mut self, node: &Node, axes: &[u32]) -> Option<NodeId> {
        let Node { op: Op::Binary(Binary::Add), inputs, shape: full, .. } = self.get(node.inputs[0]) else {
            return None;
        };
        let full = *full;
        let (x, k, _) = self.split([inputs[0], inputs[1]])?;
        let along = self.same_along(k, axes);
        let rest = left(axes, &along);
        let summed = along.iter().fold(full, |shape, &axis| shape.with(axis as usize, 1));
        let sum = Op::Reduce { reduce: Reduce::Sum, axes: along };
        let known = *self.known.get(&Node { op: sum, inputs: vec![x], shape: summed, kind: node.kind })?;
        let count = self.fill((full.elements() / summed.elements().max(1)) as f64, summed);
        let k = self.shrunk(k, summed);
        let added = self.make(Op::Binary(Binary::Mul), vec![k, count], summed);
        let value = self.make(Op::Binary(Binary::Add), vec![known, added], summed);
        Some(self.summed(value, rest, node.shape))
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
