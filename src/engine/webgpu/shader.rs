//! Kernels: the text of one dispatch, what it binds, and how it is put together.
//!
//! Kernels of single nodes read operands through functions (`x(i)`, `k(i)`), one an operand, and write by another
//! (`set_result(i, value)`). So a template does not care where an operand is, nor whether it is packed pixels or an
//! index along an axis. Shapes and strides are constants of the text.

use std::fmt::Write;

use super::{
    index::{Axis, indented},
    memory::{Binding, Memory, Space},
};
use crate::graph::Kind;

/// Invocations a workgroup in kernels whose invocations do not work together.
const FLAT_LANES: usize = 64;

/// The most workgroups along one axis of a dispatch; every WebGPU device has at least these.
const MAX_GROUPS: usize = 65_535;

/// The most scalars of a program: what the block of a call has room for.
pub(super) const MAX_SCALARS: usize = 252;

/// Words of the block of a call: seed (low, high), unit, one unused, and the scalars.
pub(super) const CALL_WORDS: usize = 4 + MAX_SCALARS;

/// The block of a call as shaders see it.
const CALL: &str = "struct Call {
    draws: vec4<u32>,
    scalars: array<vec4<f32>, 63>,
}
@group(1) @binding(0) var<uniform> call: Call;
";

/// One dispatch, engine-neutral but for being WGSL.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    /// What it computes, for people; not in the text, so that equal kernels are one pipeline.
    pub label: String,
    pub source: String,
    pub bindings: Vec<Binding>,
    /// Whether it reads the block of the call.
    pub reads_call: bool,
    /// Workgroups along x and y.
    pub groups: [u32; 2],
    /// Floating-point operations, roughly.
    pub flops: u64,
}

/// An operand of a single node as kernels see it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Operand {
    Memory(Memory),
    /// Element i is `(i + first) / stride % size`.
    Iota {
        first: usize,
        stride: usize,
        size: usize,
    },
}

/// A kernel being written: its bindings, then its functions, then its body.
pub(super) struct Shader {
    bindings: Vec<Binding>,
    declarations: String,
    functions: String,
    reads_call: bool,
}

impl Shader {
    /// A kernel that binds this.
    pub fn new(space: &Space) -> Shader {
        Shader {
            bindings: space.bindings.clone(),
            declarations: space.declarations.clone(),
            functions: String::new(),
            reads_call: false,
        }
    }

    /// Adds an operand as a function `name(i: u32)`.
    pub fn operand(mut self, name: &str, operand: &Operand) -> Shader {
        let (element, text) = match operand {
            Operand::Memory(memory) if memory.kind == Kind::Rows => {
                ("u32", if memory.is_empty() { "0u".into() } else { memory.word("i") })
            }
            Operand::Memory(memory) if memory.is_empty() => ("f32", "0.0".into()),
            Operand::Memory(memory) if memory.kind == Kind::Pixels => {
                ("f32", format!("f32(({} >> (8u * (i & 3u))) & 255u) / 255.0", memory.word("(i >> 2u)")))
            }
            Operand::Memory(memory) => ("f32", memory.word("i")),
            Operand::Iota { first, stride, size } => {
                let at = if *first > 0 { format!("({first}u + i)") } else { "i".into() };
                ("f32", format!("f32({})", Axis { size: *size, stride: *stride }.index(&at, false)))
            }
        };
        writeln!(self.functions, "fn {name}(i: u32) -> {element} {{\n    return {text};\n}}").ok();
        self
    }

    /// Adds written memory as functions `name(i: u32)` and `set_name(i: u32, value: f32)`.
    pub fn written(mut self, name: &str, memory: &Memory) -> Shader {
        let element = memory.word("i");
        writeln!(self.functions, "fn set_{name}(i: u32, value: f32) {{\n    {element} = value;\n}}").ok();
        self.operand(name, &Operand::Memory(memory.clone()))
    }

    /// Makes the block of the call readable as `call`.
    pub fn reading_call(mut self) -> Shader {
        self.reads_call = true;
        self
    }

    /// Adds declarations that stand before the body.
    pub fn with(mut self, text: &str) -> Shader {
        self.functions.push_str(text.trim_end());
        self.functions.push('\n');
        self
    }

    /// Finishes with a body that runs for every `i` below `len`.
    pub fn each(self, len: usize, body: &str) -> Kernel {
        let lanes = if len >= 1 << 18 { 4 * FLAT_LANES } else { FLAT_LANES };
        let body =
            format!("let i = group * {lanes}u + lane;\nif (i >= {len}u) {{\n    return;\n}}\n{}", body.trim_end());
        self.groups(len.div_ceil(lanes), lanes, &body)
    }

    /// Finishes with a body that runs in `lanes` invocations a workgroup, whose number is `group`; the invocation's is
    /// `lane`.
    pub fn groups(self, groups: usize, lanes: usize, body: &str) -> Kernel {
        let (across, down) = (groups.min(MAX_GROUPS), groups.div_ceil(MAX_GROUPS));
        let group = if down > 1 {
            format!("let group = id.y * {across}u + id.x;\nif (group >= {groups}u) {{\n    return;\n}}")
        } else {
            "let group = id.x;".into()
        };
        let main = "fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32)";
        let body = indented(&format!("{group}\n{}", body.trim()));
        let call = if self.reads_call { CALL } else { "" };
        let (declarations, functions) = (self.declarations, self.functions);
        let source =
            format!("{declarations}{call}\n{functions}\n@compute @workgroup_size({lanes})\n{main} {{\n{body}}}\n");
        Kernel {
            label: String::new(),
            source,
            bindings: self.bindings,
            reads_call: self.reads_call,
            groups: [across as u32, down as u32],
            flops: 0,
        }
    }
}

/// The text of a scalar of the call.
pub(super) fn scalar(index: u32) -> String {
    format!("call.scalars[{}].{}", index / 4, ["x", "y", "z", "w"][index as usize % 4])
}
