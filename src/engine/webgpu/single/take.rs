//! Rows by number, and the sums that come back.

use crate::engine::webgpu::{
    index::{quotient, remainder},
    shader::Kernel,
    task::Task,
};

/// Elements of one row of a tensor whose first axis counts rows.
fn row_len(len: usize, rows: usize) -> usize {
    len / rows.max(1)
}

pub(super) fn take(task: &Task<'_>) -> Kernel {
    let rows = task.shapes[0].dim(0);
    let row = row_len(task.len(), task.node.shape.dim(0));
    let (number, at) = (quotient("i", row), remainder("i", row));
    let body = format!(
        "let row = rows({number});
var value = 0.0;
if (row < {rows}u) {{
    value = x(row * {row}u + {at});
}}
set_result(i, value);"
    );
    task.shader(&[("x", 0), ("rows", 1)]).each(task.len(), &body)
}

/// Each element looks for its row among all that were taken, in increasing order.
pub(super) fn transpose(task: &Task<'_>) -> Kernel {
    let row = row_len(task.len(), task.node.shape.dim(0));
    let taken = task.shapes[1].elements();
    let (number, at) = (quotient("i", row), remainder("i", row));
    let body = format!(
        "let row = {number};
var total = 0.0;
for (var k = 0u; k < {taken}u; k += 1u) {{
    if (rows(k) == row) {{
        total += x(k * {row}u + {at});
    }}
}}
set_result(i, total);"
    );
    task.shader(&[("x", 0), ("rows", 1)]).each(task.len(), &body)
}
