//! Batched matrix products, either operand transposed.

use super::{Neighbours, Place, Product, Side, multiply};
use crate::engine::webgpu::{shader::Kernel, task::Task};

pub(super) fn matmul(task: &Task<'_>, [ta, tb]: [bool; 2]) -> Vec<Kernel> {
    let (shape, a) = (task.node.shape, task.shapes[0]);
    let (m, n) = (shape.dim(shape.rank() - 2), shape.dim(shape.rank() - 1));
    let k = a.dim(a.rank() - if ta { 2 } else { 1 });
    let product = Product { batches: task.len() / (m * n), m, n, terms: [1, 1, k] };
    let side = |name: &str, size: &str, by_term: bool| {
        let (line, at, neighbours) = if by_term {
            ("line * K", "line.x + k", Neighbours::Terms)
        } else {
            ("line", if size == "M" { "line.x + k * M" } else { "line.x + k * N" }, Neighbours::Lines)
        };
        Side {
            line: format!("return vec4<u32>(batch * {size} * K + {line}, 0u, 0u, 0u);"),
            place: String::new(),
            element: format!("{name}({at})"),
            inside: None,
            neighbours,
            slide: None,
        }
    };
    let sides = [side("left", "M", !ta), side("right", "N", tb)];
    let place = Place { first: "batch * (M * N) + column", row: n };
    multiply(task, &product, ["left", "right"], &sides, "", &place)
}
