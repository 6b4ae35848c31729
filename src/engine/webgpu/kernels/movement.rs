//! Movement: elements in another order, repeated, left out or with zeros between.

use std::fmt::Write;

use super::Task;
use crate::engine::webgpu::kernel::{Kernel, Shader, Walk, unravel};

/// Element i of the result is the operand's element at step i of `walk`.
fn gather(task: &Task<'_>, walk: &Walk) -> Kernel {
    let body = format!("result[i] = x({});", walk.at("i"));
    Shader::new().operand("x", 0, task.operands[0]).each(task.len(), &body)
}

pub(super) fn permute(task: &Task<'_>, axes: &[u32]) -> Kernel {
    let strides = task.shapes[0].strides();
    gather(task, &Walk::new(0, task.node.shape.iter(), axes.iter().map(|&axis| strides[axis as usize])))
}

pub(super) fn expand(task: &Task<'_>) -> Kernel {
    let shape = task.shapes[0];
    let strides = shape.strides().into_iter().zip(shape.iter());
    gather(
        task,
        &Walk::new(0, task.node.shape.iter(), strides.map(|(stride, size)| if size == 1 { 0 } else { stride })),
    )
}

pub(super) fn flip(task: &Task<'_>, axes: &[u32]) -> Kernel {
    let mut walk = Walk::new(0, task.node.shape.iter(), task.node.shape.strides());
    for &axis in axes {
        walk.steps[axis as usize].backwards = true;
    }
    gather(task, &walk)
}

pub(super) fn slice(task: &Task<'_>, start: &[u32], step: &[u32]) -> Kernel {
    let strides = task.shapes[0].strides();
    let first = start.iter().zip(&strides).map(|(&at, stride)| at as usize * stride).sum();
    let steps = step.iter().zip(&strides).map(|(&step, stride)| step as usize * stride);
    gather(task, &Walk::new(first, task.node.shape.iter(), steps))
}

/// One kernel an operand, each writing its part of the result.
pub(super) fn concat(task: &Task<'_>, axis: usize) -> Vec<Kernel> {
    let strides = task.node.shape.strides();
    let mut start = 0;
    let mut kernels = Vec::new();
    for (input, shape) in task.shapes.iter().enumerate() {
        let place = Walk::new(start * strides[axis], shape.iter(), strides.iter().copied());
        start += shape.dim(axis);
        if shape.elements() > 0 {
            let body = format!("result[{}] = x(i);", place.at("i"));
            kernels.push(Shader::new().operand("x", input, task.operands[input]).each(shape.elements(), &body));
        }
    }
    kernels
}

pub(super) fn pad(task: &Task<'_>, low: &[u32], interior: &[u32]) -> Kernel {
    let (shape, result) = (task.shapes[0], task.node.shape);
    if shape.elements() == 0 {
        return Shader::new().each(task.len(), "result[i] = 0.0;");
    }
    let names: Vec<String> = (0..result.rank()).map(|axis| format!("at{axis}")).collect();
    let mut body = unravel("i", &names, &result.dims());
    let (mut inside, mut places) = (String::from("true"), Vec::new());
    for (axis, (size, stride)) in shape.iter().zip(shape.strides()).enumerate() {
        let (low, every) = (low[axis], u64::from(interior[axis]) + 1);
        // Below zero wraps around to a number far above the size.
        writeln!(body, "let from{axis} = at{axis} - {low}u;").ok();
        write!(inside, " && from{axis} / {every}u < {size}u && from{axis} % {every}u == 0u").ok();
        places.push(format!("from{axis} / {every}u * {stride}u"));
    }
    if places.is_empty() {
        places.push("0u".into());
    }
    writeln!(body, "result[i] = 0.0;\nif ({inside}) {{\n    result[i] = x({});\n}}", places.join(" + ")).ok();
    Shader::new().operand("x", 0, task.operands[0]).each(task.len(), &body)
}
