//! Affine bilinear sampling and its transpose.

use crate::{
    engine::webgpu::{index::unravel, shader::Kernel, source::wgsl, task::Task},
    graph::Border,
    shape::Shape,
};

const SAMPLE: &str = wgsl!("../wgsl/sample.wgsl");
const TRANSPOSE: &str = wgsl!("../wgsl/sample_transpose.wgsl");

/// A kernel over all pixels of `pixels`, with the indices n, c, row and column declared; `input` is what is sampled
/// and `output` what comes of it.
fn over(task: &Task<'_>, [input, output]: [Shape; 2], border: Border, library: &[&str], body: &str) -> Kernel {
    let constants = format!(
        "const IN_H = {}u;\nconst IN_W = {}u;\nconst OUT_H = {}u;\nconst OUT_W = {}u;\nconst EDGE = {};",
        input.dim(2),
        input.dim(3),
        output.dim(2),
        output.dim(3),
        border == Border::Edge
    );
    let shape = task.node.shape;
    let names = ["n", "c", "row", "column"].map(String::from);
    let channels = format!("let plane = n * {}u + c;\n", shape.dim(1));
    let body = unravel("i", &names, &shape.dims()) + &channels + body;
    let shader = task.shader(&[("x", 0), ("map", 1)]).with(&constants);
    library.iter().fold(shader, |shader, text| shader.with(text)).each(task.len(), &body)
}

pub(super) fn sample(task: &Task<'_>, border: Border) -> Kernel {
    if task.shapes[0].elements() == 0 {
        return task.shader(&[]).each(task.len(), "set_result(i, 0.0);");
    }
    let body = "let at = read_at(n, row, column);
var total = 0.0;
for (var corner = 0u; corner < 4u; corner += 1u) {
    let here = floor(at) + vec2<f32>(f32(corner % 2u), f32(corner / 2u));
    if (here.x >= 0.0 && here.x < f32(IN_W) && here.y >= 0.0 && here.y < f32(IN_H)) {
        let pixel = x((plane * IN_H + u32(here.y)) * IN_W + u32(here.x));
        total += tap(at.y, here.y) * tap(at.x, here.x) * pixel;
    }
}
set_result(i, total);";
    over(task, [task.shapes[0], task.node.shape], border, &[SAMPLE], body)
}

/// Each pixel of the image collects from the output pixels that read it: WGSL has no atomic sums of floats, and the
/// order of the sum is fixed this way.
pub(super) fn transpose(task: &Task<'_>, border: Border) -> Kernel {
    if task.shapes[0].elements() == 0 {
        return task.shader(&[]).each(task.len(), "set_result(i, 0.0);");
    }
    let body = "let here = vec2<f32>(f32(column), f32(row));
let columns = readers(column, IN_W);
let rows = readers(row, IN_H);
var total = 0.0;
for (var p = 0u; p < OUT_H; p += 1u) {
    let first = aim(n, p, 0u);
    let a = columns_between(columns, first.x, map(6u * n));
    let b = columns_between(rows, first.y, map(6u * n + 3u));
    let end = u32(min(a.y, b.y) + 1.0);
    var part = 0.0;
    for (var q = u32(max(a.x, b.x)); q < end; q += 1u) {
        let at = read_at(n, p, q);
        let weight = tap(at.y, here.y) * tap(at.x, here.x);
        if (weight != 0.0) {
            part += weight * x((plane * OUT_H + p) * OUT_W + q);
        }
    }
    total += part;
}
set_result(i, total);";
    over(task, [task.node.shape, task.shapes[0]], border, &[SAMPLE, TRANSPOSE], body)
}
