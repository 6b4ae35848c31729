//! Reverse-mode differentiation: the derivative of a graph is more graph, over the same primitives.

use std::collections::HashMap;

use super::{Binary, Graph, Kind, Node, NodeId, Op, Reduce, Tensor, Unary};
use crate::{shape::Shape, sorted::insert_by_key};

/// A term of a derivative that is being summed.
enum Term<'g> {
    /// For the whole value.
    Whole(Tensor<'g>),
    /// For elements `start ..` of one axis; zero elsewhere. Kept apart so that the gradients of the disjoint slices
    /// of a parameter vector become one `concat`.
    Part { axis: usize, start: usize, value: Tensor<'g> },
}

impl Graph {
    /// The derivatives of the sum of `loss` with respect to each of `wrt`, of their shapes. A value that `loss` does
    /// not depend on has derivative zero. May be applied to its own results.
    #[track_caller]
    pub fn grad<'g>(&'g self, loss: Tensor<'g>, wrt: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        self.vjp(&[(loss, self.fill(1.0, loss.shape()))], wrt)
    }

    /// The derivatives of `sum_i <cotangent_i, output_i>` with respect to each of `wrt`, the cotangents held constant.
    #[track_caller]
    pub fn vjp<'g>(&'g self, outputs: &[(Tensor<'g>, Tensor<'g>)], wrt: &[Tensor<'g>]) -> Vec<Tensor<'g>> {
        let last = outputs.iter().map(|(output, _)| output.id).max().unwrap_or(NodeId(0));
        let needed = self.depends_on(wrt, last);
        let mut terms: HashMap<NodeId, Vec<Term<'g>>> = HashMap::new();
        for &(output, cotangent) in outputs {
            if output.shape() != cotangent.shape() {
                self.fail(format!("a cotangent of shape {} for {}", cotangent.shape(), output.shape()), output.shape());
            } else if needed[output.id.index()] {
                terms.entry(output.id).or_default().push(Term::Whole(cotangent));
            }
        }
        let mut found: HashMap<NodeId, Tensor<'g>> = HashMap::new();
        for index in (0..=last.index()).rev() {
            let id = NodeId(index as u32);
            let Some(list) = terms.remove(&id) else { continue };
            let node = self.node_of(id);
            let total = self.total(list, node.shape);
            found.insert(id, total);
            for (input, term) in self.pull_back(&node, id, total, &needed) {
                terms.entry(input).or_default().push(term);
            }
        }
        let zero = |x: &Tensor<'g>| self.fill(0.0, x.shape());
        wrt.iter().map(|x| found.get(&x.id).copied().unwrap_or_else(|| zero(x))).collect()
    }

    /// For nodes up to `last`: whether a derivative has to pass through them on the way to `wrt`.
    fn depends_on(&self, wrt: &[Tensor<'_>], last: NodeId) -> Vec<bool> {
        let inner = self.inner.borrow();
        let mut needed = vec![false; last.index() + 1];
        for index in 0..=last.index() {
            let node = &inner.nodes[index];
            let passes = !matches!(node.op, Op::StopGradient | Op::Compare(_)) && node.kind == Kind::F32;
            needed[index] = wrt.iter().any(|x| x.id.index() == index)
                || passes && node.inputs.iter().any(|input| needed[input.index()]);
        }
        needed
    }

    /// The sum of the terms of one derivative.
    fn total<'g>(&'g self, terms: Vec<Term<'g>>, shape: Shape) -> Tensor<'g> {
        let (mut whole, mut parts) = (Vec::new(), Vec::new());
        for term in terms {
            match term {
                Term::Whole(value) => whole.push(value),
                Term::Part { axis, start, value } => {
                    insert_by_key(&mut parts, (axis, start, value), |part| (part.0, part.1));
                }
            }
        }
        let disjoint = parts.windows(2).all(|pair| {
            let ((axis, start, value), (next_axis, next_start, _)) = (pair[0], pair[1]);
            axis == next_axis && start + value.dim(axis) <= next_start
        });
        if disjoint && !parts.is_empty() {
            whole.push(self.join(&parts, shape));
        } else {
            whole.extend(parts.iter().map(|part| self.join(std::slice::from_ref(part), shape)));
        }
        whole.into_iter().reduce(|sum, value| sum + value).unwrap_or_else(|| self.fill(0.0, shape))
    }

    /// Disjoint parts along one axis, sorted, with zeros between them.
    fn join<'g>(&'g self, parts: &[(usize, usize, Tensor<'g>)], shape: Shape) -> Tensor<'g> {
        let axis = parts[0].0;
        let (mut pieces, mut end) = (Vec::new(), 0);
        for &(_, start, value) in parts {
            if start > end {
                pieces.push(self.fill(0.0, shape.with(axis, start - end)));
            }
            pieces.push(value);
            end = start + value.dim(axis);
        }
        if end < shape.dim(axis) {
            pieces.push(self.fill(0.0, shape.with(axis, shape.dim(axis) - end)));
        }
        Tensor::concat(&pieces, axis)
    }

    /// The terms that derivative `g` of node `id` contributes to the operands that need one.
    fn pull_back<'g>(&'g self, node: &Node, id: NodeId, g: Tensor<'g>, needed: &[bool]) -> Vec<(NodeId, Term<'g>)> {
        let y = Tensor { graph: self, id };
        let x = |index: usize| Tensor { graph: self, id: node.inputs[index] };
        let mut terms = Vec::new();
        for (index, &input) in node.inputs.iter().enumerate() {
            if !needed[input.index()] {
                continue;
            }
            let term = match &node.op {
                Op::Slice { start, step } => slice_term(g, x(0), start, step),
                op => derivative(op, index, g, y, &x).map(Term::Whole),
            };
            terms.extend(term.map(|term| (input, term)));
        }
        terms
    }
}

fn slice_term<'g>(g: Tensor<'g>, x: Tensor<'g>, start: &[u32], step: &[u32]) -> Option<Term<'g>> {
    let narrowed: Vec<usize> = (0..x.rank()).filter(|&axis| g.dim(axis) != x.dim(axis)).collect();
    match narrowed[..] {
        [axis] if step.iter().all(|&s| s == 1) => Some(Term::Part { axis, start: start[axis] as usize, value: g }),
        _ => {
            let low: Vec<usize> = start.iter().map(|&s| s as usize).collect();
            let interior: Vec<usize> = step.iter().map(|&s| s as usize - 1).collect();
            Some(Term::Whole(g.pad(&low, &interior, x.shape())))
        }
    }
}

/// The derivative with respect to operand `index` of an operation with result `y`, given the derivative `g` with
/// respect to y. `None` if none passes.
fn derivative<'g>(
    op: &Op,
    index: usize,
    g: Tensor<'g>,
    y: Tensor<'g>,
    x: &dyn Fn(usize) -> Tensor<'g>,
) -> Option<Tensor<'g>> {
    Some(match op {
        Op::Unary(function) => return unary(*function, g, y, x(0)),
        Op::Binary(function) => return binary(*function, index, g, y, x(0), x(1)),
        Op::Select => match index {
            1 => x(0).select(g, g.number(0.0)),
            2 => x(0).select(g.number(0.0), g),
            _ => return None,
        },
        Op::Reshape => g.reshape(x(0).shape()),
        Op::Permute { axes } => g.permute(&inverse(axes)),
        Op::Expand => {
            let from = x(0).shape();
            let axes: Vec<usize> = (0..from.rank()).filter(|&axis| from.dim(axis) != g.dim(axis)).collect();
            g.sum_keep(&axes)
        }
        Op::Concat { axis } => {
            let start = (0..index).map(|before| x(before).dim(*axis as usize)).sum();
            g.narrow(*axis as usize, start, x(index).dim(*axis as usize))
        }
        Op::Flip { axes } => g.flip(&axes.iter().map(|&axis| axis as usize).collect::<Vec<_>>()),
        Op::Pad { low, interior } => {
            let start: Vec<usize> = low.iter().map(|&l| l as usize).collect();
            let step: Vec<usize> = interior.iter().map(|&i| i as usize + 1).collect();
            g.slice(&start, &step, x(0).shape())
        }
        Op::Reduce { reduce: Reduce::Sum, .. } => g.expand(x(0).shape()),
        Op::Reduce { reduce: Reduce::Max, axes } => {
            let axes: Vec<usize> = axes.iter().map(|&axis| axis as usize).collect();
            let mask = x(0).equal(y.expand(x(0).shape()));
            mask * (g / mask.sum_keep(&axes))
        }
        Op::Matmul { ta, tb } => matmul(index, g, x(0), *ta, x(1), *tb),
        Op::Conv2d(conv) => match index {
            0 => g.conv2d_input_grad(x(1), *conv, (x(0).dim(2), x(0).dim(3))),
            _ => x(0).conv2d_weight_grad(g, *conv, (x(1).dim(2), x(1).dim(3))),
        },
        Op::Conv2dInputGrad(conv) => match index {
            0 => g.conv2d(x(1), *conv),
            _ => g.conv2d_weight_grad(x(0), *conv, (x(1).dim(2), x(1).dim(3))),
        },
        Op::Conv2dWeightGrad(conv) => match index {
            0 => x(1).conv2d_input_grad(g, *conv, (x(0).dim(2), x(0).dim(3))),
            _ => x(0).conv2d(g, *conv),
        },
        Op::Sample2d { border } if index == 0 => g.sample2d_transpose(x(1), (x(0).dim(2), x(0).dim(3)), *border),
        Op::Sample2dTranspose { border } if index == 0 => g.sample2d(x(1), (x(0).dim(2), x(0).dim(3)), *border),
        Op::Take => g.take_transpose(x(1), x(0).dim(0)),
        Op::TakeTranspose => g.take(x(1)),
        Op::SolveSpd => {
            let back = x(0).solve_spd(g);
            if index == 1 {
                return Some(back);
            }
            let outer = back.matmul_t(false, y, true);
            (outer + outer.transpose()) * -0.5
        }
        Op::Slot { .. }
        | Op::Scalar { .. }
        | Op::Fill { .. }
        | Op::Constant { .. }
        | Op::Iota { .. }
        | Op::Random { .. }
        | Op::Compare(_)
        | Op::StopGradient
        | Op::Slice { .. }
        | Op::Sample2d { .. }
        | Op::Sample2dTranspose { .. } => return None,
    })
}

fn unary<'g>(function: Unary, g: Tensor<'g>, y: Tensor<'g>, x: Tensor<'g>) -> Option<Tensor<'g>> {
    Some(match function {
        Unary::Neg => -g,
        Unary::Exp => g * y,
        Unary::Log => g / x,
        Unary::Sin => g * x.cos(),
        Unary::Cos => -(g * x.sin()),
        Unary::Sqrt => g * 0.5 / y,
        Unary::Tanh => g * (1.0 - y * y),
        Unary::Recip => -(g * y * y),
        Unary::Floor => return None,
    })
}

fn binary<'g>(
    function: Binary,
    index: usize,
    g: Tensor<'g>,
    y: Tensor<'g>,
    a: Tensor<'g>,
    b: Tensor<'g>,
) -> Option<Tensor<'g>> {
    Some(match (function, index) {
        (Binary::Add, _) | (Binary::Sub, 0) => g,
        (Binary::Sub, _) => -g,
        // A square has one term, not two equal ones.
        (Binary::Mul, index) if a.id == b.id => return (index == 0).then(|| g * a * 2.0),
        (Binary::Mul, 0) => g * b,
        (Binary::Mul, _) => g * a,
        (Binary::Div, 0) => g / b,
        (Binary::Div, _) => -(g * y / b),
        (Binary::Max, index) => {
            let (this, other) = if index == 0 { (a, b) } else { (b, a) };
            g * (this.gt(other) + this.equal(other) * 0.5)
        }
    })
}

/// With A' = A or its transpose and B' likewise: dA' = g B'^T and dB' = A'^T g, written as one product each.
#[expect(clippy::fn_params_excessive_bools, reason = "one flag a side, as in BLAS")]
fn matmul<'g>(index: usize, g: Tensor<'g>, a: Tensor<'g>, ta: bool, b: Tensor<'g>, tb: bool) -> Tensor<'g> {
    match (index, ta, tb) {
        (0, false, _) => g.matmul_t(false, b, !tb),
        (0, true, _) => b.matmul_t(tb, g, true),
        (_, _, false) => a.matmul_t(!ta, g, false),
        (_, _, true) => g.matmul_t(true, a, ta),
    }
}

/// The order that undoes a permutation.
pub(crate) fn inverse(axes: &[u32]) -> Vec<usize> {
    let mut inverse = vec![0; axes.len()];
    for (to, &from) in axes.iter().enumerate() {
        inverse[from as usize] = to;
    }
    inverse
}
