//! Contractions: matrix products and the convolution family.

use super::{Task, Work, reduce::fold};
use crate::{
    engine::webgpu::kernel::{Kernel, Shader, unravel},
    graph::{Conv, Reduce},
    shape::Shape,
};

/// Rows, columns and depth of the tiles of a matrix product: one invocation an element.
const TILE: usize = 16;

/// Tiles of both operands pass through workgroup memory. Each tile's products are summed before they join the total,
/// which keeps rounding errors small.
pub(super) fn matmul(task: &Task<'_>, [ta, tb]: [bool; 2]) -> Kernel {
    let (shape, a) = (task.node.shape, task.shapes[0]);
    let (m, n) = (shape.dim(shape.rank() - 2), shape.dim(shape.rank() - 1));
    let k = a.dim(a.rank() - if ta { 2 } else { 1 });
    let (down, across) = (m.div_ceil(TILE), n.div_ceil(TILE));
    let batches = task.len() / (m * n);
    let a_at = if ta { format!("k * {m}u + row") } else { format!("row * {k}u + k") };
    let b_at = if tb { format!("column * {k}u + k") } else { format!("k * {n}u + column") };
    let constants = format!("const M = {m}u;\nconst N = {n}u;\nconst K = {k}u;\nconst TILE = {TILE}u;");
    let elements = format!(
        "fn a_at(batch: u32, row: u32, k: u32) -> f32 {{
    if (row >= M || k >= K) {{
        return 0.0;
    }}
    return a(batch * M * K + {a_at});
}}
fn b_at(batch: u32, k: u32, column: u32) -> f32 {{
    if (column >= N || k >= K) {{
        return 0.0;
    }}
    return b(batch * K * N + {b_at});
}}
var<workgroup> a_tile: array<f32, {}>;
var<workgroup> b_tile: array<f32, {}>;",
        TILE * TILE,
        TILE * TILE
    );
    let body = format!(
        "let batch = group / {}u;
let y = lane / TILE;
let x = lane % TILE;
let row = group / {across}u % {down}u * TILE + y;
let column = group % {across}u * TILE + x;
var total = 0.0;
for (var at = 0u; at < K; at += TILE) {{
    a_tile[lane] = a_at(batch, row, at + x);
    b_tile[lane] = b_at(batch, at + y, column);
    workgroupBarrier();
    var part = 0.0;
    for (var k = 0u; k < TILE; k += 1u) {{
        part += a_tile[y * TILE + k] * b_tile[k * TILE + x];
    }}
    total += part;
    workgroupBarrier();
}}
if (row < M && column < N) {{
    result[(batch * M + row) * N + column] = total;
}}",
        down * across
    );
    Shader::new()
        .operand("a", 0, task.operands[0])
        .operand("b", 1, task.operands[1])
        .with(&constants)
        .with(&elements)
        .groups(batches * down * across, TILE * TILE, &body)
}

/// The sizes of a convolution as WGSL constants, from the shapes of image, kernel and result.
fn sizes(conv: Conv, x: Shape, k: Shape, y: Shape) -> String {
    let [_, ci, h, w] = dims(x);
    let [co, ci_group, kh, kw] = dims(k);
    let [_, _, oh, ow] = dims(y);
    let (stride, padding, co_group) = (conv.stride, conv.padding, co / conv.groups as usize);
    [
        ("CI", ci),
        ("CO", co),
        ("CI_GROUP", ci_group),
        ("CO_GROUP", co_group),
        ("H", h),
        ("W", w),
        ("KH", kh),
        ("KW", kw),
        ("OH", oh),
        ("OW", ow),
        ("STRIDE", stride as usize),
        ("PADDING", padding as usize),
    ]
    .map(|(name, size)| format!("const {name} = {size}u;\n"))
    .concat()
}

fn dims(shape: Shape) -> [usize; 4] {
    std::array::from_fn(|axis| shape.dim(axis))
}

/// Declares the four indices of element `index` of `shape`.
fn indices(index: &str, names: [&str; 4], shape: Shape) -> String {
    unravel(index, &names.map(String::from), &shape.dims())
}

/// Row and column of the image that output pixel (oy, ox) reads with kernel element (ky, kx) are `oy STRIDE + ky -
/// PADDING` and so on; below zero they wrap around to numbers far above the image's size.
pub(super) fn conv2d(task: &Task<'_>, conv: Conv) -> Kernel {
    let body = indices("i", ["n", "co", "oy", "ox"], task.node.shape)
        + "let first = co / CO_GROUP * CI_GROUP;
var total = 0.0;
for (var c = 0u; c < CI_GROUP; c += 1u) {
    var part = 0.0;
    for (var ky = 0u; ky < KH; ky += 1u) {
        let y = oy * STRIDE + ky - PADDING;
        for (var kx = 0u; kx < KW; kx += 1u) {
            let x = ox * STRIDE + kx - PADDING;
            if (y < H && x < W) {
                part += image(((n * CI + first + c) * H + y) * W + x) * weight(((co * CI_GROUP + c) * KH + ky) * KW + kx);
            }
        }
    }
    total += part;
}
result[i] = total;";
    Shader::new()
        .operand("image", 0, task.operands[0])
        .operand("weight", 1, task.operands[1])
        .with(&sizes(conv, task.shapes[0], task.shapes[1], task.node.shape))
        .each(task.len(), &body)
}

/// An image pixel collects from the output pixels whose window it lies in.
pub(super) fn conv2d_input_grad(task: &Task<'_>, conv: Conv) -> Kernel {
    let body = indices("i", ["n", "ci", "y", "x"], task.node.shape)
        + "let block = ci / CI_GROUP;
let c = ci % CI_GROUP;
var total = 0.0;
for (var o = 0u; o < CO_GROUP; o += 1u) {
    let co = block * CO_GROUP + o;
    var part = 0.0;
    for (var ky = 0u; ky < KH; ky += 1u) {
        let from_y = y + PADDING - ky;
        for (var kx = 0u; kx < KW; kx += 1u) {
            let from_x = x + PADDING - kx;
            let whole = from_y % STRIDE == 0u && from_x % STRIDE == 0u;
            if (whole && y + PADDING >= ky && x + PADDING >= kx && from_y / STRIDE < OH && from_x / STRIDE < OW) {
                let at = ((n * CO + co) * OH + from_y / STRIDE) * OW + from_x / STRIDE;
                part += grad(at) * weight(((co * CI_GROUP + c) * KH + ky) * KW + kx);
            }
        }
    }
    total += part;
}
result[i] = total;";
    Shader::new()
        .operand("grad", 0, task.operands[0])
        .operand("weight", 1, task.operands[1])
        .with(&sizes(conv, task.node.shape, task.shapes[1], task.shapes[0]))
        .each(task.len(), &body)
}

/// A weight sums over all output pixels of all images: as long a sum as there is, so a workgroup shares it.
pub(super) fn conv2d_weight_grad(task: &Task<'_>, conv: Conv) -> Work {
    let grad = task.shapes[1];
    let [images, _, oh, ow] = dims(grad);
    let pixels = ["n", "oy", "ox"].map(String::from);
    let term = indices("i", ["co", "c", "ky", "kx"], task.node.shape)
        + &unravel("r", &pixels, &[images, oh, ow])
        + "let y = oy * STRIDE + ky - PADDING;
let x = ox * STRIDE + kx - PADDING;
if (y >= H || x >= W) {
    return 0.0;
}
let ci = co / CO_GROUP * CI_GROUP + c;
return image(((n * CI + ci) * H + y) * W + x) * grad(((n * CO + co) * OH + oy) * OW + ox);";
    let shader = Shader::new().operand("image", 0, task.operands[0]).operand("grad", 1, task.operands[1]).with(&sizes(
        conv,
        task.shapes[0],
        task.node.shape,
        grad,
    ));
    fold(shader, Reduce::Sum, task.len(), images * oh * ow, &term)
}
