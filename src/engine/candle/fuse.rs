//! Which nodes run together: chains of element-wise functions become one pass over memory.

use crate::{
    graph::{Binary, Compare, NodeId, Op, Unary},
    program::Program,
};

/// Element-wise nodes over the same number of elements that run as one pass. Reshapes among them cost nothing.
#[derive(Debug)]
pub(super) struct Group {
    /// Elements of every value.
    pub len: usize,
    /// The values read from outside.
    pub operands: Vec<NodeId>,
    pub constants: Vec<f32>,
    pub code: Vec<Instruction>,
    pub registers: usize,
    /// The values that others read, each with the nodes that it is the value of (which differ in shape only).
    pub results: Vec<(Source, Vec<NodeId>)>,
}

/// Where an instruction finds a tile of values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Operand(usize),
    Constant(usize),
    Register(usize),
}

/// What an instruction computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    Select,
}

/// `register[to] = function(inputs)`; also stored as result number `result`, if that is given.
#[derive(Debug)]
pub(super) struct Instruction {
    pub function: Function,
    pub inputs: Vec<Source>,
    pub to: usize,
    pub result: Option<usize>,
}

/// What one step of a run does.
#[derive(Debug)]
pub(super) enum Work {
    Node(usize),
    Group(Group),
}

/// The steps of a program in which every node (but the leaves) runs by itself.
pub(super) fn single(program: &Program) -> Vec<Work> {
    (0..program.nodes().len()).filter(|&index| !is_leaf(&program.nodes()[index].op)).map(Work::Node).collect()
}

/// The steps of a program with element-wise nodes grouped.
pub(super) fn grouped(program: &Program) -> Vec<Work> {
    let drafts = drafts(program);
    let mut group_of = vec![None; program.nodes().len()];
    for (index, draft) in drafts.iter().enumerate() {
        for &member in &draft.members {
            group_of[member] = Some(index);
        }
    }
    let mut steps = Vec::new();
    for (index, node) in program.nodes().iter().enumerate() {
        match group_of[index] {
            // A group runs where its last member stands: all it reads is there by then, and nobody has asked yet.
            Some(group) if drafts[group].members.last() == Some(&index) => {
                steps.push(Work::Group(assemble(program, &drafts[group].members)));
            }
            Some(_) => {}
            None if is_leaf(&node.op) => {}
            None => steps.push(Work::Node(index)),
        }
    }
    steps
}

/// Nodes whose values do not depend on others.
pub(super) fn is_leaf(op: &Op) -> bool {
    matches!(op, Op::Slot { .. } | Op::Fill { .. } | Op::Constant { .. } | Op::Iota { .. })
}

fn function(op: &Op) -> Option<Function> {
    match *op {
        Op::Unary(function) => Some(Function::Unary(function)),
        Op::Binary(function) => Some(Function::Binary(function)),
        Op::Compare(compare) => Some(Function::Compare(compare)),
        Op::Select => Some(Function::Select),
        _ => None,
    }
}

struct Draft {
    members: Vec<usize>,
    len: usize,
    /// Nobody outside has read a member yet, so members may still be added.
    open: bool,
}

/// Collects groups in one walk: an element-wise node joins (and so unites) the open groups that it reads; any other
/// reader closes them. As a closed group's members all stand before its first reader, groups can run in order.
fn drafts(program: &Program) -> Vec<Draft> {
    let mut drafts: Vec<Draft> = Vec::new();
    let mut group_of: Vec<Option<usize>> = vec![None; program.nodes().len()];
    for (index, node) in program.nodes().iter().enumerate() {
        let len = node.shape.elements();
        let fusable = len > 0 && (function(&node.op).is_some() || node.op == Op::Reshape);
        let mut joined: Option<usize> = None;
        for input in &node.inputs {
            let Some(group) = group_of[input.index()].filter(|&group| drafts[group].open) else { continue };
            if !fusable || drafts[group].len != len {
                drafts[group].open = false;
                continue;
            }
            match joined {
                Some(target) if target != group => {
                    for member in std::mem::take(&mut drafts[group].members) {
                        group_of[member] = Some(target);
                        drafts[target].members.push(member);
                    }
                }
                _ => joined = Some(group),
            }
        }
        if fusable {
            let group = joined.unwrap_or_else(|| {
                drafts.push(Draft { members: Vec::new(), len, open: true });
                drafts.len() - 1
            });
            drafts[group].members.push(index);
            group_of[index] = Some(group);
        }
    }
    for draft in &mut drafts {
        draft.members.sort_unstable();
    }
    drafts
}

/// Turns the members of a group into code.
fn assemble(program: &Program, members: &[usize]) -> Group {
    let len = program.nodes()[members[0]].shape.elements();
    let mut group =
        Group { len, operands: Vec::new(), constants: Vec::new(), code: Vec::new(), registers: 0, results: Vec::new() };
    // While assembling, every instruction has a register of its own: its index.
    let mut sources = vec![None; program.nodes().len()];
    for &member in members {
        let node = &program.nodes()[member];
        let inputs: Vec<Source> = node
            .inputs
            .iter()
            .map(|&id| *sources[id.index()].get_or_insert_with(|| group.outside(program, id)))
            .collect();
        sources[member] = Some(match function(&node.op) {
            None => inputs[0],
            Some(function) => {
                let to = group.code.len();
                group.code.push(Instruction { function, inputs, to, result: None });
                Source::Register(to)
            }
        });
    }
    for id in read_outside(program, members) {
        if let Some(source) = sources[id.index()] {
            group.add_result(source, id);
        }
    }
    group.allocate();
    group
}

/// The members that other nodes or slots read.
fn read_outside(program: &Program, members: &[usize]) -> Vec<NodeId> {
    let mut uses = program.uses();
    for &member in members {
        for input in &program.nodes()[member].inputs {
            uses[input.index()] -= 1;
        }
    }
    members.iter().filter(|&&member| uses[member] > 0).map(|&member| NodeId(member as u32)).collect()
}

impl Group {
    /// A value from outside: a constant or one more operand.
    fn outside(&mut self, program: &Program, id: NodeId) -> Source {
        if let Op::Fill { value } = program.node(id).op {
            self.constants.push(value.value() as f32);
            return Source::Constant(self.constants.len() - 1);
        }
        self.operands.push(id);
        Source::Operand(self.operands.len() - 1)
    }

    fn add_result(&mut self, source: Source, id: NodeId) {
        if let Some((_, nodes)) = self.results.iter_mut().find(|(known, _)| *known == source) {
            nodes.push(id);
            return;
        }
        if let Source::Register(register) = source {
            self.code[register].result = Some(self.results.len());
        }
        self.results.push((source, vec![id]));
    }

    /// Lets instructions share registers whose values are no longer read, so that all fit into the innermost cache.
    fn allocate(&mut self) {
        let mut last_read = vec![0; self.code.len()];
        for (index, instruction) in self.code.iter().enumerate() {
            for input in &instruction.inputs {
                if let Source::Register(register) = input {
                    last_read[*register] = index;
                }
            }
        }
        let (mut place, mut free) = (vec![0; self.code.len()], Vec::new());
        for index in 0..self.code.len() {
            // The result may not lie over an input, so its place is chosen before those are given back.
            place[index] = free.pop().unwrap_or_else(|| {
                self.registers += 1;
                self.registers - 1
            });
            let instruction = &mut self.code[index];
            instruction.to = place[index];
            let mut ended = Vec::new();
            for input in &mut instruction.inputs {
                if let Source::Register(register) = input {
                    if last_read[*register] == index && !ended.contains(&place[*register]) {
                        ended.push(place[*register]);
                    }
                    *register = place[*register];
                }
            }
            if last_read[index] == 0 {
                ended.push(place[index]);
            }
            free.extend(ended);
        }
    }
}
