//! Matrix products, convolutions, resampling, gathering, solving.

use super::{Border, Conv, Kind, Op, Tensor};
use crate::shape::Shape;

impl<'g> Tensor<'g> {
    /// Matrix product over the last two axes: `[.., m, k] x [.., k, n]`; leading axes broadcast.
    #[track_caller]
    pub fn matmul(self, other: Tensor<'g>) -> Tensor<'g> {
        self.matmul_t(false, other, false)
    }

    /// Matrix product in which either side may be stored transposed: with `ta` this is `[.., k, m]`, with `tb` the
    /// other is `[.., n, k]`.
    #[track_caller]
    #[expect(clippy::fn_params_excessive_bools, reason = "one flag a side, as in BLAS")]
    pub fn matmul_t(self, ta: bool, other: Tensor<'g>, tb: bool) -> Tensor<'g> {
        let (a, b) = (self.computable(), other.computable());
        let shape = matmul_shape(a.shape(), ta, b.shape(), tb);
        let Some((batch, m, n)) = shape else {
            let message =
                format!("no product of {} (transposed: {ta}) and {} (transposed: {tb})", a.shape(), b.shape());
            return a.graph.fail(message, a.shape());
        };
        let widened = |x: Tensor<'g>| {
            let mut dims = batch.dims();
            dims.extend(x.shape().iter().skip(x.rank() - 2));
            x.expand(Shape::try_new(&dims).unwrap_or(batch))
        };
        let mut dims = batch.dims();
        dims.extend([m, n]);
        match Shape::try_new(&dims) {
            Some(shape) => a.graph.node(Op::Matmul { ta, tb }, &[widened(a), widened(b)], shape),
            None => a.graph.fail(format!("a product of {} and {} is too large", a.shape(), b.shape()), a.shape()),
        }
    }

    /// Cross-correlation of images `[n, ci, h, w]` with kernels `[co, ci/groups, kh, kw]` to `[n, co, oh, ow]`.
    #[track_caller]
    pub fn conv2d(self, kernel: Tensor<'g>, conv: Conv) -> Tensor<'g> {
        let (x, k) = (self.computable(), kernel.computable());
        match convolved(conv, x.shape(), k.shape()) {
            Some(shape) => x.graph.node(Op::Conv2d(conv), &[x, k], shape),
            None => {
                let message = format!("no convolution of {} with kernels {} ({conv:?})", x.shape(), k.shape());
                x.graph.fail(message, x.shape())
            }
        }
    }

    /// The transpose of [`Tensor::conv2d`] in the images: this is `[n, co, oh, ow]`, the result `[n, ci, h, w]` with
    /// `(h, w) = size`.
    #[track_caller]
    pub fn conv2d_input_grad(self, kernel: Tensor<'g>, conv: Conv, size: (usize, usize)) -> Tensor<'g> {
        let (g, k) = (self.computable(), kernel.computable());
        let input = (g.rank() == 4 && k.rank() == 4)
            .then(|| Shape::try_new(&[g.dim(0), k.dim(1) * conv.groups as usize, size.0, size.1]))
            .flatten();
        match input {
            Some(input) if convolved(conv, input, k.shape()) == Some(g.shape()) => {
                g.graph.node(Op::Conv2dInputGrad(conv), &[g, k], input)
            }
            _ => {
                let message = format!("{} is no result of images {size:?} with kernels {}", g.shape(), k.shape());
                g.graph.fail(message, input.unwrap_or(g.shape()))
            }
        }
    }

    /// The transpose of [`Tensor::conv2d`] in the kernels: this is the images `[n, ci, h, w]`, `gradient` is
    /// `[n, co, oh, ow]`, the result `[co, ci/groups, kh, kw]` with `(kh, kw) = size`.
    #[track_caller]
    pub fn conv2d_weight_grad(self, gradient: Tensor<'g>, conv: Conv, size: (usize, usize)) -> Tensor<'g> {
        let (x, g) = (self.computable(), gradient.computable());
        let kernel = (g.rank() == 4 && x.rank() == 4 && conv.groups > 0)
            .then(|| Shape::try_new(&[g.dim(1), x.dim(1) / conv.groups as usize, size.0, size.1]))
            .flatten();
        match kernel {
            Some(kernel) if convolved(conv, x.shape(), kernel) == Some(g.shape()) => {
                x.graph.node(Op::Conv2dWeightGrad(conv), &[x, g], kernel)
            }
            _ => {
                let message = format!("{} is no result of {} with kernels of {size:?}", g.shape(), x.shape());
                x.graph.fail(message, kernel.unwrap_or(g.shape()))
            }
        }
    }

    /// Bilinear resampling of images `[n, c, h, w]` by one affine map an image (`[n, 2, 3]`), in pixels about the
    /// image centre, to `(oh, ow) = size`; see [`Op::Sample2d`]. No derivative passes to the map.
    #[track_caller]
    pub fn sample2d(self, map: Tensor<'g>, size: (usize, usize), border: Border) -> Tensor<'g> {
        self.resample(map, size, Op::Sample2d { border })
    }

    #[track_caller]
    pub(super) fn sample2d_transpose(self, map: Tensor<'g>, size: (usize, usize), border: Border) -> Tensor<'g> {
        self.resample(map, size, Op::Sample2dTranspose { border })
    }

    #[track_caller]
    fn resample(self, map: Tensor<'g>, size: (usize, usize), op: Op) -> Tensor<'g> {
        let (x, map) = (self.computable(), map.computable());
        if x.rank() != 4 || map.shape().dims() != [x.dim(0), 2, 3] || x.shape().elements() == 0 {
            let message = format!("images {} cannot be resampled by maps {}", x.shape(), map.shape());
            return x.graph.fail(message, x.shape());
        }
        x.graph.node(op, &[x, map], x.shape().with(2, size.0).with(3, size.1))
    }

    /// Rows `rows` (of kind [`Kind::Rows`], `[k]`) of this value `[r, ..]`: `[k, ..]`. Pixels read as value / 255.
    #[track_caller]
    pub fn take(self, rows: Tensor<'g>) -> Tensor<'g> {
        if self.rank() == 0 || self.kind() == Kind::Rows || rows.kind() != Kind::Rows {
            let message = format!("rows {:?} {} of {:?} {}", rows.kind(), rows.shape(), self.kind(), self.shape());
            return self.graph.fail(format!("`take` cannot read {message}"), self.shape());
        }
        let shape = self.shape().with(0, rows.shape().elements());
        self.graph.node(Op::Take, &[self, rows], shape)
    }

    /// The transpose of [`Tensor::take`] from a value of `count` rows: row r is the sum of those rows i of this value
    /// for which `rows[i] = r`.
    #[track_caller]
    pub fn take_transpose(self, rows: Tensor<'g>, count: usize) -> Tensor<'g> {
        let g = self.computable();
        if g.rank() == 0 || rows.kind() != Kind::Rows || rows.shape().elements() != g.dim(0) {
            let message = format!("{} cannot be put to rows {:?} {}", g.shape(), rows.kind(), rows.shape());
            return g.graph.fail(message, g.shape());
        }
        g.graph.node(Op::TakeTranspose, &[g, rows], g.shape().with(0, count))
    }

    /// x with `a x = b`, where this is a, `[n, n]`, symmetric positive definite, and b `[n, m]`.
    #[track_caller]
    pub fn solve_spd(self, b: Tensor<'g>) -> Tensor<'g> {
        let (a, b) = (self.computable(), b.computable());
        if a.rank() != 2 || b.rank() != 2 || a.dim(0) != a.dim(1) || a.dim(0) != b.dim(0) {
            return a.graph.fail(format!("no system of {} and {} to solve", a.shape(), b.shape()), b.shape());
        }
        a.graph.node(Op::SolveSpd, &[a, b], b.shape())
    }
}

/// The shape of the convolution of `x` with kernels `k`, or `None` if there is none.
pub fn convolved(conv: Conv, x: Shape, k: Shape) -> Option<Shape> {
    let (groups, stride) = (conv.groups as usize, conv.stride as usize);
    let fits = x.rank() == 4
        && k.rank() == 4
        && groups > 0
        && stride > 0
        && x.dim(1) == k.dim(1) * groups
        && k.dim(0).is_multiple_of(groups)
        && k.dim(2) > 0
        && k.dim(3) > 0;
    let size = |axis: usize| {
        let padded = x.dim(axis) + 2 * conv.padding as usize;
        padded.checked_sub(k.dim(axis)).map(|room| room / stride + 1)
    };
    if !fits {
        return None;
    }
    Shape::try_new(&[x.dim(0), k.dim(0), size(2)?, size(3)?])
}

/// Common leading axes, rows and columns of a product.
#[expect(clippy::fn_params_excessive_bools, reason = "one flag a side, as in BLAS")]
fn matmul_shape(a: Shape, ta: bool, b: Shape, tb: bool) -> Option<(Shape, usize, usize)> {
    let (ra, rb) = (a.rank().checked_sub(2)?, b.rank().checked_sub(2)?);
    let pair = |s: Shape, lead: usize, transposed: bool| {
        let (first, second) = (s.dim(lead), s.dim(lead + 1));
        if transposed { (second, first) } else { (first, second) }
    };
    let ((m, ka), (kb, n)) = (pair(a, ra, ta), pair(b, rb, tb));
    let lead = |s: Shape, rank: usize| Shape::try_new(&s.dims()[..rank]);
    let batch = lead(a, ra)?.broadcast(lead(b, rb)?)?;
    (ka == kb && batch.rank() + 2 <= crate::shape::MAX_RANK).then_some((batch, m, n))
}
