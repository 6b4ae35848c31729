//! Contractions: matrix products, and convolutions as products whose operands are gathered on the way to workgroup memory
//! (implicit GEMM).

mod conv;
mod matmul;
mod tile;

pub(super) use conv::{conv2d, conv2d_input_grad, conv2d_weight_grad};
pub(super) use matmul::matmul;
pub(super) use tile::Product;

/// One operand of a product, as the text of a function that gives its elements.
///
/// `rows` numbers the lines that the result has too (its rows for the first operand, its columns for the second), `k` what
/// is summed over. The functions are
/// `NAME_line(batch: u32, line: u32) -> vec4<u32>`, what is known of a line before the sum, and
/// `NAME_at(line: vec4<u32>, k: u32) -> f32`.
pub(super) struct Side {
    /// Body of the first function; `line` is less than the number of lines.
    pub line: String,
    /// Body of the second; k is less than their number.
    pub at: String,
    /// Which index neighbours in memory differ in.
    pub neighbours: Neighbours,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Neighbours {
    Lines,
    Terms,
}
