//! Element-wise operations: element i of the result from element i of the operands.

use super::Task;
use crate::{
    engine::webgpu::kernel::{Kernel, Operand, Shader},
    graph::{Binary, Compare, Unary},
};

const EXP: &str = include_str!("../wgsl/exp.wgsl");
const TANH: &str = include_str!("../wgsl/tanh.wgsl");
pub(super) const LOG: &str = include_str!("../wgsl/log.wgsl");
pub(super) const TRIG: &str = include_str!("../wgsl/trig.wgsl");

/// The operand as it is.
pub(super) fn copy(operand: Operand, len: usize) -> Kernel {
    Shader::new().operand("x", 0, operand).each(len, "result[i] = x(i);")
}

/// Functions whose accuracy WGSL leaves open are our own; division and square root it holds to 2.5 units in the last
/// place or so.
pub(super) fn unary(task: &Task<'_>, function: Unary) -> Kernel {
    let (library, value): (&[&str], _) = match function {
        Unary::Neg => (&[], "-x(i)"),
        Unary::Exp => (&[EXP], "exp_f32(x(i))"),
        Unary::Log => (&[LOG], "log_f32(x(i))"),
        Unary::Sin => (&[TRIG], "sin_f32(x(i))"),
        Unary::Cos => (&[TRIG], "cos_f32(x(i))"),
        Unary::Sqrt => (&[], "sqrt(x(i))"),
        Unary::Tanh => (&[EXP, TANH], "tanh_f32(x(i))"),
        Unary::Recip => (&[], "1.0 / x(i)"),
        Unary::Floor => (&[], "floor(x(i))"),
    };
    let shader = Shader::new().operand("x", 0, task.operands[0]);
    library.iter().fold(shader, |shader, text| shader.with(text)).each(task.len(), &format!("result[i] = {value};"))
}

pub(super) fn binary(task: &Task<'_>, function: Binary) -> Kernel {
    pair(
        task,
        match function {
            Binary::Add => "a(i) + b(i)",
            Binary::Sub => "a(i) - b(i)",
            Binary::Mul => "a(i) * b(i)",
            Binary::Div => "a(i) / b(i)",
            Binary::Max => "max(a(i), b(i))",
        },
    )
}

pub(super) fn compare(task: &Task<'_>, comparison: Compare) -> Kernel {
    pair(
        task,
        match comparison {
            Compare::Gt => "select(0.0, 1.0, a(i) > b(i))",
            Compare::Ge => "select(0.0, 1.0, a(i) >= b(i))",
            Compare::Eq => "select(0.0, 1.0, a(i) == b(i))",
        },
    )
}

fn pair(task: &Task<'_>, value: &str) -> Kernel {
    Shader::new()
        .operand("a", 0, task.operands[0])
        .operand("b", 1, task.operands[1])
        .each(task.len(), &format!("result[i] = {value};"))
}

pub(super) fn select(task: &Task<'_>) -> Kernel {
    Shader::new()
        .operand("mask", 0, task.operands[0])
        .operand("a", 1, task.operands[1])
        .operand("b", 2, task.operands[2])
        .each(task.len(), "result[i] = select(b(i), a(i), mask(i) != 0.0);")
}
