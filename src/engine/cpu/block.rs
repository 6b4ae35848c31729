//! One instruction of a fused kernel, on the arrays of one block.
#![expect(unsafe_code, reason = "arrays of a block are reached by pointers, which may be equal")]

use attar_kernels::vector::{self, Reduction, Stream, Tile, TileMut, Vector};

use super::binding::{Pointer, Run};
use crate::{
    graph::{Binary, Reduce},
    program::{Elementwise, Instruction, Operand, Register, View, What},
    shape::MAX_RANK,
};

/// An instruction as it runs.
pub(super) struct Op {
    pub(super) what: What,
    pub(super) inputs: Vec<Operand>,
    pub(super) to: Register,
    /// What a load shows.
    view: Option<vector::View>,
}

/// The arrays of the block at hand.
pub(super) struct Block<'a, 'r> {
    pub(super) vector: Vector,
    pub(super) run: &'a Run<'r>,
    pub(super) pointers: &'a [Pointer],
    /// Elements of each register a row.
    pub(super) each: &'a [usize],
    /// Rows in the block.
    pub(super) rows: usize,
    pub(super) place: Position,
}

/// Where a block stands in its frame.
#[derive(Clone, Copy)]
pub(super) enum Position {
    /// Its first row.
    Row(usize),
    /// Some rows of some columns out of all.
    Columns { row: usize, column: usize, count: usize, columns: usize },
}

impl Op {
    /// What an instruction runs as.
    pub(super) fn new(instruction: &Instruction) -> Op {
        let view = match &instruction.what {
            What::Load { view, .. } => Some(shown(view.offset, view, None)),
            _ => None,
        };
        Op { what: instruction.what.clone(), inputs: instruction.inputs.clone(), to: instruction.to, view }
    }

    /// Computes the block's elements of the register.
    pub(super) fn run(&self, block: &Block<'_, '_>) {
        match &self.what {
            What::Load { value, .. } => {
                // SAFETY: what a kernel loads nobody writes meanwhile, but the block its own elements after this.
                let value = unsafe { tile(block.run.values[value.index()], block.run.lens[value.index()]) };
                self.load(block, value.into());
            }
            What::Random { law, stream } => {
                let Position::Row(first) = block.place else { unreachable!("columns never draw") };
                let scalars = block.run.scalars;
                let stream = Stream { seed: scalars.seed, stream: *stream, unit: scalars.unit };
                let start = first * block.each[self.to.index()];
                block.vector.random(*law, stream, start, block.out(self.to));
            }
            What::Reduce { reduce, dims, axes } => self.reduce(block, *reduce, dims, axes),
            What::Dot => {
                block.vector.dot(block.array(self.inputs[0]), block.array(self.inputs[1]), block.out(self.to));
            }
            What::Move { from, view } => {
                let rows = shown(view.offset, view, Some((block.rows, *from as isize)));
                block.vector.copy(block.array(self.inputs[0]), &rows, 0, block.out(self.to));
            }
            What::Elementwise(function) => self.elementwise(*function, block),
        }
    }

    /// The block's elements of a value seen through a view.
    fn load(&self, block: &Block<'_, '_>, value: Tile<'_>) {
        let Some(view) = &self.view else { return };
        let (each, out) = (block.each[self.to.index()], block.out(self.to));
        match block.place {
            Position::Row(first) => block.vector.copy(value, view, first * each, out),
            Position::Columns { column, .. } if each == 1 => block.vector.copy(value, view, column, out),
            Position::Columns { row, column, count, columns } => {
                for index in 0..block.rows {
                    let start = (row + index) * columns + column;
                    block.vector.copy(value, view, start, out.part(index * count, count));
                }
            }
        }
    }

    fn reduce(&self, block: &Block<'_, '_>, reduce: Reduce, dims: &[usize], axes: &[usize]) {
        let (x, out) = (block.array(self.inputs[0]), block.out(self.to));
        let Position::Columns { row, count, .. } = block.place else {
            let mut all = [block.rows; MAX_RANK + 1];
            all[1..=dims.len()].copy_from_slice(dims);
            let mut reduced = [0; MAX_RANK];
            for (to, &axis) in reduced.iter_mut().zip(axes) {
                *to = axis as u32 + 1;
            }
            let reduction = Reduction::new(&all[..=dims.len()], &reduced[..axes.len()]);
            block.vector.reduce_axes(reduce, &reduction, x, out);
            return;
        };
        // Further rows of columns come on top of what the first ones gave.
        let first = if row == 0 {
            block.vector.binary(Binary::Add, x.part(0, count).into(), vector::Operand::One(0.0), out);
            1
        } else {
            0
        };
        for row in first..block.rows {
            block.vector.accumulate(reduce, out, x.part(row * count, count));
        }
    }

    fn elementwise(&self, function: Elementwise, block: &Block<'_, '_>) {
        let (vector, out) = (block.vector, block.out(self.to));
        let input = |index: usize| block.operand(self.inputs[index]);
        match function {
            Elementwise::Fill => vector.binary(Binary::Add, input(0), vector::Operand::One(0.0), out),
            Elementwise::Unary(function) => vector.unary(function, input(0), out),
            Elementwise::Binary(function) => vector.binary(function, input(0), input(1), out),
            Elementwise::Compare(compare) => vector.compare(compare, input(0), input(1), out),
            Elementwise::Select => vector.select(input(0), input(1), input(2), out),
            Elementwise::MulAdd => vector.mul_add(input(0), input(1), input(2), out),
            Elementwise::Gated => vector.gated(input(0), input(1), out),
        }
    }
}

impl Block<'_, '_> {
    /// Elements of a register in this block.
    fn len(&self, register: Register) -> usize {
        let each = self.each[register.index()];
        match self.place {
            Position::Row(_) => self.rows * each,
            Position::Columns { count, .. } if each > 1 => self.rows * count,
            Position::Columns { count, .. } => count,
        }
    }

    fn out(&self, register: Register) -> TileMut<'_> {
        // SAFETY: the register's array, as long as its home was made for, is this worker's.
        unsafe { tile(self.pointers[register.index()], self.len(register)) }
    }

    /// An operand that is an array, whole.
    fn array(&self, operand: Operand) -> Tile<'_> {
        match operand {
            Operand::Array { register, .. } => self.out(register).into(),
            Operand::Number(_) | Operand::Scalar(_) => Tile::new(&[]),
        }
    }

    fn operand(&self, operand: Operand) -> vector::Operand<'_> {
        match operand {
            Operand::Number(value) => vector::Operand::One(value),
            Operand::Scalar(index) => vector::Operand::One(self.run.scalars.values[index as usize]),
            Operand::Array { register, repeat: 1 } => vector::Operand::Tile(self.out(register).into()),
            Operand::Array { register, repeat } => vector::Operand::Repeated(self.out(register).into(), repeat),
        }
    }
}

/// A plan's view as kernels take it, of several rows if there are any: their number and the distance between them.
fn shown(offset: usize, view: &View, rows: Option<(usize, isize)>) -> vector::View {
    let axes = view.dims.iter().copied().zip(view.strides.iter().copied());
    vector::View::new(offset as isize, rows.into_iter().chain(axes))
}

/// Memory as a tile.
///
/// # Safety
/// These elements are this worker's to write, or nobody writes them, as long as the tile is used.
unsafe fn tile<'a>(start: Pointer, len: usize) -> TileMut<'a> {
    // SAFETY: by contract; a tile makes no reference of the slice that it is made from.
    TileMut::new(unsafe { std::slice::from_raw_parts_mut(start, len) })
}
