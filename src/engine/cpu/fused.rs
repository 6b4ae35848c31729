//! Fused kernels: the body of a plan's kernel, run on block after block of its rows.
#![expect(unsafe_code, reason = "blocks of one value are written by several threads, each its own")]

use attar_kernels::{parallel, vector::Vector};

use super::{
    binding::{Pointer, Run},
    block::{Block, Op, Position},
    memory::LINE,
};
use crate::program::{Frame, Fused, Interval, Operand, Place, Register, Value, ValueId, What, allocate};

/// Elements that a block computes at once: few enough for arrays of them to lie in the second-level cache, enough that
/// reading the instructions takes no time.
const BLOCK: usize = 4096;

/// Elements below which a part is not worth handing to another thread.
const PART: usize = 16 << 10;

/// No kernel is cut into more parts than this.
const MOST_PARTS: usize = 32;

/// A fused kernel as it runs.
pub(super) struct Kernel {
    vector: Vector,
    frame: Frame,
    /// Rows (or columns) of a block.
    block: usize,
    /// Rows of a [`Frame::Columns`] that are computed at once; all rows of a [`Frame::Rows`]' block are.
    chunk: usize,
    parts: usize,
    code: Vec<Op>,
    homes: Vec<Home>,
    /// Elements of each register a row, or a column.
    each: Vec<usize>,
    /// Registers to copy to values when they are computed.
    copies: Vec<(Register, ValueId)>,
    scratch: usize,
}

/// Where the array of a register lies.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Home {
    /// In the worker's scratch memory, from this f32 on.
    Scratch(usize),
    /// In a value that is read as it stands, after its first `offset` elements.
    Read { value: ValueId, offset: usize },
    /// In a value that is written.
    Written(ValueId),
}

impl Kernel {
    pub(super) fn new(fused: &Fused, values: &[Value], vector: Vector) -> Kernel {
        let mut kernel = Kernel::sized(fused, vector);
        kernel.code = fused.code.iter().map(Op::new).collect();
        kernel.settle(fused, values);
        kernel
    }

    /// With its blocks and parts.
    fn sized(fused: &Fused, vector: Vector) -> Kernel {
        let longest = fused.registers.iter().copied().max().unwrap_or(1).max(1);
        let (block, chunk, blocks, elements) = match fused.frame {
            Frame::Rows { rows } => {
                let block = (BLOCK / longest).clamp(1, rows.max(1));
                (block, block, rows.div_ceil(block), rows * longest)
            }
            Frame::Columns { rows, columns } => {
                let block = (columns / 8).next_multiple_of(LINE).clamp(4 * LINE, BLOCK / 4).min(columns.max(1));
                (block, (BLOCK / block).clamp(1, rows.max(1)), columns.div_ceil(block), rows * columns)
            }
        };
        let parts = (elements / PART).clamp(1, MOST_PARTS).min(blocks.max(1));
        let (each, code, homes, copies) = (fused.registers.clone(), Vec::new(), Vec::new(), Vec::new());
        Kernel { vector, frame: fused.frame, block, chunk, parts, code, homes, each, copies, scratch: 0 }
    }

    /// Finds a home for every register.
    fn settle(&mut self, fused: &Fused, values: &[Value]) {
        let mut lives: Vec<Interval> =
            self.each.iter().map(|&each| Interval { first: usize::MAX, last: 0, len: self.capacity(each) }).collect();
        for (index, op) in self.code.iter().enumerate() {
            lives[op.to.index()].first = lives[op.to.index()].first.min(index);
            for register in op.registers().chain([op.to]) {
                lives[register.index()].last = lives[register.index()].last.max(index);
            }
        }
        self.homes = vec![Home::Scratch(0); self.each.len()];
        for op in &self.code {
            if let What::Load { value, view } = &op.what
                && view.is_contiguous()
                && self.lies_together(self.each[op.to.index()])
            {
                self.homes[op.to.index()] = Home::Read { value: *value, offset: view.offset };
            }
        }
        for &(register, value) in &fused.stores {
            let free =
                self.homes[register.index()] == Home::Scratch(0) && self.lies_together(self.each[register.index()]);
            if free && !self.overwrites(register, value, values, &lives) {
                self.homes[register.index()] = Home::Written(value);
            } else {
                self.copies.push((register, value));
                lives[register.index()].last = self.code.len();
            }
        }
        self.place_scratch(&lives);
    }

    /// Whether writing a register right into its value would destroy what a later instruction still reads there.
    fn overwrites(&self, register: Register, value: ValueId, values: &[Value], lives: &[Interval]) -> bool {
        let Place::Slot(slot) = values[value.index()].place else { return false };
        let defined = lives[register.index()].first;
        self.code.iter().any(|op| match &op.what {
            What::Load { value, .. } => {
                let old = matches!(values[value.index()].place, Place::Slot(place) if place == slot);
                let elementwise =
                    !matches!(self.code[defined].what, What::Reduce { .. } | What::Dot | What::Move { .. });
                old && (lives[op.to.index()].last > defined || !elementwise)
            }
            _ => false,
        })
    }

    fn place_scratch(&mut self, lives: &[Interval]) {
        let scratch: Vec<usize> =
            (0..self.homes.len()).filter(|&index| matches!(self.homes[index], Home::Scratch(_))).collect();
        let intervals: Vec<Interval> = scratch
            .iter()
            .map(|&index| lives[index])
            .map(|life| Interval { first: life.first.min(life.last), ..life })
            .collect();
        let (places, total) = allocate(&intervals, LINE);
        for (index, place) in scratch.into_iter().zip(places) {
            self.homes[index] = Home::Scratch(place);
        }
        self.scratch = total.next_multiple_of(LINE);
    }

    /// Elements of a register in one block.
    fn capacity(&self, each: usize) -> usize {
        match self.frame {
            Frame::Rows { .. } => self.block * each,
            Frame::Columns { .. } if each > 1 => self.block * self.chunk,
            Frame::Columns { .. } => self.block,
        }
    }

    /// Whether a block's elements of a register neighbour each other in the value that it is of.
    fn lies_together(&self, each: usize) -> bool {
        match self.frame {
            Frame::Rows { .. } => true,
            Frame::Columns { columns, .. } => each == 1 || self.block == columns,
        }
    }

    /// f32s of scratch that each worker needs.
    pub(super) fn scratch(&self) -> usize {
        self.scratch
    }

    /// Registers, each of which needs a pointer.
    pub(super) fn registers(&self) -> usize {
        self.each.len()
    }

    /// Computes all blocks. `workers` gives each worker its scratch and its pointers.
    pub(super) fn run(&self, run: &Run<'_>, workers: &(dyn Fn(usize) -> (Pointer, *mut Pointer) + Sync)) {
        let (blocks, total) = match self.frame {
            Frame::Rows { rows } => (rows.div_ceil(self.block), rows),
            Frame::Columns { columns, .. } => (columns.div_ceil(self.block), columns),
        };
        parallel::for_each(self.parts, |worker, part| {
            let (scratch, pointers) = workers(worker);
            // SAFETY: the worker's own, as long as there are registers.
            let pointers = unsafe { std::slice::from_raw_parts_mut(pointers, self.each.len()) };
            for block in part * blocks / self.parts..(part + 1) * blocks / self.parts {
                let first = block * self.block;
                self.block(run, scratch, pointers, first, self.block.min(total - first));
            }
        });
    }

    fn block(&self, run: &Run<'_>, scratch: Pointer, pointers: &mut [Pointer], first: usize, count: usize) {
        match self.frame {
            Frame::Rows { .. } => {
                self.point(run, scratch, pointers, |each| first * each);
                self.compute(run, pointers, count, Position::Row(first));
                self.copy(run, pointers, |each| (first * each, 1, count * each, 0));
            }
            Frame::Columns { rows, columns } => {
                for row in (0..rows).step_by(self.chunk) {
                    let here = self.chunk.min(rows - row);
                    let start = |each: usize| if each > 1 { row * columns + first } else { first };
                    self.point(run, scratch, pointers, start);
                    self.compute(run, pointers, here, Position::Columns { row, column: first, count, columns });
                    self.copy(run, pointers, |each| match each {
                        0 | 1 => (first, 1, count, 0),
                        _ => (row * columns + first, here, count, columns),
                    });
                }
            }
        }
    }

    /// Where each register's array lies in this block; `start` gives a block's first element within a value.
    fn point(&self, run: &Run<'_>, scratch: Pointer, pointers: &mut [Pointer], start: impl Fn(usize) -> usize) {
        for ((pointer, home), &each) in pointers.iter_mut().zip(&self.homes).zip(&self.each) {
            let (memory, place) = match *home {
                Home::Scratch(place) => (scratch, place),
                Home::Read { value, offset } => (run.values[value.index()], offset + start(each)),
                Home::Written(value) => (run.values[value.index()], start(each)),
            };
            // SAFETY: within the memory that was reserved for it when the program was loaded.
            *pointer = unsafe { memory.add(place) };
        }
    }

    fn compute(&self, run: &Run<'_>, pointers: &[Pointer], rows: usize, place: Position) {
        let block = Block { vector: self.vector, run, pointers, each: &self.each, rows, place };
        for op in &self.code {
            if !matches!(self.homes[op.to.index()], Home::Read { .. }) {
                op.run(&block);
            }
        }
    }

    /// Copies what is stored but was not computed in its place; `span` gives first element, rows, their length and stride.
    fn copy(&self, run: &Run<'_>, pointers: &[Pointer], span: impl Fn(usize) -> (usize, usize, usize, usize)) {
        for &(register, value) in &self.copies {
            let (first, rows, len, stride) = span(self.each[register.index()]);
            for row in 0..rows {
                // SAFETY: the block's own elements of the value, and as many of the register.
                unsafe {
                    let to = run.values[value.index()].add(first + row * stride);
                    pointers[register.index()].add(row * len).copy_to(to, len);
                }
            }
        }
    }
}

impl Op {
    fn registers(&self) -> impl Iterator<Item = Register> + '_ {
        self.inputs.iter().filter_map(|input| match input {
            Operand::Array { register, .. } => Some(*register),
            Operand::Number(_) | Operand::Scalar(_) => None,
        })
    }
}
