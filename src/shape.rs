//! Shapes: sizes of up to [`MAX_RANK`] axes, row-major.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The most axes a tensor may have.
pub const MAX_RANK: usize = attar_kernels::MAX_RANK;

/// The sizes of a tensor's axes, outermost first. A scalar has rank 0 and one element.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Shape {
    rank: u8,
    dims: [u32; MAX_RANK],
}

impl Shape {
    /// The shape of a scalar.
    pub const SCALAR: Shape = Shape { rank: 0, dims: [0; MAX_RANK] };

    /// A shape of these sizes, or `None` if there are more than [`MAX_RANK`] axes or 2^32 elements or more.
    pub fn try_new(dims: &[usize]) -> Option<Shape> {
        if dims.len() > MAX_RANK {
            return None;
        }
        let mut sizes = [0; MAX_RANK];
        let mut elements = 1u64;
        for (size, &dim) in sizes.iter_mut().zip(dims) {
            *size = u32::try_from(dim).ok()?;
            elements = elements.checked_mul(dim as u64).filter(|&n| n <= u64::from(u32::MAX))?;
        }
        Some(Shape { rank: dims.len() as u8, dims: sizes })
    }

    /// Number of axes.
    pub fn rank(&self) -> usize {
        usize::from(self.rank)
    }

    /// Size of axis `axis`, which must be less than the rank.
    pub fn dim(&self, axis: usize) -> usize {
        debug_assert!(axis < self.rank());
        self.dims[axis] as usize
    }

    /// The sizes as a vector.
    pub fn dims(&self) -> Vec<usize> {
        self.iter().collect()
    }

    /// The sizes, outermost first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = usize> + ExactSizeIterator + Clone + '_ {
        self.dims[..self.rank()].iter().map(|&d| d as usize)
    }

    /// Number of elements: the product of the sizes, 1 for a scalar.
    pub fn elements(&self) -> usize {
        self.iter().product()
    }

    /// Row-major strides in elements.
    pub fn strides(&self) -> Vec<usize> {
        let mut strides = vec![1; self.rank()];
        for axis in (1..self.rank()).rev() {
            strides[axis - 1] = strides[axis] * self.dim(axis);
        }
        strides
    }

    /// This shape with axis `axis` of size `size`.
    #[must_use]
    pub fn with(mut self, axis: usize, size: usize) -> Shape {
        debug_assert!(axis < self.rank());
        self.dims[axis] = size as u32;
        self
    }

    /// The shape both broadcast to by NumPy's rule, or `None`.
    pub fn broadcast(self, other: Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let mut dims = vec![0; rank];
        for (axis, dim) in dims.iter_mut().enumerate() {
            let size = |s: &Shape| (axis + s.rank()).checked_sub(rank).map_or(1, |a| s.dim(a));
            *dim = match (size(&self), size(&other)) {
                (a, b) if a == b => a,
                (1, b) => b,
                (a, 1) => a,
                _ => return None,
            };
        }
        Shape::try_new(&dims)
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    /// Panics if there are more than [`MAX_RANK`] axes or 2^32 elements; for sizes that come from outside use [`Shape::try_new`].
    fn from(dims: [usize; N]) -> Shape {
        Shape::try_new(&dims).expect("a shape of at most 8 axes and fewer than 2^32 elements")
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (axis, dim) in self.iter().enumerate() {
            write!(f, "{}{dim}", if axis == 0 { "" } else { ", " })?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Shape {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.dims().serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Shape, D::Error> {
        let dims = Vec::<usize>::deserialize(deserializer)?;
        Shape::try_new(&dims).ok_or_else(|| serde::de::Error::custom("a shape of more than 8 axes or 2^32 elements"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcast_follows_numpy() {
        let shape = |d: &[usize]| Shape::try_new(d).unwrap();
        assert_eq!(shape(&[2, 1, 4]).broadcast(shape(&[3, 1])), Some(shape(&[2, 3, 4])));
        assert_eq!(Shape::SCALAR.broadcast(shape(&[5])), Some(shape(&[5])));
        assert_eq!(shape(&[2]).broadcast(shape(&[3])), None);
        assert_eq!(shape(&[0]).broadcast(shape(&[1])), Some(shape(&[0])));
    }

    #[test]
    fn too_large_is_refused() {
        assert_eq!(Shape::try_new(&[1 << 16, 1 << 16]), None);
        assert_eq!(Shape::try_new(&[1; 9]), None);
        assert_eq!(Shape::try_new(&[2, 3, 4]).unwrap().strides(), [12, 4, 1]);
    }
}
