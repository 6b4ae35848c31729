//! Contractions: matrix products, and convolutions as products whose operands are gathered on the way (implicit GEMM).

mod block;
mod conv;
mod matmul;
mod tile;

use std::fmt::Write;

use self::{block::Block, tile::Tile};
use super::{
    memory::{Caps, Hardware, Want},
    shader::Kernel,
    task::Task,
};
use crate::program::ContractionOp;

/// A batch of matrix products `result[batch][m][n] = sum over k of a[batch][m][k] b[batch][k][n]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Product {
    batches: usize,
    m: usize,
    n: usize,
    /// The axes, row-major, that k numbers.
    terms: [usize; 3],
}

/// One operand of a product, as what gives its elements.
///
/// `line` numbers what the result has too (its rows for the first operand, its columns for the second), `k` what is
/// summed over; `term` is k's index along each axis of [`Product::terms`].
struct Side {
    /// Body of `fn NAME_line(batch: u32, line: u32) -> vec4<u32>`: what is known of a line before the sum.
    line: String,
    /// Declarations, for `element` and `inside`, of an element of what is known as `line: vec4<u32>`.
    place: String,
    /// The element, a number.
    element: String,
    /// Whether there is such an element: else it is 0.
    inside: Option<&'static str>,
    /// Which index neighbours in memory differ in.
    neighbours: Neighbours,
    /// Whether lines have elements in common.
    slide: Option<Slide>,
}

/// The element of a line is that of the line before at the next term of the last axis, or at the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Slide {
    /// Of so many lines, the first of which is a multiple.
    within: usize,
    to: Neighbour,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbour {
    Next,
    Before,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Neighbours {
    Lines,
    Terms,
}

/// Where a product's result is.
struct Place {
    /// The text of where a `column` of a `batch` begins.
    first: &'static str,
    /// From one row to the next.
    row: usize,
}

/// The two templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Tile(Tile),
    Block(Block),
}

/// Terms that one workgroup sums at most: some devices (Mesa's software rasteriser) end an invocation's loops after 65,535
/// rounds, and no dispatch should be too long for a watchdog.
const LONGEST_SUM: usize = 16 << 10;

/// Terms from which on a sum is divided rather than made of smaller tiles.
const LONG_SUM: usize = 4096;

/// Terms below which a sum is not divided for the sake of more workgroups.
const SHORTEST_PART: usize = 256;

impl Product {
    fn k(&self) -> usize {
        self.terms.iter().product()
    }

    /// Into how many parts sums are divided, whose results a second kernel joins, where `pieces` of the result are
    /// computed at once.
    fn parts(&self, pieces: usize, caps: &Caps) -> usize {
        let (busy, k) = (caps.hardware.busy(), self.k());
        // A second kernel must be worth it.
        let few = pieces <= if k < LONG_SUM { busy / 4 } else { busy / 2 };
        let parts = if few { (busy / pieces).min(k / SHORTEST_PART) } else { 1 };
        parts.max(k.div_ceil(LONGEST_SUM)).max(1)
    }

    /// Sizes by name, and the functions of both operands.
    fn functions(&self, sides: &[Side; 2], form: Form) -> String {
        let (k, Product { m, n, .. }) = (self.k(), self);
        let mut text = format!("const M = {m}u;\nconst N = {n}u;\nconst K = {k}u;\n");
        for (name, side) in ["a", "b"].iter().zip(sides) {
            let value = match (side.inside, form) {
                (None, _) => format!("return {};", side.element),
                (Some(inside), Form::Tile(_)) => {
                    format!("if ({inside}) {{\n        return {};\n    }}\n    return 0.0;", side.element)
                }
                // Without a jump: what is read where nothing is is dropped.
                (Some(inside), Form::Block(_)) => format!("return select(0.0, {}, {inside});", side.element),
            };
            writeln!(
                text,
                "fn {name}_line(batch: u32, line: u32) -> vec4<u32> {{\n    {}\n}}\nfn {name}_at(line: vec4<u32>, k: u32, \
                 term: vec3<u32>) -> f32 {{\n    {}{value}\n}}",
                side.line, side.place
            )
            .ok();
        }
        text
    }
}

/// The kernels of a contraction.
pub(super) fn kernels(task: &Task<'_>, op: ContractionOp) -> Vec<Kernel> {
    match op {
        ContractionOp::Matmul { ta, tb } => matmul::matmul(task, [ta, tb]),
        ContractionOp::Conv2d(conv) => conv::conv2d(task, conv),
        ContractionOp::Conv2dInputGrad(conv) => conv::conv2d_input_grad(task, conv),
        ContractionOp::Conv2dWeightGrad(conv) => conv::conv2d_weight_grad(task, conv),
    }
}

/// The kernels of a product.
fn multiply(
    task: &Task<'_>,
    product: &Product,
    names: [&str; 2],
    sides: &[Side; 2],
    constants: &str,
    place: &Place,
) -> Vec<Kernel> {
    let caps = task.caps();
    let form = match caps.hardware {
        Hardware::SwiftShader => Form::Block(Block::of(product, sides[1].slide)),
        Hardware::Processor | Hardware::Gpu | Hardware::Discrete => Form::Tile(Tile::of(product, caps)),
    };
    let pieces = match form {
        Form::Block(block) => block.count(product),
        Form::Tile(tile) => tile.count(product),
    };
    let parts = product.parts(pieces, caps);
    let len = task.len();
    let scratch = (parts > 1).then(|| task.values.scratch(1, parts * len)).and_then(|mut scratch| scratch.pop());
    let start = if scratch.is_some() { format!("part * {len}u + ") } else { String::new() };
    let first = format!("{start}{}", place.first);
    let written = scratch.clone().unwrap_or_else(|| task.result());
    let shader = task.writing(&[(names[0], 0), (names[1], 1)], &[("result", written)]);
    let shader = shader.with(constants).with(&product.functions(sides, form));
    let mut kernels = vec![match form {
        Form::Block(block) => block.write(shader, product, parts, (&first, place.row)),
        Form::Tile(tile) => tile.write(shader, product, parts, sides, (&first, place.row)),
    }];
    if let Some(scratch) = scratch {
        kernels.push(second(task, scratch, parts));
    }
    kernels
}

/// Joins the parts of the sums.
fn second(task: &Task<'_>, scratch: Want, parts: usize) -> Kernel {
    let len = task.len();
    let body = format!(
        "var total = parts(i);\nfor (var part = 1u; part < {parts}u; part += 1u) {{\n    total += parts(part * {len}u + \
         i);\n}}\nset_result(i, total);"
    );
    task.writing(&[], &[("parts", scratch), ("result", task.result())]).each(len, &body)
}
