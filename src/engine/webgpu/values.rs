//! Where the values of a plan are: tells kernels what memory to ask for.

use super::{
    index::Axis,
    memory::{ALIGNMENT, Caps, Place, Want},
};
use crate::{
    graph::Kind,
    program::{self, Plan, ValueId},
};

/// The values of a plan, for a device that can do so much.
pub(super) struct Values<'a> {
    pub plan: &'a Plan,
    pub caps: Caps,
    /// All constants, one after another.
    pub constants: Vec<f32>,
    /// Where each value that is a constant begins among them.
    constant_at: Vec<usize>,
}

impl<'a> Values<'a> {
    pub fn new(plan: &'a Plan, caps: Caps) -> Values<'a> {
        let (constants, constant_at) = constants(plan);
        Values { plan, caps, constants, constant_at }
    }

    /// `len` elements of a value, from the `first` on.
    pub fn want(&self, value: ValueId, first: usize, len: usize, writes: bool) -> Want {
        let index = value.index();
        let found = &self.plan.values[index];
        let node = self.plan.program.node(found.node);
        let (place, start, key) = match &found.place {
            program::Place::Slot(slot) => (Place::Slot(*slot as usize), 0, 0),
            program::Place::Constant(_) => (Place::Constants, self.constant_at[index], index),
            program::Place::Arena(start) => (Place::Arena, *start, index),
        };
        let kind = if writes { Kind::F32 } else { node.kind };
        let name = match place {
            Place::Slot(slot) => self.plan.program.slots()[slot].name.clone(),
            Place::Arena | Place::Constants => {
                let operation = self.plan.program.operation(node);
                operation.split(' ').next().unwrap_or_default().to_owned()
            }
        };
        let words = |elements: usize| if kind == Kind::Pixels { elements.div_ceil(4) } else { elements };
        // A part of packed pixels is bound from the first on.
        let (first, len) = if kind == Kind::Pixels { (0, first + len) } else { (first, len) };
        Want { place, value: key, start: start + first, len: words(len), kind, writes, name, quads: false }
    }

    /// Memory for the time of a step: so many pieces of `words` each.
    pub fn scratch(&self, pieces: usize, words: usize) -> Vec<Want> {
        let piece = words.next_multiple_of(ALIGNMENT);
        let first = self.plan.arena.next_multiple_of(ALIGNMENT);
        let want = |index: usize| Want {
            place: Place::Arena,
            value: self.plan.values.len() + index,
            start: first + index * piece,
            len: words,
            kind: Kind::F32,
            writes: true,
            name: "scratch".into(),
            quads: false,
        };
        (0..pieces).map(want).collect()
    }
}

/// All constants one after another, and where each value's begin.
fn constants(plan: &Plan) -> (Vec<f32>, Vec<usize>) {
    let mut all: Vec<f32> = Vec::new();
    let mut starts = vec![0; plan.values.len()];
    for (index, value) in plan.values.iter().enumerate() {
        let is_read = Axis::of(plan, ValueId(index as u32)).is_none();
        if let (program::Place::Constant(values), true) = (&value.place, is_read) {
            all.resize(all.len().next_multiple_of(ALIGNMENT), 0.0);
            starts[index] = all.len();
            all.extend(values.iter());
        }
    }
    all.resize(all.len().next_multiple_of(4), 0.0);
    (all, starts)
}
