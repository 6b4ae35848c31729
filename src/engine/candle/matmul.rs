//! Matrix products: candle's on every device, and a safe face on `gemm` for the host's convolutions.

use candle_core::{Result, Tensor};

use super::Context;
use crate::shape::Shape;

/// Batched product over the last two axes, either side stored transposed.
pub(super) fn matmul(context: &Context, a: (&Tensor, bool), b: (&Tensor, bool), out: Shape) -> Result<Tensor> {
    let flat = |(x, transposed): (&Tensor, bool)| {
        let x = context.packed(x)?;
        let (rows, columns) = (x.dim(out.rank() - 2)?, x.dim(out.rank() - 1)?);
        let x = x.reshape((x.elem_count() / (rows * columns), rows, columns))?;
        if transposed { x.transpose(1, 2) } else { Ok(x) }
    };
    flat(a)?.matmul(&flat(b)?)?.reshape(out.dims())
}

/// A matrix to read, with the distances of its rows and of its columns.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub values: &'a [f32],
    pub row: usize,
    pub column: usize,
}

impl<'a> Matrix<'a> {
    /// Row-major with rows of `columns` elements.
    pub fn rows(values: &'a [f32], columns: usize) -> Matrix<'a> {
        Matrix { values, row: columns, column: 1 }
    }

    pub fn transposed(self) -> Matrix<'a> {
        Matrix { row: self.column, column: self.row, ..self }
    }

    /// Whether all of an `m` by `n` matrix lies within the values.
    fn holds(&self, m: usize, n: usize) -> bool {
        m == 0 || n == 0 || (m - 1) * self.row + (n - 1) * self.column < self.values.len()
    }
}

/// `c = a b`, or `c += a b`, with `a [m, k]`, `b [k, n]` and row-major `c [m, n]`. With `parallel` all threads take
/// part; otherwise it is one of many products that run side by side.
#[expect(clippy::fn_params_excessive_bools, reason = "two independent choices of one caller each")]
pub(crate) fn product(
    (m, n, k): (usize, usize, usize),
    c: &mut [f32],
    accumulate: bool,
    a: Matrix<'_>,
    b: Matrix<'_>,
    parallel: bool,
) {
    assert!(c.len() >= m * n && a.holds(m, k) && b.holds(k, n), "a product of [{m}, {k}] and [{k}, {n}]");
    let parallelism = if parallel { gemm::Parallelism::Rayon(0) } else { gemm::Parallelism::None };
    let (row, column) = (|x: Matrix<'_>| x.row as isize, |x: Matrix<'_>| x.column as isize);
    // SAFETY: the three matrices lie within their slices (asserted above), and c is borrowed mutably, so that nothing
    // else reads or writes it.
    #[expect(unsafe_code, reason = "gemm takes pointers and strides")]
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.as_mut_ptr(),
            1,
            n as isize,
            accumulate,
            a.values.as_ptr(),
            column(a),
            row(a),
            b.values.as_ptr(),
            column(b),
            row(b),
            1.0_f32,
            1.0_f32,
            false,
            false,
            false,
            parallelism,
        );
    }
}
