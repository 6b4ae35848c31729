//! Numbers seen in the row-major order of some axes, wherever they lie.

use crate::MAX_RANK;

/// Element `i, j, ..` is number `offset + i * stride_0 + j * stride_1 ..` of a tile: what permuting, repeating, flipping
/// and slicing make of it. Neighbouring axes that are one are merged.
#[derive(Debug, Clone, Copy)]
pub struct View {
    pub(super) offset: isize,
    axes: [Axis; MAX_RANK],
    rank: usize,
}

/// Size and stride of an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Axis {
    pub size: usize,
    pub stride: isize,
}

impl View {
    /// Of axes (size, stride), outermost first, at most [`MAX_RANK`].
    pub fn new(offset: isize, axes: impl IntoIterator<Item = (usize, isize)>) -> View {
        let one = Axis { size: 1, stride: 1 };
        let mut view = View { offset, axes: [one; MAX_RANK], rank: 0 };
        for (size, stride) in axes.into_iter().filter(|&(size, _)| size != 1) {
            match view.axes[..view.rank].last_mut() {
                Some(outer) if outer.stride == size as isize * stride => {
                    *outer = Axis { size: outer.size * size, stride };
                }
                _ => {
                    view.axes[view.rank] = Axis { size, stride };
                    view.rank += 1;
                }
            }
        }
        // An axis of one element changes nothing, and kernels need not think of views without axes.
        view.rank = view.rank.max(1);
        view
    }

    /// The axes, outermost first; never none.
    pub(super) fn axes(&self) -> &[Axis] {
        &self.axes[..self.rank]
    }

    pub fn elements(&self) -> usize {
        self.axes().iter().map(|axis| axis.size).product()
    }

    /// Whether every element is one of `len` numbers.
    pub(super) fn within(&self, len: usize) -> bool {
        if self.elements() == 0 {
            return true;
        }
        let (mut low, mut high) = (self.offset, self.offset);
        for axis in self.axes() {
            let reach = (axis.size as isize - 1) * axis.stride;
            if reach < 0 { low += reach } else { high += reach }
        }
        low >= 0 && high < len as isize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_merge() {
        assert!(View::new(3, [(2, 12), (3, 4), (4, 1)]).axes().len() == 1);
        assert_eq!(View::new(0, []).elements(), 1);
        assert_eq!(View::new(0, [(2, 0), (3, 0), (5, 1), (1, 7)]).axes().len(), 2);
        assert_eq!(View::new(0, [(2, 3), (3, 0)]).elements(), 6);
    }

    #[test]
    fn reach() {
        assert!(View::new(2, [(3, -1)]).within(3));
        assert!(!View::new(1, [(3, -1)]).within(3));
        assert!(View::new(0, [(3, 4), (2, 1)]).within(10));
        assert!(!View::new(0, [(3, 4), (2, 1)]).within(9));
        assert!(View::new(99, [(0, 4), (2, 1)]).within(1));
    }
}
