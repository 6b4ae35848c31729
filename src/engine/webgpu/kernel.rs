//! Kernels: the text of one dispatch, what it binds, and how it is put together.
//!
//! Every kernel reads its operands through functions (`x(i)`, `k(i)`), one an operand, and writes `result[i]`. So a
//! template does not care whether an operand is memory, packed pixels, a number or an index along an axis, and
//! leaves of a program need no memory and no dispatch of their own. Shapes and strides are constants of the text.

use std::fmt::Write;

use crate::graph::Kind;

/// Invocations a workgroup in kernels whose invocations do not work together.
const FLAT_LANES: usize = 64;

/// The most workgroups along one axis of a dispatch; every WebGPU device has at least these.
const MAX_GROUPS: usize = 65_535;

/// Words before a call's scalars in the block that holds them: seed (low, high) and unit.
pub(super) const SCALARS_AT: usize = 3;

/// One dispatch, engine-neutral but for being WGSL.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Kernel {
    pub source: String,
    /// What is bound, in order, before the result.
    pub reads: Vec<Read>,
    /// Whether it writes the node's scratch memory instead of its result.
    pub to_scratch: bool,
    /// Workgroups along x and y.
    pub groups: [u32; 2],
}

/// What a binding of a kernel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    /// The memory of the node's operand of this number.
    Input(usize),
    /// The block of scalars.
    Scalars,
    /// Memory that lives as long as the node's kernels run.
    Scratch,
}

/// An operand as kernels see it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Operand {
    /// Elements in memory.
    Memory(Kind),
    /// Every element is this number.
    Fill(f32),
    /// The call's scalar of this number.
    Scalar(u32),
    /// Element i is `i / stride % size`.
    Iota { stride: usize, size: usize },
}

/// A kernel being written: its operands, then its helper functions, then its body.
pub(super) struct Shader {
    reads: Vec<Read>,
    to_scratch: bool,
    bindings: String,
    functions: String,
}

impl Shader {
    /// A kernel without operands.
    pub fn new() -> Shader {
        Shader { reads: Vec::new(), to_scratch: false, bindings: String::new(), functions: String::new() }
    }

    /// Adds operand number `input` of the node as a function `name(i: u32)`.
    pub fn operand(mut self, name: &str, input: usize, operand: Operand) -> Shader {
        let body = match operand {
            Operand::Memory(kind) => {
                self.bind(Read::Input(input), &format!("{name}_data"), if kind == Kind::F32 { "f32" } else { "u32" });
                match kind {
                    Kind::F32 | Kind::Rows => format!("{name}_data[i]"),
                    Kind::Pixels => format!("f32((({name}_data[i / 4u]) >> (8u * (i % 4u))) & 255u) / 255.0"),
                }
            }
            Operand::Fill(value) => format!("{value:?}f"),
            Operand::Scalar(index) => {
                self.bind_scalars();
                format!("bitcast<f32>(scalars[{}u])", SCALARS_AT + index as usize)
            }
            Operand::Iota { stride, size } => format!("f32({})", Axis { size, stride }.index("i", false)),
        };
        let element = if operand == Operand::Memory(Kind::Rows) { "u32" } else { "f32" };
        let text = match operand {
            // WGSL has constants neither for what is not finite nor, surely, for what is subnormal: their bits go
            // through a variable.
            Operand::Fill(value) if value != 0.0 && !value.is_normal() => {
                format!("var bits = 0x{:08x}u;\n    return bitcast<f32>(bits);", value.to_bits())
            }
            _ => format!("return {body};"),
        };
        writeln!(self.functions, "fn {name}(i: u32) -> {element} {{\n    {text}\n}}").ok();
        self
    }

    /// Binds the block of scalars as `scalars: array<u32>`.
    pub fn scalars(mut self) -> Shader {
        self.bind_scalars();
        self
    }

    /// Binds the node's scratch memory as `name: array<f32>`, to read.
    pub fn scratch(mut self, name: &str) -> Shader {
        self.bind(Read::Scratch, name, "f32");
        self
    }

    /// Makes `result` the node's scratch memory.
    pub fn writing_scratch(mut self) -> Shader {
        self.to_scratch = true;
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
        let body =
            format!("let i = group * {FLAT_LANES}u + lane;\nif (i >= {len}u) {{\n    return;\n}}\n{}", body.trim_end());
        self.groups(len.div_ceil(FLAT_LANES), FLAT_LANES, &body)
    }

    /// Finishes with a body that runs in `lanes` invocations a workgroup, whose number is `group`; the invocation's
    /// is `lane`.
    pub fn groups(mut self, groups: usize, lanes: usize, body: &str) -> Kernel {
        let result = self.reads.len();
        writeln!(self.bindings, "@group(0) @binding({result}) var<storage, read_write> result: array<f32>;").ok();
        let (across, down) = (groups.min(MAX_GROUPS), groups.div_ceil(MAX_GROUPS));
        let group = if down > 1 {
            format!("let group = id.y * {across}u + id.x;\nif (group >= {groups}u) {{\n    return;\n}}")
        } else {
            "let group = id.x;".into()
        };
        let main = "fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32)";
        let body = indented(&format!("{group}\n{}", body.trim()));
        let source =
            format!("{}\n{}\n@compute @workgroup_size({lanes})\n{main} {{\n{body}}}\n", self.bindings, self.functions);
        Kernel { source, reads: self.reads, to_scratch: self.to_scratch, groups: [across as u32, down as u32] }
    }

    fn bind_scalars(&mut self) {
        if !self.reads.contains(&Read::Scalars) {
            self.bind(Read::Scalars, "scalars", "u32");
        }
    }

    fn bind(&mut self, read: Read, name: &str, element: &str) {
        let binding = self.reads.len();
        writeln!(self.bindings, "@group(0) @binding({binding}) var<storage, read> {name}: array<{element}>;").ok();
        self.reads.push(read);
    }
}

/// One axis of a row-major index: `index / stride % size`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub size: usize,
    pub stride: usize,
}

impl Axis {
    /// The text of this axis' part of `index`; `outermost` needs no remainder.
    pub fn index(self, index: &str, outermost: bool) -> String {
        let quotient = if self.stride == 1 { index.into() } else { format!("{index} / {}u", self.stride) };
        match (self.size, outermost) {
            (0 | 1, _) => "0u".into(),
            (_, true) => quotient,
            (size, false) => format!("{quotient} % {size}u"),
        }
    }
}

/// Declares `names[a]` as the indices along the axes of `sizes` that the row-major `index` stands for.
pub(super) fn unravel(index: &str, names: &[String], sizes: &[usize]) -> String {
    let mut text = String::new();
    let mut stride = sizes.iter().product::<usize>();
    for (axis, (name, &size)) in names.iter().zip(sizes).enumerate() {
        stride /= size.max(1);
        writeln!(text, "let {name} = {};", Axis { size, stride }.index(index, axis == 0)).ok();
    }
    text
}

/// A way through memory: row-major over `steps`, from `start`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Walk {
    pub start: usize,
    pub steps: Vec<Step>,
}

/// One axis of a [`Walk`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Step {
    pub size: usize,
    /// Elements from one index to the next.
    pub stride: usize,
    /// Whether the last index comes first.
    pub backwards: bool,
}

impl Walk {
    /// From `start` over axes of these sizes and strides.
    pub fn new(start: usize, sizes: impl IntoIterator<Item = usize>, strides: impl IntoIterator<Item = usize>) -> Walk {
        let step = |(size, stride)| Step { size, stride, backwards: false };
        Walk { start, steps: sizes.into_iter().zip(strides).map(step).collect() }
    }

    /// The text of the element's place for the row-major `index`. Axes that memory joins are one.
    pub fn at(&self, index: &str) -> String {
        let mut terms = Vec::new();
        let mut inner = 1;
        let steps = self.joined();
        for (position, step) in steps.iter().enumerate().rev() {
            let axis = Axis { size: step.size, stride: inner }.index(index, position == 0);
            inner *= step.size.max(1);
            let axis = match (step.backwards, step.stride) {
                (_, 0) => continue,
                (true, _) => format!("({}u - {axis})", step.size - 1),
                (false, 1) => axis,
                (false, _) => format!("({axis})"),
            };
            terms.push(if step.stride == 1 { axis } else { format!("{axis} * {}u", step.stride) });
        }
        terms.reverse();
        if self.start > 0 || terms.is_empty() {
            terms.insert(0, format!("{}u", self.start));
        }
        terms.join(" + ")
    }

    /// Without axes of one element, and with neighbours joined that are one longer axis in memory.
    fn joined(&self) -> Vec<Step> {
        let mut steps: Vec<Step> = Vec::new();
        for step in self.steps.iter().filter(|step| step.size != 1) {
            match steps.last_mut() {
                Some(last) if !last.backwards && !step.backwards && last.stride == step.size * step.stride => {
                    *last = Step { size: last.size * step.size, ..*step };
                }
                _ => steps.push(*step),
            }
        }
        steps
    }
}

/// Every line four spaces further in.
pub(super) fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".into() } else { format!("    {line}\n") }).collect()
}
