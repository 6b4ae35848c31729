//! Symmetric positive definite systems, by Cholesky's factors: `a = L L^T`, then forwards and backwards.

use crate::engine::webgpu::{memory::Want, shader::Kernel, task::Task};

/// Invocations a workgroup; each takes every 256th row.
const LANES: usize = 256;

/// Rounds of an invocation's loops in one kernel, so that no dispatch is too long for a watchdog; and Mesa's software
/// rasteriser ends loops after 65,535 rounds.
const ROUNDS: usize = 32_768;

/// One workgroup factors into scratch memory, a span of columns a kernel; then one workgroup a column of b solves, in
/// place of the result.
pub(super) fn solve(task: &Task<'_>) -> Vec<Kernel> {
    let n = task.shapes[0].dim(0);
    let m = task.node.shape.dim(1);
    let constants = format!("const N = {n}u;\nconst M = {m}u;\nconst LANES = {LANES}u;");
    let Some(scratch) = task.values.scratch(1, n * n).pop() else { return Vec::new() };
    let mut kernels: Vec<Kernel> = spans(n).map(|span| factor(task, &scratch, &constants, span)).collect();
    kernels.push(substitute(task, scratch, &constants, m));
    kernels
}

/// Columns `[first, end)` that one kernel factors within its rounds.
fn spans(n: usize) -> impl Iterator<Item = [usize; 2]> {
    let rounds = move |column: usize| (column + 1) * (n - column).div_ceil(LANES);
    let mut first = 0;
    std::iter::from_fn(move || {
        let mut total = 0;
        let fits = |&column: &usize| {
            total += rounds(column);
            total <= ROUNDS
        };
        let taken = (first..n).take_while(fits).count().max(1);
        let span = [first, (first + taken).min(n)];
        first = span[1];
        (span[0] < n).then_some(span)
    })
}

fn factor(task: &Task<'_>, scratch: &Want, constants: &str, [first, end]: [usize; 2]) -> Kernel {
    let body = format!(
        "for (var column = {first}u; column < {end}u; column += 1u) {{
    for (var row = column + lane; row < N; row += LANES) {{
        var sum = 0.0;
        for (var k = 0u; k < column; k += 1u) {{
            sum += factor(row * N + k) * factor(column * N + k);
        }}
        set_factor(row * N + column, a(row * N + column) - sum);
    }}
    storageBarrier();
    let diagonal = sqrt(factor(column * N + column));
    storageBarrier();
    for (var row = column + lane; row < N; row += LANES) {{
        set_factor(row * N + column, factor(row * N + column) / diagonal);
    }}
    storageBarrier();
}}"
    );
    task.writing(&[("a", 0)], &[("factor", scratch.clone())]).with(constants).groups(1, LANES, &body)
}

/// Each solved row is taken off the rows that are left, forwards with L and backwards with its transpose.
fn substitute(task: &Task<'_>, scratch: Want, constants: &str, m: usize) -> Kernel {
    let solved = "fn solve_row(row: u32, column: u32, lane: u32) -> f32 {
    storageBarrier();
    let x = result(row * M + column) / factor(row * N + row);
    storageBarrier();
    if (lane == 0u) {
        set_result(row * M + column, x);
    }
    return x;
}";
    let body = "for (var row = lane; row < N; row += LANES) {
    set_result(row * M + group, b(row * M + group));
}
for (var row = 0u; row < N; row += 1u) {
    let x = solve_row(row, group, lane);
    for (var other = row + 1u + lane; other < N; other += LANES) {
        set_result(other * M + group, result(other * M + group) - factor(other * N + row) * x);
    }
}
for (var left = N; left > 0u; left -= 1u) {
    let row = left - 1u;
    let x = solve_row(row, group, lane);
    for (var other = lane; other < row; other += LANES) {
        set_result(other * M + group, result(other * M + group) - factor(row * N + other) * x);
    }
}";
    let written = [("result", task.result()), ("factor", scratch)];
    task.writing(&[("b", 1)], &written).with(constants).with(solved).groups(m, LANES, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_cover_all_columns_once() {
        for n in [1, 100, 255, 256, 400, 1000, 3000] {
            let ends: Vec<_> = spans(n).collect();
            assert_eq!(ends.iter().map(|[first, end]| end - first).sum::<usize>(), n);
            assert!(ends.windows(2).all(|pair| pair[0][1] == pair[1][0]) && ends[0][0] == 0);
        }
        assert_eq!(spans(200).count(), 1);
    }
}
