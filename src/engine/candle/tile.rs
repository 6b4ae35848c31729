//! Runs a group of element-wise nodes tile by tile: each value is read once, each result written once, and what lies
//! between stays in the innermost cache.

use candle_core::{Result, Tensor};
use rayon::prelude::*;

use super::{
    fuse::{Function, Group, Instruction, Source},
    host::{CHUNK, View, packed, with_layouts},
};
use crate::graph::{Binary, Compare, Unary};

/// Elements that an instruction works on at a time: a few registers of this size fit into 32 KiB.
const TILE: usize = 1024;

/// The results of a group, in order, as flat tensors.
pub(super) fn run(group: &Group, operands: &[Tensor]) -> Result<Vec<Tensor>> {
    let computed = group.results.iter().filter(|(source, _)| matches!(source, Source::Register(_))).count();
    let mut outputs: Vec<Vec<f32>> = Vec::with_capacity(group.results.len());
    for (source, _) in &group.results {
        // Results that are an operand under another shape need no memory.
        outputs.push(vec![0.0; if matches!(source, Source::Register(_)) { group.len } else { 0 }]);
    }
    if computed > 0 {
        with_layouts(operands, |slices| {
            let views: Vec<View<'_>> = slices.iter().map(|(values, layout)| View::new(values, layout)).collect();
            compute(group, &views, &mut outputs);
        })?;
    }
    let flat = |(source, values): (Source, Vec<f32>)| match source {
        Source::Operand(index) => packed(&operands[index])?.flatten_all(),
        Source::Constant(index) => Tensor::full(group.constants[index], group.len, &candle_core::Device::Cpu),
        Source::Register(_) => Tensor::from_vec(values, group.len, &candle_core::Device::Cpu),
    };
    group.results.iter().map(|(source, _)| *source).zip(outputs).map(flat).collect()
}

fn compute(group: &Group, views: &[View<'_>], outputs: &mut [Vec<f32>]) {
    let mut parts: Vec<_> = outputs.iter_mut().map(|values| values.chunks_mut(CHUNK)).collect();
    let chunks = group.len.div_ceil(CHUNK);
    let jobs: Vec<Vec<&mut [f32]>> =
        (0..chunks).map(|_| parts.iter_mut().map(|part| part.next().unwrap_or_default()).collect()).collect();
    let work = |worker: &mut Worker<'_>, (index, mut chunk): (usize, Vec<&mut [f32]>)| {
        let (start, end) = (index * CHUNK, ((index + 1) * CHUNK).min(group.len));
        for tile in (start..end).step_by(TILE) {
            worker.tile(tile..end.min(tile + TILE), start, &mut chunk);
        }
    };
    if chunks == 1 {
        let mut worker = Worker::new(group, views);
        jobs.into_iter().enumerate().for_each(|job| work(&mut worker, job));
    } else {
        jobs.into_par_iter().enumerate().for_each_init(|| Worker::new(group, views), work);
    }
}

/// One thread's registers.
struct Worker<'a> {
    group: &'a Group,
    views: &'a [View<'a>],
    registers: Vec<Vec<f32>>,
    /// Tiles of those operands that do not lie in one piece.
    loaded: Vec<Vec<f32>>,
    constants: Vec<Vec<f32>>,
}

impl<'a> Worker<'a> {
    fn new(group: &'a Group, views: &'a [View<'a>]) -> Worker<'a> {
        let size = TILE.min(group.len);
        let scattered = |view: &View<'_>| vec![0.0; if view.slice().is_some() { 0 } else { size }];
        Worker {
            group,
            views,
            registers: vec![vec![0.0; size]; group.registers],
            loaded: views.iter().map(scattered).collect(),
            constants: group.constants.iter().map(|&value| vec![value; size]).collect(),
        }
    }

    /// Computes elements `range`; `chunk` holds the results from element `start` on.
    fn tile(&mut self, range: std::ops::Range<usize>, start: usize, chunk: &mut [&mut [f32]]) {
        let len = range.len();
        for (tile, view) in self.loaded.iter_mut().zip(self.views) {
            if !tile.is_empty() {
                view.fill(range.start, &mut tile[..len]);
            }
        }
        for instruction in &self.group.code {
            let mut out = std::mem::take(&mut self.registers[instruction.to]);
            self.execute(instruction, &range, &mut out[..len]);
            if let Some(result) = instruction.result {
                chunk[result][range.start - start..range.end - start].copy_from_slice(&out[..len]);
            }
            self.registers[instruction.to] = out;
        }
    }

    fn execute(&self, instruction: &Instruction, range: &std::ops::Range<usize>, out: &mut [f32]) {
        let input = |index: usize| match instruction.inputs[index] {
            Source::Operand(operand) => match self.views[operand].slice() {
                Some(values) => &values[range.clone()],
                None => &self.loaded[operand][..range.len()],
            },
            Source::Constant(constant) => &self.constants[constant][..range.len()],
            Source::Register(register) => &self.registers[register][..range.len()],
        };
        match instruction.function {
            Function::Unary(function) => unary(function, input(0), out),
            Function::Binary(function) => binary(function, input(0), input(1), out),
            Function::Compare(compare) => comparison(compare, input(0), input(1), out),
            Function::Select => {
                for (((place, &mask), &a), &b) in out.iter_mut().zip(input(0)).zip(input(1)).zip(input(2)) {
                    *place = if mask != 0.0 { a } else { b };
                }
            }
        }
    }
}

fn unary(function: Unary, x: &[f32], out: &mut [f32]) {
    fn map(x: &[f32], out: &mut [f32], f: impl Fn(f32) -> f32) {
        out.iter_mut().zip(x).for_each(|(place, &x)| *place = f(x));
    }
    match function {
        Unary::Neg => map(x, out, |x| -x),
        Unary::Exp => map(x, out, f32::exp),
        Unary::Log => map(x, out, f32::ln),
        Unary::Sin => map(x, out, f32::sin),
        Unary::Cos => map(x, out, f32::cos),
        Unary::Sqrt => map(x, out, f32::sqrt),
        Unary::Tanh => map(x, out, f32::tanh),
        Unary::Recip => map(x, out, |x| 1.0 / x),
        Unary::Floor => map(x, out, f32::floor),
    }
}

fn map2(a: &[f32], b: &[f32], out: &mut [f32], f: impl Fn(f32, f32) -> f32) {
    out.iter_mut().zip(a).zip(b).for_each(|((place, &a), &b)| *place = f(a, b));
}

fn binary(function: Binary, a: &[f32], b: &[f32], out: &mut [f32]) {
    match function {
        Binary::Add => map2(a, b, out, |a, b| a + b),
        Binary::Sub => map2(a, b, out, |a, b| a - b),
        Binary::Mul => map2(a, b, out, |a, b| a * b),
        Binary::Div => map2(a, b, out, |a, b| a / b),
        Binary::Max => map2(a, b, out, |a, b| if a > b { a } else { b }),
    }
}

fn comparison(compare: Compare, a: &[f32], b: &[f32], out: &mut [f32]) {
    let number = |holds: bool| if holds { 1.0 } else { 0.0 };
    match compare {
        Compare::Gt => map2(a, b, out, |a, b| number(a > b)),
        Compare::Ge => map2(a, b, out, |a, b| number(a >= b)),
        Compare::Eq => map2(a, b, out, |a, b| number(a == b)),
    }
}
