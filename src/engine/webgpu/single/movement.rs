//! Movement that no view expresses: operands one after another, and zeros between elements.

use std::fmt::Write;

use crate::engine::webgpu::{
    index::{quotient, remainder, unravel},
    shader::Kernel,
    task::Task,
};

/// Each element of the result looks for the operand that it comes from.
pub(super) fn concat(task: &Task<'_>, axis: usize) -> Kernel {
    let inner: usize = task.node.shape.iter().skip(axis + 1).product();
    let row = task.node.shape.dim(axis) * inner;
    let names: Vec<String> = (0..task.shapes.len()).map(|index| format!("x{index}")).collect();
    let operands: Vec<(&str, usize)> = names.iter().map(String::as_str).zip(0..).collect();
    let mut body = format!("let row = {};\nlet at = {};\nvar value = 0.0;\n", quotient("i", row), remainder("i", row));
    let mut start = 0;
    let mut branches = Vec::new();
    for (name, shape) in names.iter().zip(&task.shapes) {
        let len = shape.dim(axis) * inner;
        if len > 0 {
            let end = start + len;
            branches.push(format!("if (at < {end}u) {{\n    value = {name}(row * {len}u + at - {start}u);\n}}"));
            start = end;
        }
    }
    writeln!(body, "{}\nset_result(i, value);", branches.join(" else ")).ok();
    task.shader(&operands).each(task.len(), &body)
}

pub(super) fn pad(task: &Task<'_>, low: &[u32], interior: &[u32]) -> Kernel {
    let (shape, result) = (task.shapes[0], task.node.shape);
    let shader = task.shader(&[("x", 0)]);
    if shape.elements() == 0 {
        return shader.each(task.len(), "set_result(i, 0.0);");
    }
    let names: Vec<String> = (0..result.rank()).map(|axis| format!("at{axis}")).collect();
    let mut body = unravel("i", &names, &result.dims());
    let (mut inside, mut places) = (String::from("true"), Vec::new());
    for (axis, (size, stride)) in shape.iter().zip(shape.strides()).enumerate() {
        let (low, every) = (low[axis], interior[axis] as usize + 1);
        // Below zero wraps around to a number far above the size.
        writeln!(body, "let from{axis} = at{axis} - {low}u;").ok();
        let from = format!("from{axis}");
        let (at, between) = (quotient(&from, every), remainder(&from, every));
        write!(inside, " && {at} < {size}u && {between} == 0u").ok();
        places.push(format!("{at} * {stride}u"));
    }
    if places.is_empty() {
        places.push("0u".into());
    }
    let place = places.join(" + ");
    writeln!(body, "var value = 0.0;\nif ({inside}) {{\n    value = x({place});\n}}\nset_result(i, value);").ok();
    shader.each(task.len(), &body)
}
