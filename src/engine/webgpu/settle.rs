//! A pass over a plan: what WebGPU cannot bind as the plan has it finds another place.

use super::{
    index::Axis,
    memory::{ALIGNMENT, Caps, Place},
};
use crate::{
    program::{self, Fused, Operand, Plan, Register, Step, ValueId, What},
    sorted::SortedSet,
};

/// A copy between two places, each with the word from which on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    pub from: (Place, usize),
    pub to: (Place, usize),
    pub words: usize,
}

/// Changes places of values; returns the slots to be copied into the arena before the first step.
pub(super) fn settle(plan: &mut Plan, caps: &Caps) -> Vec<Transfer> {
    let mut saved = Vec::new();
    for index in 0..plan.steps.len() {
        for value in torn(plan, index) {
            move_written(plan, value);
        }
        while bindings(plan, index, caps) > caps.bindings {
            let Some(value) = movable(plan, index) else { break };
            if plan.steps[index].outputs().any(|output| output == value) {
                move_written(plan, value);
            } else {
                saved.extend(move_read(plan, value));
            }
        }
    }
    saved
}

/// Bindings that a step needs at least: each slot is one, all of the arena a few, all constants one.
fn bindings(plan: &Plan, step: usize, caps: &Caps) -> usize {
    let step = &plan.steps[step];
    let mut slots = SortedSet::new();
    let (mut arena, mut constants) = (SortedSet::new(), false);
    for value in step.inputs().chain(step.outputs()) {
        let found = &plan.values[value.index()];
        match &found.place {
            program::Place::Slot(slot) => {
                slots.insert(*slot);
            }
            program::Place::Constant(_) => constants |= Axis::of(plan, value).is_none(),
            program::Place::Arena(start) => {
                arena.insert((*start, *start + found.len));
            }
        }
    }
    let mut windows: Vec<(usize, usize)> = Vec::new();
    for (start, end) in arena {
        match windows.last_mut() {
            Some(window) if end - window.0 <= caps.binding_words => window.1 = window.1.max(end),
            _ => windows.push((start, end)),
        }
    }
    slots.len() + windows.len() + usize::from(constants)
}

/// A value of a step that stands in a slot and could stand in the arena.
fn movable(plan: &Plan, step: usize) -> Option<ValueId> {
    let step = &plan.steps[step];
    let real = |value: &ValueId| {
        let found = &plan.values[value.index()];
        let kind = plan.program.node(found.node).kind;
        matches!(found.place, program::Place::Slot(_)) && kind == crate::graph::Kind::F32
    };
    step.outputs().chain(step.inputs()).find(real)
}

/// A new place at the arena's end, which nothing else uses.
fn extend(plan: &mut Plan, value: ValueId) -> usize {
    let start = plan.arena.next_multiple_of(ALIGNMENT);
    plan.arena = start + plan.values[value.index()].len;
    plan.values[value.index()].place = program::Place::Arena(start);
    start
}

fn move_written(plan: &mut Plan, value: ValueId) {
    if let program::Place::Slot(slot) = plan.values[value.index()].place {
        extend(plan, value);
        plan.commits.push((value, slot));
    }
}

fn move_read(plan: &mut Plan, value: ValueId) -> Option<Transfer> {
    let program::Place::Slot(slot) = plan.values[value.index()].place else { return None };
    let start = extend(plan, value);
    let words = plan.values[value.index()].len;
    Some(Transfer { from: (Place::Slot(slot as usize), 0), to: (Place::Arena, start), words })
}

/// Values that a fused step would write to a slot while other lanes still read there what was before.
fn torn(plan: &Plan, step: usize) -> Vec<ValueId> {
    let Step::Fused(fused) = &plan.steps[step] else { return Vec::new() };
    let slot = |value: ValueId| match plan.values[value.index()].place {
        program::Place::Slot(slot) => Some(slot),
        _ => None,
    };
    let stored = fused.stores.iter().map(|(_, value)| *value);
    let is_torn = |value: &ValueId| {
        slot(*value).is_some_and(|own| {
            fused.code.iter().any(|instruction| match &instruction.what {
                What::Load { value, .. } => slot(*value) == Some(own) && moves(fused, instruction.to),
                _ => false,
            })
        })
    };
    stored.filter(is_torn).collect()
}

/// Whether a register's elements are used for anything but the same element of other registers. (Columns reduce each
/// element once, in the lane that has it.)
fn moves(fused: &Fused, register: Register) -> bool {
    let is_rows = matches!(fused.frame, program::Frame::Rows { .. });
    let mut followers = SortedSet::from_iter([register]);
    for instruction in &fused.code {
        for input in &instruction.inputs {
            let Operand::Array { register, repeat } = input else { continue };
            if !followers.contains(register) {
                continue;
            }
            let elsewhere = matches!(instruction.what, What::Reduce { .. } | What::Dot | What::Move { .. });
            if *repeat > 1 || (elsewhere && is_rows) {
                return true;
            }
            followers.insert(instruction.to);
        }
    }
    false
}
