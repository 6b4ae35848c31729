//! Tiles: runs of numbers that kernels read and write, which may be the same memory.
//!
//! A fused kernel wants `x <- f(x, y)` on registers that lie in one arena. References cannot say that; a slice of
//! cells can, and a tile is one, seen as a pointer: copyable, not `Send`, and read and written register by register,
//! without a reference to its memory at any time. So every call is sound. It gives the expected *numbers* if its
//! output is equal to, or disjoint from, each of its inputs; where kernels need them disjoint, they say so.

use std::{cell::Cell, marker::PhantomData};

/// Numbers to be read.
#[derive(Debug, Clone, Copy)]
pub struct Tile<'a> {
    start: *const f32,
    len: usize,
    lifetime: PhantomData<&'a [Cell<f32>]>,
}

/// Numbers to be read and written. Copies are the same memory.
#[derive(Debug, Clone, Copy)]
pub struct TileMut<'a> {
    start: *mut f32,
    len: usize,
    lifetime: PhantomData<&'a [Cell<f32>]>,
}

/// An argument of an element-wise function.
#[derive(Debug, Clone, Copy)]
pub enum Operand<'a> {
    /// As many numbers as the output has.
    Tile(Tile<'a>),
    /// Each number so many times in a row, as many as the output has in all; disjoint from it.
    Repeated(Tile<'a>, usize),
    /// One number for all elements.
    One(f32),
}

impl<'a> Tile<'a> {
    pub fn new(values: &'a [f32]) -> Tile<'a> {
        Tile { start: values.as_ptr(), len: values.len(), lifetime: PhantomData }
    }

    pub fn len(self) -> usize {
        self.len
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Numbers `from .. from + len`.
    pub fn part(self, from: usize, len: usize) -> Tile<'a> {
        check(self.len, from, len);
        Tile { start: self.start.wrapping_add(from), len, ..self }
    }

    /// Where the numbers lie; valid for reads of `len` numbers as long as the lifetime.
    pub(super) fn as_ptr(self) -> *const f32 {
        self.start
    }
}

impl<'a> TileMut<'a> {
    pub fn new(values: &'a mut [f32]) -> TileMut<'a> {
        TileMut { start: values.as_mut_ptr(), len: values.len(), lifetime: PhantomData }
    }

    pub fn len(self) -> usize {
        self.len
    }

    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Numbers `from .. from + len`.
    pub fn part(self, from: usize, len: usize) -> TileMut<'a> {
        check(self.len, from, len);
        TileMut { start: self.start.wrapping_add(from), len, ..self }
    }

    /// Where the numbers lie; valid for reads and writes of `len` numbers as long as the lifetime.
    pub(super) fn as_ptr(self) -> *mut f32 {
        self.start
    }
}

fn check(size: usize, from: usize, len: usize) {
    assert!(from <= size && len <= size - from, "a part {from} + {len} outside of its tile of {size}");
}

impl<'a> From<TileMut<'a>> for Tile<'a> {
    fn from(tile: TileMut<'a>) -> Tile<'a> {
        Tile { start: tile.start, len: tile.len, lifetime: PhantomData }
    }
}

impl<'a> From<&'a [f32]> for Tile<'a> {
    fn from(values: &'a [f32]) -> Tile<'a> {
        Tile::new(values)
    }
}

impl<'a> From<Tile<'a>> for Operand<'a> {
    fn from(tile: Tile<'a>) -> Operand<'a> {
        Operand::Tile(tile)
    }
}

impl<'a> From<TileMut<'a>> for Operand<'a> {
    fn from(tile: TileMut<'a>) -> Operand<'a> {
        Operand::Tile(tile.into())
    }
}

impl<'a> From<&'a [f32]> for Operand<'a> {
    fn from(values: &'a [f32]) -> Operand<'a> {
        Operand::Tile(values.into())
    }
}

impl From<f32> for Operand<'_> {
    fn from(value: f32) -> Self {
        Operand::One(value)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::testing::vectors, *};
    use crate::Binary;

    #[test]
    fn registers_of_one_arena() {
        for vector in vectors() {
            let mut arena: Vec<f32> = (0..30).map(|i| i as f32).collect();
            let tile = TileMut::new(&mut arena);
            let (x, y) = (tile.part(0, 10), tile.part(20, 10));
            vector.binary(Binary::Add, x.into(), y.into(), x);
            assert_eq!(arena[..12], [20., 22., 24., 26., 28., 30., 32., 34., 36., 38., 10., 11.], "{vector:?}");
            let (x, mut dot) = (Tile::new(&arena).part(5, 5), [0.0]);
            vector.dot(x, Tile::new(&[1.0; 5]), TileMut::new(&mut dot));
            assert_eq!((x.len(), dot[0]), (5, 170.0));
        }
    }

    #[test]
    #[should_panic(expected = "outside of its tile")]
    fn parts_stay_inside() {
        Tile::new(&[0.0; 4]).part(3, 2);
    }
}
