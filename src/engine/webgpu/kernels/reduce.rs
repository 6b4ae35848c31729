//! Reductions: sums and maxima of many terms into each element of the result.
//!
//! Sums are taken in parts of parts, which keeps rounding errors far below those of one long running sum. (Carrying
//! the error along, as Kahan does, would not survive compilers that reorder sums.)

use super::{Task, Work};
use crate::{
    engine::webgpu::kernel::{Kernel, Shader, Walk, indented},
    graph::Reduce,
};

/// Terms summed one after another before they join the total.
const PART: usize = 32;

/// Up to this many terms one invocation takes them all.
const SERIAL_TERMS: usize = 64;

/// Above this many terms, chunks of so many are reduced first and their results then: one workgroup should not have to
/// do it all, and Mesa's software rasteriser ends every invocation's loops after 65,535 rounds.
const CHUNK: usize = 16_384;

/// From this many results on there is work enough without dividing each.
const SERIAL_RESULTS: usize = 16_384;

pub(super) fn reduce(task: &Task<'_>, reduce: Reduce, axes: &[u32]) -> Work {
    let shape = task.shapes[0];
    let strides = shape.strides();
    let walk = |reduced: bool| {
        let axes = (0..shape.rank()).filter(move |&axis| axes.contains(&(axis as u32)) == reduced);
        let (sizes, steps): (Vec<_>, Vec<_>) = axes.map(|axis| (shape.dim(axis), strides[axis])).unzip();
        Walk::new(0, sizes, steps)
    };
    let (kept, reduced) = (walk(false), walk(true));
    let terms = reduced.steps.iter().map(|step| step.size).product();
    let term = format!("return x({} + {});", kept.at("i"), reduced.at("r"));
    fold(Shader::new().operand("x", 0, task.operands[0]), reduce, task.len(), terms, &term)
}

/// The kernels for `results` elements, each from `terms` terms; `term` is the body of a function that returns term `r`
/// of result `i`.
pub(super) fn fold(shader: Shader, reduce: Reduce, results: usize, terms: usize, term: &str) -> Work {
    if terms <= 4 * CHUNK {
        return Work { kernels: vec![level(shader, reduce, results, terms, term)], scratch: 0 };
    }
    let chunks = terms.div_ceil(CHUNK);
    let all = format!("fn term_of_all(i: u32, r: u32) -> f32 {{\n{}}}", indented(term));
    let own = format!(
        "let at = i % {chunks}u * {CHUNK}u + r;
if (at >= {terms}u) {{
    return start();
}}
return term_of_all(i / {chunks}u, at);"
    );
    let first = level(shader.with(&all).writing_scratch(), reduce, results * chunks, CHUNK, &own);
    let parts = Shader::new().scratch("parts");
    let second = level(parts, reduce, results, chunks, &format!("return parts[i * {chunks}u + r];"));
    Work { kernels: vec![first, second], scratch: results * chunks }
}

/// One kernel of a reduction.
fn level(shader: Shader, reduce: Reduce, results: usize, terms: usize, term: &str) -> Kernel {
    let (start, join) = match reduce {
        Reduce::Sum => ("return 0.0;", "return a + b;"),
        // Minus infinity, which WGSL has no constant for.
        Reduce::Max => ("var bits = 0xff800000u;\n    return bitcast<f32>(bits);", "return max(a, b);"),
    };
    let shader = shader.with(&format!("fn start() -> f32 {{\n    {start}\n}}"));
    if terms == 0 {
        return shader.each(results, "result[i] = start();");
    }
    let shader = shader
        .with(&format!("fn join(a: f32, b: f32) -> f32 {{\n    {join}\n}}"))
        .with(&format!("fn term(i: u32, r: u32) -> f32 {{\n{}}}", indented(term)));
    if terms <= SERIAL_TERMS || results >= SERIAL_RESULTS {
        let body = format!("{}\nresult[i] = total;", parts("i", "0u", 1, terms));
        return shader.each(results, &body);
    }
    shared(shader, results, terms)
}

/// A workgroup a result: its lanes take turns at the terms, then join what they have, pair by pair.
fn shared(shader: Shader, results: usize, terms: usize) -> Kernel {
    let lanes = if terms >= 4096 { 256 } else { 64 };
    let body = format!(
        "{}
partial[lane] = total;
workgroupBarrier();
for (var half = {}u; half > 0u; half /= 2u) {{
    if (lane < half) {{
        partial[lane] = join(partial[lane], partial[lane + half]);
    }}
    workgroupBarrier();
}}
if (lane == 0u) {{
    result[group] = partial[0];
}}",
        parts("group", "lane", lanes, terms),
        lanes / 2
    );
    shader.with(&format!("var<workgroup> partial: array<f32, {lanes}>;")).groups(results, lanes, &body)
}

/// Declares `total`: the terms `first, first + step, ..` of result `i`, in parts.
fn parts(i: &str, first: &str, step: usize, terms: usize) -> String {
    let span = PART * step;
    format!(
        "var total = start();
for (var at = {first}; at < {terms}u; at += {span}u) {{
    var part = start();
    for (var r = at; r < min(at + {span}u, {terms}u); r += {step}u) {{
        part = join(part, term({i}, r));
    }}
    total = join(total, part);
}}"
    )
}
