//! Plans: a program cut into kernels, with a place in memory for every value that passes from one to another.
//!
//! A plan is engine-neutral data. A *fused* kernel computes everything between contractions in one pass over memory: a
//! loop over blocks of rows of a small body on arrays that stay in the innermost cache (or workgroup memory), in phases
//! divided by reductions. What is no contraction and moves elements irregularly has a kernel of its own.

use std::{fmt, sync::Arc};

use super::{Part, Program, Single, lower::View};
use crate::graph::{Binary, Compare, Law, NodeId, Op, Reduce, Unary};

/// A program as an engine runs it: steps in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// What the steps' nodes are nodes of: the program lowered, its reductions divided.
    pub program: Program,
    pub values: Vec<Value>,
    pub steps: Vec<Step>,
    /// Values to copy to slots when all steps are done, as pairs of value and slot.
    pub commits: Vec<(ValueId, u32)>,
    /// f32s of memory shared by the values that stand in it.
    pub arena: usize,
}

/// The index of a value in its plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ValueId(pub u32);

impl ValueId {
    /// As an index into the list of values.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A value in memory: row-major elements of a node.
#[derive(Debug, Clone)]
pub struct Value {
    pub node: NodeId,
    pub len: usize,
    pub place: Place,
}

/// Where a value stands.
#[derive(Debug, Clone)]
pub enum Place {
    /// In the buffer bound to this slot.
    Slot(u32),
    /// Known when the plan is made.
    Constant(Arc<[f32]>),
    /// From this f32 of the arena on.
    Arena(usize),
}

/// One kernel.
#[derive(Debug, Clone)]
pub enum Step {
    Fused(Fused),
    Single(Single),
}

impl Step {
    /// The values that it reads.
    pub fn inputs(&self) -> impl Iterator<Item = ValueId> + '_ {
        let (parts, code) = match self {
            Step::Single(single) => (single.inputs.as_slice(), [].as_slice()),
            Step::Fused(fused) => ([].as_slice(), fused.code.as_slice()),
        };
        let loads = code.iter().filter_map(|instruction: &Instruction| match instruction.what {
            What::Load { value, .. } => Some(value),
            _ => None,
        });
        parts.iter().map(|part: &Part| part.value).chain(loads)
    }

    /// The values that it writes.
    pub fn outputs(&self) -> impl Iterator<Item = ValueId> + '_ {
        let (single, stores) = match self {
            Step::Single(single) => (Some(single.output), [].as_slice()),
            Step::Fused(fused) => (None, fused.stores.as_slice()),
        };
        single.into_iter().chain(stores.iter().map(|(_, value): &(Register, ValueId)| *value))
    }
}

/// How a fused kernel goes through its values. A block is computed whole before the next; blocks do not depend on each
/// other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// Every value is `rows` equal pieces of neighbouring elements; a block is some consecutive rows.
    Rows { rows: usize },
    /// Values are `[rows, columns]`, or `[columns]` once reduced over the rows; a block is all rows of some consecutive
    /// columns.
    Columns { rows: usize, columns: usize },
}

/// A kernel that computes a body on block after block.
#[derive(Debug, Clone)]
pub struct Fused {
    pub frame: Frame,
    /// Elements per row of each register (of a [`Frame::Rows`]), or per column.
    pub registers: Vec<usize>,
    pub code: Vec<Instruction>,
    /// What is written: registers and the values that they are.
    pub stores: Vec<(Register, ValueId)>,
}

/// An array of a fused kernel's body. Each is assigned once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Register(pub u32);

impl Register {
    /// As an index into the list of registers.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// `to = what(inputs)`.
#[derive(Debug, Clone)]
pub struct Instruction {
    pub what: What,
    pub inputs: Vec<Operand>,
    pub to: Register,
    /// The node that it computes, for messages and printed plans.
    pub node: NodeId,
}

/// What an instruction computes, on arrays of the block's rows.
#[derive(Debug, Clone)]
pub enum What {
    /// Elements of a value, seen through a view of as many elements as the register has in all blocks.
    Load {
        value: ValueId,
        view: View,
    },
    Elementwise(Elementwise),
    /// Draw number i of the stream for element number i of the node.
    Random {
        law: Law,
        stream: u32,
    },
    /// Over `axes` of each row of sizes `dims` (or over the rows of a [`Frame::Columns`], where `dims` is empty).
    Reduce {
        reduce: Reduce,
        dims: Vec<usize>,
        axes: Vec<usize>,
    },
    /// The sum of products of the operands over all of each row.
    Dot,
    /// Elements of each row, of `from` elements, seen through a view.
    Move {
        from: usize,
        view: View,
    },
}

/// What computes each element from the operands' elements of the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elementwise {
    /// The one operand in every element.
    Fill,
    Unary(Unary),
    Binary(Binary),
    Compare(Compare),
    Select,
    /// `a b + c`, rounded as the engine likes.
    MulAdd,
    /// The second operand where the first is positive, else 0.
    Gated,
}

/// What an instruction reads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Operand {
    Number(f32),
    /// A word of the call's block of scalars.
    Scalar(u32),
    /// An array, each element of it `repeat` times in a row.
    Array {
        register: Register,
        repeat: usize,
    },
}

impl Operand {
    /// A whole array.
    pub fn array(register: Register) -> Operand {
        Operand::Array { register, repeat: 1 }
    }
}

impl Plan {
    /// The kernels by name, for counts and messages.
    pub fn kernels(&self) -> usize {
        self.steps.len()
    }

    /// Bytes that the steps read and write, each operand counted once a step.
    pub fn bytes(&self) -> u64 {
        4 * self.steps.iter().map(|step| self.step_elements(step)).sum::<u64>()
    }

    fn step_elements(&self, step: &Step) -> u64 {
        match step {
            Step::Single(single) => {
                let read: usize = single.inputs.iter().map(|part| part.len).sum();
                (read + self.values[single.output.index()].len) as u64
            }
            Step::Fused(fused) => {
                let loads = fused.code.iter().filter_map(|instruction| match &instruction.what {
                    What::Load { value, view } => Some(view.len().min(self.values[value.index()].len)),
                    _ => None,
                });
                let stores = fused.stores.iter().map(|(_, value)| self.values[value.index()].len);
                loads.chain(stores).sum::<usize>() as u64
            }
        }
    }
}

impl Plan {
    /// The plan as text, with an engine's remark on step number i where `remark(i)` has one.
    pub fn describe(&self, remark: &dyn Fn(usize) -> Option<String>) -> String {
        let mut text = String::new();
        self.write(&mut text, remark).expect("a string takes all that is written");
        text
    }

    fn write(&self, f: &mut impl fmt::Write, remark: &dyn Fn(usize) -> Option<String>) -> fmt::Result {
        writeln!(
            f,
            "plan {}: {} kernels, {:.3} GFLOP in contractions, {:.1} MB moved, {:.1} MB of memory",
            self.program.name(),
            self.kernels(),
            self.program.cost().contraction_flops as f64 / 1e9,
            self.bytes() as f64 / 1e6,
            self.arena as f64 * 4.0 / 1e6,
        )?;
        for (index, step) in self.steps.iter().enumerate() {
            match step {
                Step::Single(single) => self.single(f, single, remark(index))?,
                Step::Fused(fused) => self.fused(f, fused)?,
            }
        }
        self.commits.iter().try_for_each(|(value, slot)| {
            writeln!(f, "  copy {} to `{}`", self.value(*value), self.program.slots()[*slot as usize].name)
        })
    }

    fn single(&self, f: &mut impl fmt::Write, single: &Single, remark: Option<String>) -> fmt::Result {
        let node = self.program.node(single.node);
        write!(f, "  {} {} <- {}", self.value(single.output), node.shape, self.program.operation(node))?;
        for part in &single.inputs {
            write!(f, " {}", self.value(part.value))?;
            if part.offset > 0 || part.len < self.values[part.value.index()].len {
                write!(f, "[{}..{}]", part.offset, part.offset + part.len)?;
            }
        }
        let cost = self.program.node_cost(node);
        let remark = remark.map_or(String::new(), |remark| format!("; {remark}"));
        writeln!(f, "  ({:.1} MFLOP, {:.2} MB{remark})", cost.flops as f64 / 1e6, cost.bytes as f64 / 1e6)
    }

    fn fused(&self, f: &mut impl fmt::Write, fused: &Fused) -> fmt::Result {
        let frame = match fused.frame {
            Frame::Rows { rows } => format!("{rows} rows"),
            Frame::Columns { rows, columns } => format!("{columns} columns of {rows}"),
        };
        let outputs: Vec<String> = fused.stores.iter().map(|(_, value)| self.value(*value)).collect();
        writeln!(f, "  {} <- fused over {frame}", outputs.join(", "))?;
        for instruction in &fused.code {
            let width = fused.registers[instruction.to.index()];
            write!(f, "    r{} ({width}) = {}", instruction.to.0, self.what(instruction))?;
            for operand in &instruction.inputs {
                match operand {
                    Operand::Number(value) => write!(f, " {value}")?,
                    Operand::Scalar(index) => write!(f, " `{}`", self.program.scalars()[*index as usize])?,
                    Operand::Array { register, repeat: 1 } => write!(f, " r{}", register.0)?,
                    Operand::Array { register, repeat } => write!(f, " r{} x {repeat}", register.0)?,
                }
            }
            writeln!(f)?;
        }
        fused
            .stores
            .iter()
            .try_for_each(|(register, value)| writeln!(f, "    {} = r{}", self.value(*value), register.0))
    }

    fn what(&self, instruction: &Instruction) -> String {
        let named = |op: &Op| {
            let node = self.program.node(instruction.node).clone();
            self.program.operation(&crate::graph::Node { op: op.clone(), ..node })
        };
        match &instruction.what {
            What::Load { value, view } if view.is_contiguous() => format!("load {}", self.value(*value)),
            What::Load { value, view } => {
                format!("load {} from {} as {:?} by {:?}", self.value(*value), view.offset, view.dims, view.strides)
            }
            What::Elementwise(function) => match function {
                Elementwise::Fill => "fill".into(),
                Elementwise::Unary(function) => named(&Op::Unary(*function)),
                Elementwise::Binary(function) => named(&Op::Binary(*function)),
                Elementwise::Compare(compare) => named(&Op::Compare(*compare)),
                Elementwise::Select => "select".into(),
                Elementwise::MulAdd => "mul_add".into(),
                Elementwise::Gated => "gated".into(),
            },
            What::Random { law, stream } => named(&Op::Random { law: *law, stream: *stream }),
            What::Reduce { reduce, dims, axes } => format!("{reduce:?} of {dims:?} over {axes:?}").to_ascii_lowercase(),
            What::Dot => "dot".into(),
            What::Move { view, .. } => format!("move from {} as {:?} by {:?}", view.offset, view.dims, view.strides),
        }
    }

    fn value(&self, value: ValueId) -> String {
        let found = &self.values[value.index()];
        match &found.place {
            Place::Slot(slot) => format!("`{}`", self.program.slots()[*slot as usize].name),
            Place::Constant(_) => format!("constant %{}", found.node.0),
            Place::Arena(_) => format!("%{}", found.node.0),
        }
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe(&|_| None))
    }
}
