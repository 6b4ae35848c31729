//! Operations that move elements without changing them, and reductions.

use super::{Op, Reduce, Tensor};
use crate::{shape::Shape, sorted::SortedSet};

fn words(values: impl IntoIterator<Item = usize>) -> Vec<u32> {
    values.into_iter().map(|v| v as u32).collect()
}

impl<'g> Tensor<'g> {
    /// The same elements in row-major order under another shape of as many elements.
    #[track_caller]
    pub fn reshape(self, shape: impl Into<Shape>) -> Tensor<'g> {
        let (x, shape) = (self.computable(), shape.into());
        if x.shape() == shape {
            return x;
        }
        if x.shape().elements() != shape.elements() {
            return x.graph.fail(format!("shape {} cannot be reshaped to {shape}", x.shape()), shape);
        }
        x.graph.node(Op::Reshape, &[x], shape)
    }

    /// Axis i of the result is axis `axes[i]` of this value.
    #[track_caller]
    pub fn permute(self, axes: &[usize]) -> Tensor<'g> {
        let x = self.computable();
        if axes.len() != x.rank() || !(0..x.rank()).all(|axis| axes.contains(&axis)) {
            return x.graph.fail(format!("{axes:?} is no order of the axes of shape {}", x.shape()), x.shape());
        }
        let mut shape = x.shape();
        for (axis, &from) in axes.iter().enumerate() {
            shape = shape.with(axis, x.dim(from));
        }
        x.graph.node(Op::Permute { axes: words(axes.iter().copied()) }, &[x], shape)
    }

    /// The last two axes exchanged.
    #[track_caller]
    pub fn transpose(self) -> Tensor<'g> {
        let rank = self.rank();
        if rank < 2 {
            return self.graph.fail(format!("shape {} has no two axes to exchange", self.shape()), self.shape());
        }
        let mut axes: Vec<usize> = (0..rank).collect();
        axes.swap(rank - 2, rank - 1);
        self.permute(&axes)
    }

    /// Repeated to a shape that this one broadcasts to.
    #[track_caller]
    pub fn expand(self, shape: impl Into<Shape>) -> Tensor<'g> {
        let (x, shape) = (self.computable(), shape.into());
        if x.shape() == shape {
            return x;
        }
        if x.shape().broadcast(shape) != Some(shape) {
            return x.graph.fail(format!("shape {} cannot be expanded to {shape}", x.shape()), shape);
        }
        let mut padded = vec![1; shape.rank() - x.rank()];
        padded.extend(x.shape().iter());
        let aligned = x.reshape(Shape::try_new(&padded).unwrap_or(shape));
        if aligned.shape() == shape {
            return aligned;
        }
        x.graph.node(Op::Expand, &[aligned], shape)
    }

    /// Values one after another along `axis`; the other sizes are equal.
    #[track_caller]
    pub fn concat(parts: &[Tensor<'g>], axis: usize) -> Tensor<'g> {
        let Some(first) = parts.first() else { panic!("concat of no tensors: there is no graph to report to") };
        let fits = |part: &Tensor<'g>| {
            part.rank() == first.rank()
                && axis < part.rank()
                && part.shape().with(axis, 0) == first.shape().with(axis, 0)
        };
        if !parts.iter().all(fits) {
            let shapes: Vec<String> = parts.iter().map(|part| part.shape().to_string()).collect();
            let message = format!("{} cannot stand one after another along axis {axis}", shapes.join(", "));
            return first.graph.fail(message, first.shape());
        }
        if let [only] = parts {
            return *only;
        }
        let size = parts.iter().map(|part| part.dim(axis)).sum();
        let operands: Vec<Tensor<'g>> = parts.iter().map(|part| part.computable()).collect();
        first.graph.node(Op::Concat { axis: axis as u32 }, &operands, first.shape().with(axis, size))
    }

    /// Reversed along `axes`.
    #[track_caller]
    pub fn flip(self, axes: &[usize]) -> Tensor<'g> {
        let x = self.computable();
        let axes = match x.axes(axes) {
            Some(axes) if axes.is_empty() => return x,
            Some(axes) => axes,
            None => return x.graph.fail(format!("flip along {axes:?} of shape {}", x.shape()), x.shape()),
        };
        x.graph.node(Op::Flip { axes }, &[x], x.shape())
    }

    /// Elements `start .. start + len` of `axis`.
    #[track_caller]
    pub fn narrow(self, axis: usize, start: usize, len: usize) -> Tensor<'g> {
        if axis >= self.rank() {
            return self.graph.fail(format!("axis {axis} of a value of shape {}", self.shape()), self.shape());
        }
        let mut starts = vec![0; self.rank()];
        starts[axis] = start;
        self.slice(&starts, &vec![1; self.rank()], self.shape().with(axis, len))
    }

    /// Per axis the elements `start, start + step, ..`, as many as `shape` has.
    #[track_caller]
    pub fn slice(self, start: &[usize], step: &[usize], shape: impl Into<Shape>) -> Tensor<'g> {
        let (x, shape) = (self.computable(), shape.into());
        let fits = shape.rank() == x.rank()
            && start.len() == x.rank()
            && step.len() == x.rank()
            && (0..x.rank()).all(|axis| {
                let size = shape.dim(axis);
                step[axis] >= 1 && (size == 0 || start[axis] + (size - 1) * step[axis] < x.shape().dim(axis))
            });
        if !fits {
            let message = format!("a slice of shape {shape} from {start:?} by {step:?} of shape {}", x.shape());
            return x.graph.fail(message, shape);
        }
        if shape == x.shape() {
            return x;
        }
        let op = Op::Slice { start: words(start.iter().copied()), step: words(step.iter().copied()) };
        x.graph.node(op, &[x], shape)
    }

    /// Per axis `low` zeros, the elements with `interior` zeros between neighbours, then zeros up to `shape`: the
    /// transpose of [`Tensor::slice`] with `start = low` and `step = interior + 1`.
    #[track_caller]
    pub fn pad(self, low: &[usize], interior: &[usize], shape: impl Into<Shape>) -> Tensor<'g> {
        let (x, shape) = (self.computable(), shape.into());
        let fits = shape.rank() == x.rank()
            && low.len() == x.rank()
            && interior.len() == x.rank()
            && (0..x.rank()).all(|axis| {
                let size = x.shape().dim(axis);
                low[axis] + size + size.saturating_sub(1) * interior[axis] <= shape.dim(axis)
            });
        if !fits {
            let message = format!("shape {} padded by {low:?} and {interior:?} does not fit {shape}", x.shape());
            return x.graph.fail(message, shape);
        }
        if shape == x.shape() {
            return x;
        }
        let op = Op::Pad { low: words(low.iter().copied()), interior: words(interior.iter().copied()) };
        x.graph.node(op, &[x], shape)
    }

    /// Sum over `axes`, which stay with size 1.
    #[track_caller]
    pub fn sum_keep(self, axes: &[usize]) -> Tensor<'g> {
        self.reduce(Reduce::Sum, axes)
    }

    /// Maximum over `axes`, which stay with size 1; equal maxima share the derivative evenly.
    #[track_caller]
    pub fn max_keep(self, axes: &[usize]) -> Tensor<'g> {
        self.reduce(Reduce::Max, axes)
    }

    /// Sum over `axes`, which disappear.
    #[track_caller]
    pub fn sum(self, axes: &[usize]) -> Tensor<'g> {
        self.sum_keep(axes).drop_axes(axes)
    }

    /// Maximum over `axes`, which disappear.
    #[track_caller]
    pub fn max(self, axes: &[usize]) -> Tensor<'g> {
        self.max_keep(axes).drop_axes(axes)
    }

    /// Sum of all elements, shape `[]`.
    #[track_caller]
    pub fn sum_all(self) -> Tensor<'g> {
        self.sum(&(0..self.rank()).collect::<Vec<_>>())
    }

    #[track_caller]
    fn reduce(self, reduce: Reduce, axes: &[usize]) -> Tensor<'g> {
        let x = self.computable();
        let Some(axes) = x.axes(axes) else {
            return x.graph.fail(format!("a reduction over axes {axes:?} of shape {}", x.shape()), x.shape());
        };
        if axes.is_empty() {
            return x;
        }
        let shape = axes.iter().fold(x.shape(), |shape, &axis| shape.with(axis as usize, 1));
        if reduce == Reduce::Max && x.shape().elements() == 0 {
            return x.graph.fail(format!("a maximum of no elements: shape {}", x.shape()), shape);
        }
        x.graph.node(Op::Reduce { reduce, axes }, &[x], shape)
    }

    /// Without these axes, which are of size 1.
    #[track_caller]
    fn drop_axes(self, axes: &[usize]) -> Tensor<'g> {
        let kept: Vec<usize> =
            self.shape().iter().enumerate().filter(|(axis, _)| !axes.contains(axis)).map(|(_, size)| size).collect();
        self.reshape(Shape::try_new(&kept).unwrap_or(Shape::SCALAR))
    }

    /// Sorted distinct axes, or `None` if one is not there or is named twice.
    fn axes(self, axes: &[usize]) -> Option<Vec<u32>> {
        let sorted: SortedSet<usize> = axes.iter().copied().collect();
        let there = sorted.last().is_none_or(|&last| last < self.rank());
        (there && sorted.len() == axes.len()).then(|| words(sorted))
    }
}
