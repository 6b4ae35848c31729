//! Nodes that run by themselves: contractions, gathers, resampling, and what moves elements irregularly.
#![expect(unsafe_code, reason = "values are reached by pointers")]

use attar_kernels::{
    Contraction, Isa,
    vector::{Padding, Resampling, Vector, solve_scratch},
};

use super::{Kernels, binding::Bound};
use crate::{
    graph::Border,
    program::{ContractionOp, Plan, Single, SingleOp},
    shape::Shape,
};

/// A node made ready for its shapes.
pub(super) struct Node {
    vector: Vector,
    single: Single,
    work: Work,
}

enum Work {
    Contraction(Box<Contraction>),
    /// Rows of so many elements.
    Take {
        width: usize,
    },
    TakeTranspose {
        width: usize,
    },
    Sample(Resampling),
    SampleTranspose(Resampling),
    /// Operands one after another in each of so many rows.
    Concat {
        rows: usize,
    },
    Pad(Box<Padding>),
    /// n equations for m right sides.
    Solve {
        n: usize,
        m: usize,
    },
}

/// What a run gives a node to read.
struct Operands<'a> {
    single: &'a Single,
    values: &'a [Bound],
}

impl Node {
    pub(super) fn new(single: &Single, plan: &Plan, kernels: Kernels) -> Node {
        let node = plan.program.node(single.node);
        let shape = |index: usize| plan.program.node(node.inputs[index]).shape;
        let work = match &single.op {
            SingleOp::Contraction(op) => {
                Work::Contraction(Box::new(contraction(*op, [shape(0), shape(1)], node.shape, kernels)))
            }
            SingleOp::Concat { axis } => Work::Concat { rows: node.shape.iter().take(*axis).product() },
            SingleOp::Pad { low, interior } => {
                Work::Pad(Box::new(Padding::new(&shape(0).dims(), low, interior, &node.shape.dims())))
            }
            SingleOp::Sample2d { border } => Work::Sample(resampling(*border, shape(0), node.shape)),
            SingleOp::Sample2dTranspose { border } => Work::SampleTranspose(resampling(*border, node.shape, shape(0))),
            SingleOp::Take => Work::Take { width: width(shape(0)) },
            SingleOp::TakeTranspose => Work::TakeTranspose { width: width(shape(0)) },
            SingleOp::SolveSpd => Work::Solve { n: node.shape.dim(0), m: node.shape.dim(1) },
        };
        Node { vector: Vector::new(kernels.isa), single: single.clone(), work }
    }

    /// f32s of scratch that a run needs.
    pub(super) fn scratch(&self) -> usize {
        match &self.work {
            Work::Contraction(contraction) => contraction.scratch(),
            Work::Solve { n, m } => 2 * solve_scratch(*n, *m),
            _ => 0,
        }
    }

    /// How it is computed, for printed plans, where there is a choice.
    #[cfg(not(target_arch = "wasm32"))]
    pub(super) fn name(&self) -> Option<String> {
        match &self.work {
            Work::Contraction(contraction) => Some(contraction.name()),
            _ => None,
        }
    }

    /// Computes the node's value; `values` tells where each of the plan's is, and `lens` how long.
    pub(super) fn run(&self, values: &[Bound], lens: &[usize], scratch: &mut [f32]) {
        let single = &self.single;
        let Bound::Real(start) = values[single.output.index()] else { return };
        // SAFETY: the plan gives a step's output memory that none of its inputs shares.
        let out = unsafe { std::slice::from_raw_parts_mut(start, lens[single.output.index()]) };
        let x = Operands { single, values };
        let vector = self.vector;
        match &self.work {
            Work::Contraction(contraction) => contraction.run(x.numbers(0), x.numbers(1), out, scratch),
            Work::Take { width } => match x.pixels(0) {
                Some(pixels) => vector.take_pixels(pixels, x.rows(1), *width, out),
                None => vector.take(x.numbers(0), x.rows(1), *width, out),
            },
            Work::TakeTranspose { width } => vector.take_transpose(x.numbers(0), x.rows(1), *width, out),
            Work::Sample(sizes) => vector.sample(sizes, x.numbers(0), x.numbers(1), out),
            Work::SampleTranspose(sizes) => vector.sample_transpose(sizes, x.numbers(0), x.numbers(1), out),
            Work::Concat { rows } => {
                vector.concat((0..single.inputs.len()).map(|index| x.numbers(index)), *rows, out);
            }
            Work::Pad(padding) => vector.pad(x.numbers(0), padding, out),
            Work::Solve { n, m } => {
                let scratch = bytemuck::cast_slice_mut(&mut scratch[..self.scratch()]);
                vector.solve_spd(x.numbers(0), x.numbers(1), (*n, *m), scratch, out);
            }
        }
    }
}

impl<'a> Operands<'a> {
    fn bound(&self, index: usize) -> Bound {
        self.values[self.single.inputs[index].value.index()]
    }

    fn numbers(&self, index: usize) -> &'a [f32] {
        let part = self.single.inputs[index];
        match self.bound(index) {
            // SAFETY: the plan keeps a step's inputs, which are as long as it says, as they are while it runs.
            Bound::Real(start) => unsafe { std::slice::from_raw_parts(start.add(part.offset), part.len) },
            Bound::Rows(_) | Bound::Pixels(_) => &[],
        }
    }

    fn rows(&self, index: usize) -> &'a [u32] {
        match self.bound(index) {
            // SAFETY: as above.
            Bound::Rows(start) => unsafe { std::slice::from_raw_parts(start, self.single.inputs[index].len) },
            Bound::Real(_) | Bound::Pixels(_) => &[],
        }
    }

    fn pixels(&self, index: usize) -> Option<&'a [u8]> {
        match self.bound(index) {
            // SAFETY: as above.
            Bound::Pixels(start) => Some(unsafe { std::slice::from_raw_parts(start, self.single.inputs[index].len) }),
            Bound::Real(_) | Bound::Rows(_) => None,
        }
    }
}

/// Elements of a row.
fn width(shape: Shape) -> usize {
    shape.iter().skip(1).product()
}

fn resampling(border: Border, input: Shape, output: Shape) -> Resampling {
    let plane = |shape: Shape| (shape.dim(2), shape.dim(3));
    Resampling { border, channels: input.dim(1), input: plane(input), output: plane(output) }
}

/// A product or convolution, planned for its shapes.
fn contraction(op: ContractionOp, operands: [Shape; 2], out: Shape, kernels: Kernels) -> Contraction {
    let planned = by_shape(op, operands, out, kernels.isa);
    kernels.variant.and_then(|variant| planned.clone().forced(variant)).unwrap_or(planned)
}

/// The same, in the way that suits its shapes.
fn by_shape(op: ContractionOp, operands: [Shape; 2], out: Shape, isa: Isa) -> Contraction {
    let four = |shape: Shape| [0, 1, 2, 3].map(|axis| shape.dim(axis));
    match op {
        ContractionOp::Matmul { ta, tb } => {
            let rank = out.rank();
            let inner = operands[0].dim(rank - if ta { 2 } else { 1 });
            let size = (out.dim(rank - 2), inner, out.dim(rank - 1));
            Contraction::matmul(isa, out.iter().take(rank - 2).product(), size, [ta, tb])
        }
        ContractionOp::Conv2d(conv) => Contraction::conv2d(isa, conv, four(operands[0]), four(operands[1])),
        ContractionOp::Conv2dInputGrad(conv) => Contraction::conv2d_input_grad(isa, conv, four(out), four(operands[1])),
        ContractionOp::Conv2dWeightGrad(conv) => {
            Contraction::conv2d_weight_grad(isa, conv, four(operands[0]), four(out))
        }
    }
}
