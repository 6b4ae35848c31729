//! Matrix products.

use candle_core::{Result, Tensor};

use crate::shape::Shape;

/// Batched product over the last two axes, either side stored transposed.
pub(super) fn matmul(a: (&Tensor, bool), b: (&Tensor, bool), out: Shape) -> Result<Tensor> {
    let flat = |(x, transposed): (&Tensor, bool)| {
        let x = x.contiguous()?;
        let (rows, columns) = (x.dim(out.rank() - 2)?, x.dim(out.rank() - 1)?);
        let x = x.reshape((x.elem_count() / (rows * columns), rows, columns))?;
        if transposed { x.transpose(1, 2) } else { Ok(x) }
    };
    flat(a)?.matmul(&flat(b)?)?.reshape(out.dims())
}
