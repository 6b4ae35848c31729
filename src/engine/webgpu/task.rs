//! A node that runs by itself, with what the text of its kernels needs to know.

use super::{
    index::Axis,
    memory::{Caps, Space, Want},
    shader::{Operand, Shader},
    values::Values,
};
use crate::{graph::Node, program::Single, shape::Shape};

/// A node to write kernels for. The result has at least one element.
pub(super) struct Task<'a> {
    pub values: &'a Values<'a>,
    single: &'a Single,
    pub node: &'a Node,
    /// The operands' shapes.
    pub shapes: Vec<Shape>,
}

impl<'a> Task<'a> {
    pub fn new(single: &'a Single, values: &'a Values<'a>) -> Task<'a> {
        let program = &values.plan.program;
        let node = program.node(single.node);
        let shapes = node.inputs.iter().map(|&input| program.node(input).shape).collect();
        Task { values, single, node, shapes }
    }

    /// Elements of the result.
    pub fn len(&self) -> usize {
        self.node.shape.elements()
    }

    pub fn caps(&self) -> &Caps {
        &self.values.caps
    }

    /// The result's memory.
    pub fn result(&self) -> Want {
        self.values.want(self.single.output, 0, self.len(), true)
    }

    /// The memory of an operand.
    fn input(&self, index: usize) -> Want {
        let part = self.single.inputs[index];
        self.values.want(part.value, part.offset, part.len, false)
    }

    /// Begins a kernel that reads these operands by functions of these names, and writes the result.
    pub fn shader(&self, operands: &[(&str, usize)]) -> Shader {
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
        let Axis { size, stride } = Axis::of(self.values.plan, part.value)?;
        Some(Operand::Iota { first: part.offset, stride, size })
    }
}
