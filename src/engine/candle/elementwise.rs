//! Element-wise functions in tensor operations.

use candle_core::{DType, Result, Tensor};

use crate::graph::{Binary, Compare, Unary};

pub(super) fn unary(function: Unary, x: &Tensor) -> Result<Tensor> {
    match function {
        Unary::Neg => x.neg(),
        Unary::Exp => x.exp(),
        Unary::Log => x.log(),
        Unary::Sin => x.sin(),
        Unary::Cos => x.cos(),
        Unary::Sqrt => x.sqrt(),
        Unary::Tanh => x.tanh(),
        Unary::Recip => x.recip(),
        Unary::Floor => x.floor(),
    }
}

pub(super) fn binary(function: Binary, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    match function {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Max => a.maximum(b),
    }
}

pub(super) fn compare(compare: Compare, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let mask = match compare {
        Compare::Gt => a.gt(b),
        Compare::Ge => a.ge(b),
        Compare::Eq => a.eq(b),
    };
    mask?.to_dtype(DType::F32)
}

pub(super) fn select(mask: &Tensor, a: &Tensor, b: &Tensor) -> Result<Tensor> {
    mask.ne(&mask.zeros_like()?)?.where_cond(a, b)
}
