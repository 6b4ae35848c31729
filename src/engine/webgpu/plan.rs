//! From a program to dispatches: where every value lives and what runs in which order. Needs no device.

use std::collections::HashMap;

use super::{
    buffer::words,
    kernel::{Kernel, Operand, Read},
    kernels::{Task, materialise, work},
};
use crate::{
    graph::{Node, NodeId, Op},
    program::{Program, Role},
};

/// Buffers up to this many words may take the place of much smaller ones.
const SMALL: usize = 4096;

/// A piece of memory during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Place {
    /// The buffer bound to this slot.
    Slot(usize),
    /// Constant of the program's table.
    Constant(usize),
    /// Buffer of [`Plan::pool`].
    Pool(usize),
    /// The block of scalars.
    Scalars,
}

/// One dispatch in its place.
#[derive(Debug, PartialEq)]
pub(super) struct Dispatch {
    /// The node as the program's text shows it.
    pub label: String,
    pub kernel: Kernel,
    /// Bound in this order, then `writes`.
    pub reads: Vec<Place>,
    pub writes: Place,
}

/// A copy between two places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Transfer {
    pub from: Place,
    pub to: Place,
    pub words: usize,
}

/// What a run does: the dispatches, then the transfers, in order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Plan {
    pub dispatches: Vec<Dispatch>,
    pub transfers: Vec<Transfer>,
    /// Words of each buffer that values share, one after another.
    pub pool: Vec<usize>,
}

impl Plan {
    /// Plans a program: one or a few dispatches a node.
    pub fn new(program: &Program) -> Plan {
        let mut planner = Planner::new(program);
        for index in 0..program.nodes().len() {
            planner.node(index);
        }
        planner.store();
        planner.plan
    }
}

/// Where a node's value is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Home {
    Memory(Place),
    /// Nowhere: kernels compute it as they read it.
    Computed(Operand),
}

struct Planner<'p> {
    program: &'p Program,
    /// Of every node so far.
    homes: Vec<Home>,
    /// The last node that reads each buffer of the pool; `usize::MAX` if it must last to the end of the run.
    last_reads: Vec<usize>,
    /// Buffers of the pool by the node after which they are free.
    expiring: HashMap<usize, Vec<usize>>,
    free: Vec<usize>,
    plan: Plan,
}

impl<'p> Planner<'p> {
    fn new(program: &'p Program) -> Planner<'p> {
        Planner {
            program,
            homes: Vec::new(),
            last_reads: last_reads(program),
            expiring: HashMap::new(),
            free: Vec::new(),
            plan: Plan::default(),
        }
    }

    fn node(&mut self, index: usize) {
        let program = self.program;
        let node = &program.nodes()[index];
        let home = match &node.op {
            Op::Slot { slot } => Home::Memory(Place::Slot(*slot as usize)),
            Op::Constant { index } => Home::Memory(Place::Constant(*index as usize)),
            Op::Scalar { index } => Home::Computed(Operand::Scalar(*index)),
            Op::Fill { value } => Home::Computed(Operand::Fill(value.value() as f32)),
            Op::Iota { axis } => Home::Computed(Operand::Iota {
                stride: node.shape.strides()[*axis as usize],
                size: node.shape.dim(*axis as usize),
            }),
            Op::Reshape | Op::StopGradient => self.homes[node.inputs[0].index()],
            _ => Home::Memory(self.compute(index, node)),
        };
        self.homes.push(home);
        self.free.extend(self.expiring.remove(&index).unwrap_or_default());
    }

    /// Plans the kernels of a node; memory for the result is taken before that of operands is given back, so that no
    /// kernel reads what it writes.
    fn compute(&mut self, index: usize, node: &Node) -> Place {
        let result = self.take(words(node.kind, node.shape), self.last_reads[index]);
        if node.shape.elements() == 0 {
            return result;
        }
        let operands: Vec<Operand> = node.inputs.iter().map(|&input| self.operand(input)).collect();
        let shapes: Vec<_> = node.inputs.iter().map(|&input| self.program.node(input).shape).collect();
        let work = work(&Task { node, operands: &operands, shapes: &shapes });
        let scratch = (work.scratch > 0).then(|| self.take(work.scratch, index));
        let label = self.program.operation(node);
        for kernel in work.kernels {
            let read = |read: &Read| match *read {
                Read::Input(input) => self.memory(node.inputs[input]),
                Read::Scalars => Some(Place::Scalars),
                Read::Scratch => scratch,
            };
            let reads = kernel.reads.iter().filter_map(read).collect();
            let writes = if kernel.to_scratch { scratch.unwrap_or(result) } else { result };
            let label = format!("%{index} {label} {}", node.shape);
            self.plan.dispatches.push(Dispatch { label, kernel, reads, writes });
        }
        result
    }

    fn operand(&self, id: NodeId) -> Operand {
        match self.homes[id.index()] {
            Home::Memory(_) => Operand::Memory(self.program.node(id).kind),
            Home::Computed(operand) => operand,
        }
    }

    fn memory(&self, id: NodeId) -> Option<Place> {
        match self.homes[id.index()] {
            Home::Memory(place) => Some(place),
            Home::Computed(_) => None,
        }
    }

    /// A buffer of the pool that nobody uses until node `last` has run: the smallest free one that fits well enough.
    fn take(&mut self, words: usize, last: usize) -> Place {
        let fits = |&&buffer: &&usize| {
            let size = self.plan.pool[buffer];
            size >= words && size <= (2 * words).max(SMALL)
        };
        let best = self.free.iter().filter(fits).min_by_key(|&&buffer| self.plan.pool[buffer]).copied();
        let buffer = best.unwrap_or_else(|| {
            self.plan.pool.push(words);
            self.plan.pool.len() - 1
        });
        self.free.retain(|&free| free != buffer);
        self.expiring.entry(last).or_default().push(buffer);
        Place::Pool(buffer)
    }

    /// Plans the transfers to written slots. Slots are read as they were before the run, so one slot's contents on
    /// their way to another are set aside first.
    fn store(&mut self) {
        let mut last = Vec::new();
        for (index, slot) in self.program.slots().iter().enumerate() {
            let Some(value) = slot.role.written() else { continue };
            let words = words(slot.kind, slot.shape);
            if words == 0 {
                continue;
            }
            let mut from = match self.homes[value.index()] {
                Home::Memory(place) => place,
                Home::Computed(operand) => self.write_out(operand, value, words),
            };
            if from == Place::Slot(index) {
                continue;
            }
            if let Place::Slot(other) = from
                && self.program.slots()[other].role != Role::Input
            {
                let aside = self.take(words, usize::MAX);
                self.plan.transfers.push(Transfer { from, to: aside, words });
                from = aside;
            }
            last.push(Transfer { from, to: Place::Slot(index), words });
        }
        self.plan.transfers.extend(last);
    }

    fn write_out(&mut self, operand: Operand, value: NodeId, words: usize) -> Place {
        let writes = self.take(words, usize::MAX);
        let kernel = materialise(operand, words);
        let reads = kernel.reads.iter().map(|_| Place::Scalars).collect();
        let label = format!("%{} {}", value.index(), self.program.operation(self.program.node(value)));
        self.plan.dispatches.push(Dispatch { label, kernel, reads, writes });
        writes
    }
}

/// For each node the last node that reads its memory, through reshapes too; `usize::MAX` if a slot does at the end.
/// A node that nobody reads counts as read by itself.
fn last_reads(program: &Program) -> Vec<usize> {
    let nodes = program.nodes();
    let mut last: Vec<usize> = (0..nodes.len()).collect();
    for value in program.slots().iter().filter_map(|slot| slot.role.written()) {
        last[value.index()] = usize::MAX;
    }
    for (index, node) in nodes.iter().enumerate().rev() {
        let view = matches!(node.op, Op::Reshape | Op::StopGradient);
        let until = if view { last[index] } else { index };
        for input in &node.inputs {
            last[input.index()] = last[input.index()].max(until);
        }
    }
    last
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Graph;

    /// What each dispatch reads and writes.
    fn traffic(plan: &Plan) -> Vec<(Vec<Place>, Place)> {
        plan.dispatches.iter().map(|dispatch| (dispatch.reads.clone(), dispatch.writes)).collect()
    }

    #[test]
    fn a_chain_needs_two_buffers_and_never_reads_what_it_writes() {
        let graph = Graph::new();
        let x = graph.input("x", [64, 64]);
        graph.output("y", x.sin().cos().sin().cos().sin());
        let plan = Plan::new(&Program::new("chain", graph).unwrap());
        assert_eq!(plan.dispatches.len(), 5);
        assert_eq!(plan.pool, [4096, 4096]);
        for (reads, writes) in traffic(&plan) {
            assert!(!reads.contains(&writes), "{reads:?} -> {writes:?}");
        }
    }

    #[test]
    fn a_view_keeps_the_memory_it_shows() {
        let graph = Graph::new();
        let x = graph.input("x", [4, 6]);
        let y = x.sin();
        let view = y.reshape([24]);
        let z = y.cos().sin().reshape([24]);
        graph.output("z", z + view);
        let plan = Plan::new(&Program::new("view", graph).unwrap());
        let (reads, writes) = traffic(&plan).pop().unwrap();
        assert_eq!(plan.dispatches.len(), 4);
        assert!(reads[0] != reads[1] && !reads.contains(&writes));
        assert!(reads.contains(&plan.dispatches[0].writes));
    }

    #[test]
    fn numbers_and_scalars_need_neither_memory_nor_dispatch() {
        let graph = Graph::new();
        let x = graph.input("x", [8]);
        graph.output("y", x * 0.5 * graph.scalar("rate"));
        let plan = Plan::new(&Program::new("numbers", graph).unwrap());
        // The scalar is expanded to the vector's shape, and there are two products.
        assert!(plan.dispatches.len() <= 3, "{:?}", plan.dispatches);
    }

    #[test]
    fn swapped_states_pass_each_other() {
        let graph = Graph::new();
        let (a, b) = (graph.input("a", [3]), graph.input("b", [3]));
        graph.update(a, b);
        graph.update(b, a);
        let plan = Plan::new(&Program::new("swap", graph).unwrap());
        assert!(plan.dispatches.is_empty());
        let [aside_a, aside_b, to_a, to_b] = plan.transfers[..] else { panic!("{:?}", plan.transfers) };
        assert_eq!((aside_a.from, aside_b.from), (Place::Slot(1), Place::Slot(0)));
        assert_eq!(
            (to_a, to_b),
            (
                Transfer { from: aside_a.to, to: Place::Slot(0), words: 3 },
                Transfer { from: aside_b.to, to: Place::Slot(1), words: 3 },
            )
        );
    }
}
