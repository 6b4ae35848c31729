//! Nodes that run by themselves: one small file a family of operations.

mod movement;
mod sample;
mod solve;
mod take;

use super::{
    compile::Compiler,
    contract,
    index::Axis,
    memory::{Caps, Space, Want},
    shader::{Kernel, Operand, Shader},
};
use crate::{
    graph::{Node, Op},
    program::Single,
    shape::Shape,
};

/// A node to write kernels for. The result has at least one element.
pub(super) struct Task<'a> {
    pub compiler: &'a Compiler<'a>,
    single: &'a Single,
    pub node: &'a Node,
    /// The operands' shapes.
    pub shapes: Vec<Shape>,
}

/// The kernels of a step.
pub(super) fn kernels(single: &Single, compiler: &Compiler<'_>) -> Vec<Kernel> {
    let program = &compiler.plan.program;
    let node = program.node(single.node);
    let shapes = node.inputs.iter().map(|&input| program.node(input).shape).collect();
    let task = Task { compiler, single, node, shapes };
    if task.len() == 0 {
        return Vec::new();
    }
    match &node.op {
        Op::Concat { axis } => vec![movement::concat(&task, *axis as usize)],
        Op::Pad { low, interior } => vec![movement::pad(&task, low, interior)],
        Op::Matmul { ta, tb } => contract::matmul(&task, [*ta, *tb]),
        Op::Conv2d(conv) => contract::conv2d(&task, *conv),
        Op::Conv2dInputGrad(conv) => contract::conv2d_input_grad(&task, *conv),
        Op::Conv2dWeightGrad(conv) => contract::conv2d_weight_grad(&task, *conv),
        Op::Sample2d { border } => vec![sample::sample(&task, *border)],
        Op::Sample2dTranspose { border } => vec![sample::transpose(&task, *border)],
        Op::Take => vec![take::take(&task)],
        Op::TakeTranspose => vec![take::transpose(&task)],
        Op::SolveSpd => solve::solve(&task),
        op => unreachable!("{op:?} has no kernel of its own"),
    }
}

impl Task<'_> {
    /// Elements of the result.
    pub fn len(&self) -> usize {
        self.node.shape.elements()
    }

    pub fn caps(&self) -> &Caps {
        &self.compiler.caps
    }

    /// The result's memory.
    pub fn result(&self) -> Want {
        self.compiler.want(self.single.output, 0, self.len(), true)
    }

    /// The memory of an operand.
    fn input(&self, index: usize) -> Want {
        let part = self.single.inputs[index];
        self.compiler.want(part.value, part.offset, part.len, false)
    }

    /// Begins a kernel that reads these operands by functions of these names, and writes the result.
    fn shader(&self, operands: &[(&str, usize)]) -> Shader {
        self.writing(operands, &[("result", self.result())])
    }

    /// Begins a kernel that reads these operands and this memory, and writes it.
    pub fn writing(&self, operands: &[(&str, usize)], written: &[(&str, Want)]) -> Shader {
        let read = operands.iter().filter(|(_, index)| self.iota(*index).is_none());
        let mut wants: Vec<Want> = read.map(|(_, index)| self.input(*index)).collect();
        wants.extend(written.iter().map(|(_, want)| want.clone()));
        let space = Space::new(&wants, self.caps());
        let mut memories = space.memories.iter();
        let mut shader = Shader::new(&space);
        for &(name, index) in operands {
            shader = match self.iota(index) {
                Some(operand) => shader.operand(name, &operand),
                None => match memories.next() {
                    Some(memory) => shader.operand(name, &Operand::Memory(memory.clone())),
                    None => shader,
                },
            };
        }
        for ((name, _), memory) in written.iter().zip(memories) {
            shader = shader.written(name, memory);
        }
        shader
    }

    /// An operand that is an index along an axis.
    fn iota(&self, index: usize) -> Option<Operand> {
        let part = self.single.inputs[index];
        let Axis { size, stride } = Axis::of(self.compiler.plan, part.value)?;
        Some(Operand::Iota { first: part.offset, stride, size })
    }
}
