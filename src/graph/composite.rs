//! Functions over the primitives, written to stay finite.

use super::{Border, Tensor};
use crate::shape::Shape;

impl<'g> Tensor<'g> {
    /// Mean over `axes`, which disappear.
    #[track_caller]
    pub fn mean(self, axes: &[usize]) -> Tensor<'g> {
        self.sum(axes) * self.one_over(axes)
    }

    /// Mean over `axes`, which stay with size 1.
    #[track_caller]
    pub fn mean_keep(self, axes: &[usize]) -> Tensor<'g> {
        self.sum_keep(axes) * self.one_over(axes)
    }

    /// Mean of all elements, shape `[]`.
    #[track_caller]
    pub fn mean_all(self) -> Tensor<'g> {
        self.mean(&(0..self.rank()).collect::<Vec<_>>())
    }

    #[track_caller]
    fn one_over(self, axes: &[usize]) -> f64 {
        1.0 / axes.iter().map(|&axis| self.dim(axis)).product::<usize>() as f64
    }

    /// Biased variance over `axes`, which stay with size 1; two passes, so that it does not cancel.
    #[track_caller]
    pub fn variance_keep(self, axes: &[usize]) -> Tensor<'g> {
        (self - self.mean_keep(axes)).square().mean_keep(axes)
    }

    /// Each element times itself.
    #[track_caller]
    pub fn square(self) -> Tensor<'g> {
        self * self
    }

    /// `max(x, 0)` with derivative 0 at 0.
    #[track_caller]
    pub fn relu(self) -> Tensor<'g> {
        let zero = self.number(0.0);
        self.gt(zero).select(self, zero)
    }

    /// x where it is positive, `slope` times x elsewhere.
    #[track_caller]
    pub fn leaky_relu(self, slope: f64) -> Tensor<'g> {
        self.gt(self.number(0.0)).select(self, self * slope)
    }

    /// `1 / (1 + exp(-x))`, by tanh so that it neither overflows nor divides by zero.
    #[track_caller]
    pub fn sigmoid(self) -> Tensor<'g> {
        ((self * 0.5).tanh() + 1.0) * 0.5
    }

    /// Absolute value, with derivative 0 at 0.
    #[track_caller]
    pub fn abs(self) -> Tensor<'g> {
        self.relu() + (-self).relu()
    }

    /// Between `low` and `high`; no derivative passes outside.
    #[track_caller]
    pub fn clamp(self, low: f64, high: f64) -> Tensor<'g> {
        let (low, high) = (self.number(low), self.number(high));
        let above = self.gt(low).select(self, low);
        high.gt(above).select(above, high)
    }

    /// Square root with value and derivative 0 where x is not positive.
    #[track_caller]
    pub fn safe_sqrt(self) -> Tensor<'g> {
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let positive = self.gt(zero);
        // The inner select keeps the infinite derivative of the root at 0 away; the outer one restores the value.
        positive.select(positive.select(self, one).sqrt(), zero)
    }

    /// Euclidean norm over `axes`, which stay with size 1; derivative 0 at 0.
    #[track_caller]
    pub fn safe_norm(self, axes: &[usize]) -> Tensor<'g> {
        self.square().sum_keep(axes).safe_sqrt()
    }

    /// This over `other`, with value and derivatives 0 where `other` is 0.
    #[track_caller]
    pub fn safe_div(self, other: Tensor<'g>) -> Tensor<'g> {
        let (zero, one) = (self.number(0.0), self.number(1.0));
        let bad = other.equal(zero);
        bad.select(zero, self / bad.select(one, other))
    }

    /// Rows of length 1: x over `max(|x|, 1e-12)` along `axis`, as PyTorch's `normalize`.
    #[track_caller]
    pub fn normalize(self, axis: usize) -> Tensor<'g> {
        self / self.safe_norm(&[axis]).maximum(self.number(1e-12))
    }

    /// Logarithm of the softmax along the last axis.
    #[track_caller]
    pub fn log_softmax(self) -> Tensor<'g> {
        let last = [self.rank().saturating_sub(1)];
        let shifted = self - self.max_keep(&last).stop_gradient();
        shifted - shifted.exp().sum_keep(&last).log()
    }

    /// Softmax along the last axis.
    #[track_caller]
    pub fn softmax(self) -> Tensor<'g> {
        self.log_softmax().exp()
    }

    /// Scalar product of all elements with those of a value of the same shape, shape `[]`.
    #[track_caller]
    pub fn dot(self, other: Tensor<'g>) -> Tensor<'g> {
        (self * other).sum_all()
    }

    /// Means of 2 x 2 pixels of images `[n, c, h, w]`; an odd last row or column is dropped, as in PyTorch.
    #[track_caller]
    pub fn avg_pool2(self) -> Tensor<'g> {
        self.avg_pool(2)
    }

    /// Means of `size` x `size` pixels of images `[n, c, h, w]`; rows and columns that fill no square are dropped, as in
    /// PyTorch.
    #[track_caller]
    pub fn avg_pool(self, size: usize) -> Tensor<'g> {
        self.tiles(size).mean(&[3, 5])
    }

    /// Maxima of 2 x 2 pixels of images `[n, c, h, w]`; an odd last row or column is dropped, as in PyTorch.
    #[track_caller]
    pub fn max_pool2(self) -> Tensor<'g> {
        self.tiles(2).max(&[3, 5])
    }

    /// `[n, c, h/size, size, w/size, size]`.
    #[track_caller]
    fn tiles(self, size: usize) -> Tensor<'g> {
        if self.rank() != 4 || size == 0 {
            let message =
                format!("pooling of {size} x {size} pixels of shape {}, which is not [n, c, h, w]", self.shape());
            return self.graph.fail(message, [1; 6].into());
        }
        let [n, c, h, w] = [0, 1, 2, 3].map(|axis| self.dim(axis));
        let even = self.narrow(2, 0, h / size * size).narrow(3, 0, w / size * size);
        even.reshape([n, c, h / size, size, w / size, size])
    }

    /// Bilinear resize of images `[n, c, h, w]` (half-pixel centres, edges clamped), by two small matrix products.
    #[track_caller]
    pub fn resize(self, size: (usize, usize)) -> Tensor<'g> {
        if self.rank() != 4 {
            return self
                .graph
                .fail(format!("resize of shape {}, which is not [n, c, h, w]", self.shape()), [1; 4].into());
        }
        let [n, c, h, w] = [0, 1, 2, 3].map(|axis| self.dim(axis));
        let matrix = |to: usize, from: usize| {
            self.graph.constant(&interpolation(to, from), Shape::try_new(&[to, from]).unwrap_or(Shape::SCALAR))
        };
        let wide = self.reshape([n * c * h, w]).matmul_t(false, matrix(size.1, w), true);
        let columns = wide.reshape([n * c, h, size.1]);
        matrix(size.0, h).matmul(columns).reshape([n, c, size.0, size.1])
    }

    /// Moved by whole pixels: `y[p, q] = x[p + rows, q + cols]`, zero outside; one pair an image, `shifts [n, 2]` as
    /// (rows, cols).
    #[track_caller]
    pub fn shift(self, shifts: Tensor<'g>) -> Tensor<'g> {
        let n = self.dim(0);
        let (rows, cols) = (shifts.narrow(1, 0, 1).reshape([n, 1, 1]), shifts.narrow(1, 1, 1).reshape([n, 1, 1]));
        let unit = |x: f64, y: f64| self.graph.constant(&[x as f32, y as f32], [1, 1, 2]).expand([n, 1, 2]);
        let top = Tensor::concat(&[unit(1.0, 0.0), cols], 2);
        let bottom = Tensor::concat(&[unit(0.0, 1.0), rows], 2);
        let size = (self.dim(2), self.dim(3));
        self.sample2d(Tensor::concat(&[top, bottom], 1), size, Border::Zero)
    }
}

/// Weights `[to, from]` of linear interpolation with half-pixel centres and clamped edges.
fn interpolation(to: usize, from: usize) -> Vec<f32> {
    let mut weights = vec![0.0; to * from];
    for row in 0..to {
        let last = from as f64 - 1.0;
        let position = ((row as f64 + 0.5) * from as f64 / to as f64 - 0.5).clamp(0.0, last.max(0.0));
        let low = position.floor();
        let high = (low + 1.0).min(last);
        weights[row * from + low as usize] += (1.0 - (position - low)) as f32;
        weights[row * from + high as usize] += (position - low) as f32;
    }
    weights
}
