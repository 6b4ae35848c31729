//! Views: how the elements of a value are read in another order, without moving them.

use crate::{graph::Op, shape::Shape};

/// Element `(i0, i1, ..)` of a tensor stands at `offset + sum_a i_a strides[a]` of another's row-major elements.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct View {
    pub offset: usize,
    /// Sizes of the axes, outermost first; none of them is 1, and neighbours that could be one axis are one.
    pub dims: Vec<usize>,
    pub strides: Vec<isize>,
}

/// A view axis by axis, as movements transform it.
#[derive(Debug, Clone)]
pub(super) struct Axes {
    offset: isize,
    dims: Vec<usize>,
    strides: Vec<isize>,
}

impl Axes {
    /// All elements in their own order.
    pub(super) fn whole(shape: Shape) -> Axes {
        let strides = shape.strides().into_iter().map(|stride| stride as isize).collect();
        Axes { offset: 0, dims: shape.dims(), strides }
    }

    /// What a movement makes of this view; `None` for a reshape that no strides express, and for what is no view.
    pub(super) fn moved(mut self, op: &Op, shape: Shape) -> Option<Axes> {
        match op {
            Op::Reshape => return self.reshaped(shape),
            Op::Permute { axes } => {
                let (dims, strides) = (self.dims.clone(), self.strides.clone());
                self.dims = axes.iter().map(|&axis| dims[axis as usize]).collect();
                self.strides = axes.iter().map(|&axis| strides[axis as usize]).collect();
            }
            Op::Expand => {
                for (axis, stride) in self.strides.iter_mut().enumerate() {
                    if self.dims[axis] != shape.dim(axis) {
                        *stride = 0;
                    }
                }
                self.dims = shape.dims();
            }
            Op::Flip { axes } => {
                for &axis in axes {
                    let axis = axis as usize;
                    self.offset += (self.dims[axis] as isize - 1).max(0) * self.strides[axis];
                    self.strides[axis] = -self.strides[axis];
                }
            }
            Op::Slice { start, step } => {
                for axis in 0..self.dims.len() {
                    self.offset += start[axis] as isize * self.strides[axis];
                    self.strides[axis] *= step[axis] as isize;
                }
                self.dims = shape.dims();
            }
            _ => return None,
        }
        Some(self)
    }

    /// The same elements in the same order under other sizes.
    fn reshaped(&self, shape: Shape) -> Option<Axes> {
        let merged = self.merged();
        let mut left: Vec<(usize, isize)> = merged.dims.iter().copied().zip(merged.strides.iter().copied()).collect();
        let (dims, mut strides) = (shape.dims(), vec![0; shape.rank()]);
        // From the innermost axis outwards, each new axis takes a part of the innermost that is left.
        for axis in (0..dims.len()).rev() {
            if dims[axis] == 1 {
                continue;
            }
            let (size, stride) = left.last_mut()?;
            if !size.is_multiple_of(dims[axis]) {
                return None;
            }
            strides[axis] = *stride;
            *stride *= dims[axis] as isize;
            *size /= dims[axis];
            if *size == 1 {
                left.pop();
            }
        }
        Some(Axes { offset: self.offset, dims, strides })
    }

    /// With axes of size 1 dropped and mergeable neighbours merged.
    pub(super) fn merged(&self) -> View {
        let mut view = View { offset: self.offset as usize, dims: Vec::new(), strides: Vec::new() };
        for (&dim, &stride) in self.dims.iter().zip(&self.strides) {
            if dim == 1 {
                continue;
            }
            match (view.dims.last_mut(), view.strides.last_mut()) {
                (Some(outer), Some(outer_stride)) if *outer_stride == stride * dim as isize => {
                    *outer *= dim;
                    *outer_stride = stride;
                }
                _ => {
                    view.dims.push(dim);
                    view.strides.push(stride);
                }
            }
        }
        view
    }
}

impl View {
    /// All `len` elements in their own order.
    pub fn whole(len: usize) -> View {
        if len == 1 {
            return View { offset: 0, dims: Vec::new(), strides: Vec::new() };
        }
        View { offset: 0, dims: vec![len], strides: vec![1] }
    }

    /// Number of elements that it shows.
    pub fn len(&self) -> usize {
        self.dims.iter().product()
    }

    /// Whether it shows none.
    pub fn is_empty(&self) -> bool {
        self.dims.contains(&0)
    }

    /// Whether it shows neighbouring elements in their own order.
    pub fn is_contiguous(&self) -> bool {
        match self.strides.as_slice() {
            [] => true,
            [stride] => *stride == 1,
            _ => self.is_empty(),
        }
    }

    /// How many times each element is shown in a row before the next: the innermost axis if its stride is 0.
    pub fn repeats(&self) -> usize {
        match (self.strides.last(), self.dims.last()) {
            (Some(0), Some(&dim)) => dim,
            _ => 1,
        }
    }

    /// Without the innermost axis, which repeats.
    #[must_use]
    pub fn compact(&self) -> View {
        let mut view = self.clone();
        if self.repeats() > 1 {
            view.dims.pop();
            view.strides.pop();
        }
        view
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axes(offset: isize, dims: &[usize], strides: &[isize]) -> Axes {
        Axes { offset, dims: dims.to_vec(), strides: strides.to_vec() }
    }

    #[test]
    fn neighbours_merge_and_ones_go() {
        let view = axes(3, &[2, 1, 3, 4], &[12, 7, 4, 1]).merged();
        assert_eq!(view, View { offset: 3, dims: vec![24], strides: vec![1] });
        assert!(view.is_contiguous());
        let channel = axes(0, &[8, 4, 5, 5], &[0, 1, 0, 0]).merged();
        assert_eq!(channel, View { offset: 0, dims: vec![8, 4, 25], strides: vec![0, 1, 0] });
        assert_eq!((channel.repeats(), channel.compact().len()), (25, 32));
    }

    #[test]
    fn reshapes_split_axes_but_do_not_tear_them() {
        let tiles = Axes::whole([2, 6, 6].into()).moved(&Op::Reshape, [2, 3, 2, 3, 2].into()).expect("a split");
        let swapped = tiles.moved(&Op::Permute { axes: vec![1, 3, 0, 2, 4] }, [3, 3, 2, 2, 2].into()).expect("a view");
        assert!(swapped.clone().moved(&Op::Reshape, [9, 2, 4].into()).is_none());
        assert!(swapped.moved(&Op::Reshape, [3, 3, 2, 4, 1].into()).is_none());
    }

    #[test]
    fn flips_and_slices_compose() {
        let flipped = Axes::whole([5].into()).moved(&Op::Flip { axes: vec![0] }, [5].into()).expect("a view");
        let every = flipped.moved(&Op::Slice { start: vec![1], step: vec![2] }, [2].into()).expect("a view");
        // 4 3 2 1 0 -> 3 1
        assert_eq!(every.merged(), View { offset: 3, dims: vec![2], strides: vec![-2] });
    }
}
