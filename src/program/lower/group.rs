//! Which nodes share a kernel.
//!
//! Values that must be in memory are found first: what contractions read and write, and what slots are given. For each,
//! in the program's order, a kernel is drafted that computes it from values in memory, walking back from the result.
//! Cheap element-wise work is done again where it is needed rather than stored; what is small (the statistics of a row)
//! or dear (a cosine) is stored by the kernel that computes it first.

use super::view::{Axes, View};
use crate::{
    graph::{Binary, NodeId, Op, Unary},
    program::{Program, SingleOp},
    shape::Shape,
    sorted::{SortedMap, SortedSet},
};

/// The kernels of a program, in no order yet.
pub(super) struct Grouping<'p> {
    program: &'p Program,
    /// The most elements of one row of a kernel's body.
    longest_row: usize,
    pub(super) drafts: Vec<Draft>,
    /// The draft that writes a node to memory.
    pub(super) producer: Vec<Option<usize>>,
    /// The first draft that computes a node on the way.
    inside: Vec<Option<usize>>,
}

pub(super) enum Draft {
    /// A node by itself, and what its operands are: neighbouring elements of nodes in memory, from an offset on.
    Single {
        op: SingleOp,
        node: usize,
        operands: Vec<(usize, usize)>,
    },
    Fused(Body),
}

/// A fused kernel in the making.
#[derive(Clone)]
pub(super) struct Body {
    pub(super) shape: BodyShape,
    /// Nodes computed, all of them in the frame.
    pub(super) nodes: SortedSet<usize>,
    /// Nodes read, each as a view of a node in memory.
    pub(super) loads: SortedMap<usize, (usize, View)>,
    pub(super) outputs: SortedSet<usize>,
    /// Elements of the largest node.
    largest: usize,
}

/// What frames the nodes so far allow.
#[derive(Clone, PartialEq)]
pub(super) enum BodyShape {
    /// Into how many rows all nodes can be cut.
    Rows {
        counts: SortedSet<usize>,
    },
    Columns {
        rows: usize,
        columns: usize,
    },
}

impl Body {
    /// Elements of the largest node.
    pub(super) fn largest(&self) -> usize {
        self.largest
    }
}

/// Recomputing a node may cost this many simple operations an element, else it is stored.
const DEAR: usize = 16;

/// Only so many of the last kernels are tried when a new result looks for company: keeps planning linear.
const COMPANY: usize = 24;

/// Elements that take less time than starting a kernel.
const LITTLE: usize = 4096;

impl<'p> Grouping<'p> {
    pub(super) fn new(program: &'p Program, longest_row: usize) -> Grouping<'p> {
        let nodes = program.nodes().len();
        let mut grouping = Grouping {
            program,
            longest_row,
            drafts: Vec::new(),
            producer: vec![None; nodes],
            inside: vec![None; nodes],
        };
        let written: SortedSet<usize> =
            program.slots().iter().filter_map(|slot| slot.role.written()).map(NodeId::index).collect();
        for index in 0..nodes {
            if let Some(op) = SingleOp::of(&program.nodes()[index].op) {
                grouping.single(index, op);
            }
            if written.contains(&index) {
                grouping.store(index);
            }
        }
        grouping
    }

    fn shape(&self, node: usize) -> Shape {
        self.program.nodes()[node].shape
    }

    fn inputs(&self, node: usize) -> impl Iterator<Item = usize> + use<'p> {
        self.program.nodes()[node].inputs.iter().map(|id| id.index())
    }

    /// Whether a node's elements are in memory, or will be when a kernel asks for them.
    fn in_memory(&self, node: usize) -> bool {
        let op = &self.program.nodes()[node].op;
        matches!(op, Op::Slot { .. } | Op::Constant { .. } | Op::Iota { .. }) || self.producer[node].is_some()
    }

    /// The nearest node that this one is a view of: one in memory, or one that is computed.
    pub(super) fn look(&self, node: usize) -> (usize, Axes) {
        let (op, shape) = (&self.program.nodes()[node].op, self.shape(node));
        let whole = (node, Axes::whole(shape));
        if self.in_memory(node) || !is_movement(op) {
            return whole;
        }
        let (base, axes) = self.look(self.program.nodes()[node].inputs[0].index());
        axes.moved(op, shape).map_or(whole, |axes| (base, axes))
    }

    /// The number or scalar that every element of a node is.
    pub(super) fn uniform(&self, node: usize) -> Option<usize> {
        let mut node = node;
        while is_movement(&self.program.nodes()[node].op) {
            node = self.program.nodes()[node].inputs[0].index();
        }
        matches!(self.program.nodes()[node].op, Op::Fill { .. } | Op::Scalar { .. }).then_some(node)
    }

    /// A node with a kernel of its own.
    fn single(&mut self, node: usize, op: SingleOp) {
        let operands = self.inputs(node).map(|input| self.neighbours(input)).collect();
        self.producer[node] = Some(self.drafts.len());
        self.drafts.push(Draft::Single { op, node, operands });
    }

    /// Sees to it that a node can be read as neighbouring elements of something in memory, and tells of what, from where.
    fn neighbours(&mut self, node: usize) -> (usize, usize) {
        let (base, axes) = self.settle(node);
        let view = axes.merged();
        if view.is_contiguous() {
            return (base, view.offset);
        }
        self.store(node);
        (node, 0)
    }

    /// Sees to it that what a node is a view of is in memory, and gives the view.
    fn settle(&mut self, node: usize) -> (usize, Axes) {
        let (base, axes) = self.look(node);
        if self.in_memory(base) {
            return (base, axes);
        }
        if is_movement(&self.program.nodes()[base].op) {
            // A reshape that tears axes apart: once its operand lies in memory, it is that.
            self.store(self.program.nodes()[base].inputs[0].index());
        } else {
            self.store(base);
        }
        self.look(node)
    }

    /// Sees to it that a node is in memory itself.
    fn store(&mut self, node: usize) {
        if self.in_memory(node) {
            return;
        }
        match self.inside[node] {
            Some(draft) => self.keep(node, draft),
            None if is_movement(&self.program.nodes()[node].op) => self.copy(node),
            None => self.fuse(node),
        }
    }

    /// A kernel that only moves elements.
    fn copy(&mut self, node: usize) {
        let (base, axes) = self.settle(node);
        let shape = BodyShape::Rows { counts: prefixes(self.shape(node), usize::MAX) };
        let loads = SortedMap::from_iter([(node, (base, axes.merged()))]);
        let largest = self.shape(node).elements();
        let body = Body { shape, nodes: SortedSet::new(), loads, outputs: SortedSet::from_iter([node]), largest };
        self.producer[node] = Some(self.drafts.len());
        self.drafts.push(Draft::Fused(body));
    }

    /// A node that a draft computes on the way becomes one of its outputs.
    fn keep(&mut self, node: usize, draft: usize) {
        if let Draft::Fused(body) = &mut self.drafts[draft] {
            body.outputs.insert(node);
            self.producer[node] = Some(draft);
        }
    }

    /// Drafts the kernel of a result, and lets it join an earlier one if they read the same.
    fn fuse(&mut self, root: usize) {
        let (body, kept) = self.draft(root);
        let (place, body) = self.company(&body, &kept).unwrap_or((self.drafts.len(), body));
        for (node, draft) in kept.into_iter().filter(|&(_, draft)| draft != place) {
            self.keep(node, draft);
        }
        for &node in &body.nodes {
            self.inside[node].get_or_insert(place);
        }
        for &node in &body.outputs {
            self.producer[node] = Some(place);
        }
        if place == self.drafts.len() {
            self.drafts.push(Draft::Fused(body));
        } else {
            self.drafts[place] = Draft::Fused(body);
        }
    }

    /// Walks back from `root` to what is in memory. Also gives the nodes of earlier drafts that it would have kept.
    fn draft(&mut self, root: usize) -> (Body, Vec<(usize, usize)>) {
        let mut body = self.begin(root);
        let mut kept = Vec::new();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            for input in self.inputs(node).collect::<Vec<_>>() {
                if self.visit(&mut body, input, &mut kept) {
                    open.push(input);
                }
            }
        }
        (body, kept)
    }

    fn begin(&self, root: usize) -> Body {
        let shape = self.columns(root).unwrap_or_else(|| BodyShape::Rows { counts: self.counts(root) });
        Body {
            shape,
            nodes: SortedSet::from_iter([root]),
            loads: SortedMap::new(),
            outputs: SortedSet::from_iter([root]),
            largest: self.weight(root),
        }
    }

    /// Rows and columns, if a node reduces leading axes of something too large to be one row.
    fn columns(&self, node: usize) -> Option<BodyShape> {
        let Op::Reduce { axes, .. } = &self.program.nodes()[node].op else { return None };
        let whole = self.shape(self.program.nodes()[node].inputs[0].index());
        let reduced = |axis: usize| axes.contains(&(axis as u32));
        let inner = (0..whole.rank()).find(|&axis| whole.dim(axis) > 1 && !reduced(axis))?;
        let leading = (0..whole.rank()).all(|axis| whole.dim(axis) == 1 || reduced(axis) == (axis < inner));
        let columns = self.shape(node).elements();
        let rows = whole.elements() / columns.max(1);
        (leading && rows > 1 && whole.elements() > 512).then_some(BodyShape::Columns { rows, columns })
    }

    /// Elements of a node, or of what it reduces.
    fn weight(&self, node: usize) -> usize {
        let read = match self.program.nodes()[node].op {
            Op::Reduce { .. } | Op::Slice { .. } => self.inputs(node).map(|input| self.shape(input).elements()).max(),
            _ => None,
        };
        read.unwrap_or(0).max(self.shape(node).elements())
    }

    /// Decides how a body comes by a node: by a load, or by computing it, in which case its operands are next.
    fn visit(&mut self, body: &mut Body, node: usize, kept: &mut Vec<(usize, usize)>) -> bool {
        if body.nodes.contains(&node) || body.loads.contains_key(&node) || self.uniform(node).is_some() {
            return false;
        }
        let (base, axes) = self.look(node);
        if let (false, Some(draft)) = (self.in_memory(base), self.inside[base])
            && self.is_worth_keeping(base, body)
        {
            kept.push((base, draft));
            body.loads.insert(node, (base, axes.merged()));
            return false;
        }
        if !self.in_memory(base) && self.admit(body, node) {
            return true;
        }
        // Where the frame does not allow it, the node, or what it is a view of, gets a kernel of its own.
        let (base, axes) = self.settle(node);
        body.loads.insert(node, (base, axes.merged()));
        false
    }

    /// Whether an earlier draft should store a node rather than this body compute it again.
    fn is_worth_keeping(&self, node: usize, body: &Body) -> bool {
        self.is_small(node, body.largest) || self.price(node, body.largest, DEAR + 1) > DEAR
    }

    fn is_small(&self, node: usize, largest: usize) -> bool {
        4 * self.shape(node).elements() <= largest
    }

    /// Simple operations an element that computing a node from what is in memory takes, up to `most`. What is small
    /// beside `largest` can be kept in memory.
    fn price(&self, node: usize, largest: usize, most: usize) -> usize {
        let kept = self.inside[node].is_some() && self.is_small(node, largest);
        if kept || self.in_memory(node) || self.uniform(node).is_some() {
            return 0;
        }
        let mut price = match self.program.nodes()[node].op {
            Op::Reduce { .. } | Op::Random { .. } => return most,
            Op::Unary(Unary::Exp | Unary::Log | Unary::Sin | Unary::Cos | Unary::Tanh) => 12,
            Op::Unary(Unary::Sqrt | Unary::Recip) | Op::Binary(Binary::Div) => 4,
            ref op if is_movement(op) => 0,
            _ => 1,
        };
        for input in self.inputs(node) {
            if price >= most {
                return most;
            }
            price += self.price(input, largest, most - price);
        }
        price
    }

    /// Adds a node to a body, if its frame allows it.
    fn admit(&self, body: &mut Body, node: usize) -> bool {
        let op = &self.program.nodes()[node].op;
        let weight = self.weight(node);
        match &mut body.shape {
            BodyShape::Columns { rows, columns } => {
                let full = self.shape(node).elements() == *rows * *columns;
                let fits = full && (is_elementwise(op) || *op == Op::Reshape);
                if fits {
                    body.nodes.insert(node);
                }
                fits
            }
            BodyShape::Rows { counts } => {
                if SingleOp::of(op).is_some() {
                    return false;
                }
                let common: SortedSet<usize> = counts.common(&self.counts(node)).copied().collect();
                let Some(&most) = common.last() else { return false };
                let largest = body.largest.max(weight);
                // A root that reduces a long row is a kernel whatever its length; nothing else may make rows longer.
                let longest = self.longest_row.max(body.largest / counts.last().copied().unwrap_or(1).max(1));
                if largest / most.max(1) > longest {
                    return false;
                }
                (*counts, body.largest) = (common, largest);
                body.nodes.insert(node);
                true
            }
        }
    }

    /// Into how many rows a node and its operands can be cut so that each row depends on operands' rows of the same
    /// number.
    fn counts(&self, node: usize) -> SortedSet<usize> {
        let Some(&operand) = self.program.nodes()[node].inputs.first() else {
            return prefixes(self.shape(node), usize::MAX);
        };
        let (shape, operand) = (self.shape(node), self.shape(operand.index()));
        let first_changed = match &self.program.nodes()[node].op {
            Op::Reduce { axes, .. } | Op::Flip { axes } => axes.first().map_or(usize::MAX, |&axis| axis as usize),
            Op::Permute { axes } => (0..shape.rank()).find(|&axis| axes[axis] as usize != axis).unwrap_or(usize::MAX),
            Op::Expand => (0..shape.rank()).find(|&axis| shape.dim(axis) != operand.dim(axis)).unwrap_or(usize::MAX),
            Op::Slice { start, step } => {
                let changed = |axis: usize| start[axis] != 0 || step[axis] != 1 || shape.dim(axis) != operand.dim(axis);
                (0..shape.rank()).find(|&axis| changed(axis)).unwrap_or(usize::MAX)
            }
            Op::Reshape => {
                return prefixes(shape, usize::MAX).common(&prefixes(operand, usize::MAX)).copied().collect();
            }
            _ => usize::MAX,
        };
        prefixes(shape, first_changed)
    }

    /// An earlier kernel that a body can join: of the same frame, reading or computing the same large values, without
    /// anything in between that needs the earlier one done first.
    fn company(&self, body: &Body, kept: &[(usize, usize)]) -> Option<(usize, Body)> {
        let needs = body.loads.values().filter_map(|(base, _)| self.producer[*base]);
        let needs_first = self.before(needs.chain(kept.iter().map(|(_, draft)| *draft)).collect());
        let from = self.drafts.len().saturating_sub(COMPANY);
        (from..self.drafts.len()).rev().find_map(|place| {
            let Draft::Fused(other) = &self.drafts[place] else { return None };
            if needs_first.contains(&place) || !self.shares(body, other) {
                return None;
            }
            self.joined(body, other, place, kept).map(|joined| (place, joined))
        })
    }

    /// Whether two bodies have something in common that is as large as they are, or are small.
    fn shares(&self, body: &Body, other: &Body) -> bool {
        let large = |elements: usize| 2 * elements >= body.largest;
        let computed = body.nodes.common(&other.nodes).any(|&node| large(self.shape(node).elements()));
        let read = |(base, view): &&(usize, View)| {
            large(view.len()) && other.loads.values().any(|theirs| theirs.0 == *base && theirs.1 == *view)
        };
        let written =
            |(base, view): &&(usize, View)| large(view.len()) && view.is_contiguous() && other.outputs.contains(base);
        computed || is_little(body, other) || body.loads.values().any(|load| read(&load) || written(&load))
    }

    /// Both bodies as one, if a frame suits both.
    fn joined(&self, body: &Body, other: &Body, place: usize, kept: &[(usize, usize)]) -> Option<Body> {
        let mut joined = other.clone();
        joined.largest = body.largest.max(other.largest);
        match (&mut joined.shape, &body.shape) {
            (BodyShape::Rows { counts }, BodyShape::Rows { counts: own }) => {
                let common: SortedSet<usize> = counts.common(own).copied().collect();
                let (most, before) = (*common.last()?, (*counts.last()?).min(*own.last()?));
                let row = joined.largest / most;
                // Longer rows mean fewer parts for threads: only where there is little to do in all.
                if row > self.longest_row || (most < before && joined.largest > self.longest_row) {
                    return None;
                }
                *counts = common;
            }
            (ours, theirs) if ours == theirs => {}
            _ => return None,
        }
        for (&node, (base, view)) in body.loads.iter() {
            if other.loads.contains_key(&node) {
                continue;
            }
            let kept_here = kept.iter().any(|&(kept, draft)| kept == *base && draft == place);
            if kept_here || self.producer[*base] == Some(place) {
                // What the other computes is there already, if it is read as it stands.
                if !other.nodes.contains(base) || !self.recompute(&mut joined, node) {
                    return None;
                }
            } else {
                joined.loads.insert(node, (*base, view.clone()));
            }
        }
        joined.nodes.extend(body.nodes.iter().copied());
        joined.outputs.extend(body.outputs.iter().copied());
        joined.loads.retain(|node, _| !joined.nodes.contains(node));
        (joined.nodes.iter().all(|node| self.is_complete(&joined, *node))).then_some(joined)
    }

    /// A node that was read as a view of what the joined body computes is computed from it: the movements between.
    fn recompute(&self, joined: &mut Body, node: usize) -> bool {
        let mut node = node;
        while !joined.nodes.contains(&node) {
            if !is_movement(&self.program.nodes()[node].op) || !self.admit(joined, node) {
                return false;
            }
            node = self.program.nodes()[node].inputs[0].index();
        }
        true
    }

    /// Whether a body has all that one of its nodes reads.
    fn is_complete(&self, body: &Body, node: usize) -> bool {
        self.inputs(node).all(|input| {
            body.nodes.contains(&input) || body.loads.contains_key(&input) || self.uniform(input).is_some()
        })
    }

    /// The drafts whose results a draft reads.
    pub(super) fn needs(&self, draft: usize) -> SortedSet<usize> {
        let bases: Vec<usize> = match &self.drafts[draft] {
            Draft::Single { operands, .. } => operands.iter().map(|(base, _)| *base).collect(),
            Draft::Fused(body) => body.loads.values().map(|(base, _)| *base).collect(),
        };
        bases.into_iter().filter_map(|base| self.producer[base]).collect()
    }

    /// The drafts that must be done before those of `open` are: what they need, and what that needs.
    fn before(&self, mut open: Vec<usize>) -> SortedSet<usize> {
        let mut before = SortedSet::new();
        while let Some(draft) = open.pop() {
            open.extend(self.needs(draft).into_iter().filter(|&needed| before.insert(needed)));
        }
        before
    }
}

/// Whether two bodies do a little with as many elements each: starting two kernels would take longer than either.
fn is_little(body: &Body, other: &Body) -> bool {
    let is_rows = |body: &Body| matches!(body.shape, BodyShape::Rows { .. });
    is_rows(body) && is_rows(other) && body.largest == other.largest && body.largest <= LITTLE
}

/// Products of the sizes of the first axes, up to `axis`.
fn prefixes(shape: Shape, axis: usize) -> SortedSet<usize> {
    let products = shape.iter().take(axis).scan(1, |product, dim| {
        *product *= dim;
        Some(*product)
    });
    std::iter::once(1).chain(products).filter(|&product| product > 0).collect()
}

/// Nodes that only show elements of another.
pub(super) fn is_movement(op: &Op) -> bool {
    matches!(op, Op::Reshape | Op::Permute { .. } | Op::Expand | Op::Flip { .. } | Op::Slice { .. })
}

fn is_elementwise(op: &Op) -> bool {
    matches!(op, Op::Unary(_) | Op::Binary(_) | Op::Compare(_) | Op::Select)
}
