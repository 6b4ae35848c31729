//! Lowering: from a program to a plan of fused kernels and memory. Passes are small: [`split`] divides reductions,
//! [`group`] decides what shares a kernel, [`code`] writes the kernels, [`memory`] gives values their places.

mod code;
mod group;
mod memory;
mod split;
mod view;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

pub use memory::{Interval, allocate};
pub use view::View;

use self::group::{Draft, Grouping};
use super::{Fused, Part, Place, Plan, Program, Single, Step, Value, ValueId, What};
use crate::{
    graph::{NodeId, Op},
    sorted::SortedSet,
};

/// What an engine's kernels can do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// The most elements of one row of a fused kernel: what its fast memory holds a few of.
    pub longest_row: usize,
    /// Values in the arena begin at multiples of this many f32s.
    pub alignment: usize,
}

/// Cuts a program into kernels and places its values in memory.
pub fn lower(program: &Program, target: &Target) -> Plan {
    let program = split::reductions(program, target.longest_row);
    let mut lowering = Lowering::new(&program);
    let mut steps = lowering.steps(target);
    let written = lowering.written(&mut steps);
    let Lowering { mut values, .. } = lowering;
    let commits = commits(&written, &mut values, &steps);
    let arena = memory::place(&mut values, &steps, &commits, target.alignment);
    Plan { values, steps, commits, arena, program }
}

struct Lowering<'p> {
    program: &'p Program,
    values: Vec<Value>,
    value_of: Vec<Option<ValueId>>,
}

impl<'p> Lowering<'p> {
    fn new(program: &'p Program) -> Lowering<'p> {
        Lowering { program, values: Vec::new(), value_of: vec![None; program.nodes().len()] }
    }

    /// The value of a node, made when first asked for.
    fn value(&mut self, node: usize) -> ValueId {
        if let Some(known) = self.value_of[node] {
            return known;
        }
        let id = ValueId(self.values.len() as u32);
        let found = &self.program.nodes()[node];
        let place = match &found.op {
            Op::Slot { slot } => Place::Slot(*slot),
            Op::Constant { index } => Place::Constant(self.program.constants()[*index as usize].clone()),
            Op::Iota { axis } => Place::Constant(iota(found.shape, *axis as usize)),
            _ => Place::Arena(0),
        };
        self.values.push(Value { node: NodeId(node as u32), len: found.shape.elements(), place });
        self.value_of[node] = Some(id);
        id
    }

    fn steps(&mut self, target: &Target) -> Vec<Step> {
        let grouping = Grouping::new(self.program, target.longest_row);
        let order = in_order(&grouping);
        order.into_iter().map(|draft| self.step(&grouping, draft)).collect()
    }

    fn step(&mut self, grouping: &Grouping<'_>, draft: usize) -> Step {
        match &grouping.drafts[draft] {
            Draft::Single { op, node, operands } => {
                let inputs = operands.iter().zip(&self.program.nodes()[*node].inputs);
                let part = |(&(base, offset), id): (&(usize, usize), &NodeId)| Part {
                    value: self.value(base),
                    offset,
                    len: self.program.node(*id).shape.elements(),
                };
                let inputs = inputs.map(part).collect();
                let (output, node) = (self.value(*node), NodeId(*node as u32));
                Step::Single(Single { op: op.clone(), node, inputs, output })
            }
            Draft::Fused(body) => {
                let bases = body.loads.values().map(|(base, _)| *base);
                for node in bases.chain(body.outputs.iter().copied()) {
                    self.value(node);
                }
                let value = |node: usize| self.value_of[node].unwrap_or(ValueId(0));
                Step::Fused(code::assemble(grouping, self.program, body, &value))
            }
        }
    }

    /// The value that each written slot is given. What is in memory anyway (another slot, a constant) is copied by a
    /// step of its own, so that slots are read only by steps.
    fn written(&mut self, steps: &mut Vec<Step>) -> Vec<(u32, ValueId)> {
        let mut written = Vec::new();
        for (index, slot) in self.program.slots().iter().enumerate() {
            let Some(node) = slot.role.written() else { continue };
            let mut id = self.value(node.index());
            let value = self.values[id.index()].clone();
            if !matches!(value.place, Place::Arena(_)) {
                let copy = ValueId(self.values.len() as u32);
                self.values.push(Value { place: Place::Arena(0), ..value });
                steps.push(Step::Fused(code::copy(node, (id, copy), value.len)));
                id = copy;
            }
            written.push((index as u32, id));
        }
        written
    }
}

/// The drafts, each after those whose results it reads; among those that could be next, the one of the earliest node.
fn in_order(grouping: &Grouping<'_>) -> Vec<usize> {
    let needs: Vec<_> = (0..grouping.drafts.len()).map(|draft| grouping.needs(draft)).collect();
    let mut readers = vec![Vec::new(); needs.len()];
    for (draft, needed) in needs.iter().enumerate() {
        needed.iter().for_each(|&other| readers[other].push(draft));
    }
    let rank = |draft: usize| match &grouping.drafts[draft] {
        Draft::Single { node, .. } => *node,
        Draft::Fused(body) => body.outputs.first().copied().unwrap_or(0),
    };
    let mut waiting: Vec<usize> = needs.iter().map(SortedSet::len).collect();
    let mut ready: BinaryHeap<Reverse<(usize, usize)>> =
        (0..needs.len()).filter(|&draft| waiting[draft] == 0).map(|draft| Reverse((rank(draft), draft))).collect();
    let mut order = Vec::with_capacity(needs.len());
    while let Some(Reverse((_, draft))) = ready.pop() {
        order.push(draft);
        for &reader in &readers[draft] {
            waiting[reader] -= 1;
            if waiting[reader] == 0 {
                ready.push(Reverse((rank(reader), reader)));
            }
        }
    }
    debug_assert_eq!(order.len(), needs.len(), "kernels need each other");
    order
}

/// The index along an axis of every element.
fn iota(shape: crate::shape::Shape, axis: usize) -> Arc<[f32]> {
    let (size, stride) = (shape.dim(axis), shape.strides()[axis]);
    (0..shape.elements()).map(|index| (index / stride % size) as f32).collect()
}

/// Lets what slots are given be computed right there, where nothing still reads what was there before; the rest is to be
/// copied at the end.
fn commits(written: &[(u32, ValueId)], values: &mut [Value], steps: &[Step]) -> Vec<(ValueId, u32)> {
    let mut commits = Vec::new();
    for &(slot, id) in written {
        if matches!(values[id.index()].place, Place::Arena(_)) && is_free(values, steps, id, slot) {
            values[id.index()].place = Place::Slot(slot);
        } else {
            commits.push((id, slot));
        }
    }
    commits
}

/// Whether no step reads a slot after, or in another order while, the value that it is given is written.
fn is_free(values: &[Value], steps: &[Step], written: ValueId, slot: u32) -> bool {
    let is_old = |value: ValueId| {
        let value = &values[value.index()];
        matches!(value.place, Place::Slot(place) if place == slot)
    };
    let writer = steps.iter().position(|step| step.outputs().any(|output| output == written));
    let Some(writer) = writer else { return false };
    let later = steps[writer + 1..].iter().any(|step| step.inputs().any(is_old));
    let meanwhile = match &steps[writer] {
        Step::Single(single) => single.inputs.iter().any(|part| is_old(part.value)),
        Step::Fused(fused) => reads_out_of_order(fused, values, is_old),
    };
    !later && !meanwhile
}

/// Whether a kernel reads such a value other than element by element in its own order.
fn reads_out_of_order(fused: &Fused, values: &[Value], is_old: impl Fn(ValueId) -> bool) -> bool {
    fused.code.iter().any(|instruction| match &instruction.what {
        What::Load { value, view } if is_old(*value) => *view != View::whole(values[value.index()].len),
        _ => false,
    })
}
