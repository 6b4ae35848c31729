//! Vector kernels: element-wise functions, reductions, movement and random draws on tiles, which are runs of numbers
//! that lie in the innermost caches; and, beside them, whole nodes that are never part of a fused kernel.
//!
//! Each kernel is written once, over the registers of `Lanes`, and compiled once for each instruction set. A call
//! chooses among them once a tile. Everything is safe to call: tiles may overlap (see `tile`), and a [`Vector`]
//! exists only for instructions that the CPU has.

mod functions;
mod pointwise;
mod random;
mod reduce;
mod reduce_axes;
mod sample;
mod solve;
mod strided;
mod tile;
mod view;
mod whole;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod throughput;

pub use random::Stream;
pub use reduce_axes::Reduction;
pub use sample::Resampling;
pub use solve::solve_scratch;
pub use tile::{Operand, Tile, TileMut};
pub use view::View;
pub use whole::Padding;

use super::{
    Isa,
    lanes::{self, Kernel, Lanes},
};

/// The kernels, compiled for one instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vector {
    isa: Isa,
}

impl Vector {
    /// The kernels for this instruction set; panics if the CPU does not have it.
    pub fn new(isa: Isa) -> Vector {
        assert!(Isa::available().contains(&isa), "this machine has no {isa:?} instructions");
        Vector { isa }
    }

    /// Runs a kernel with the chosen instructions. Its `run` must be `#[inline(always)]`.
    #[expect(unsafe_code, reason = "calls functions that are compiled for instructions found at run time")]
    fn call<K: Kernel>(self, kernel: K) -> K::Out {
        // SAFETY: `new` made sure that the CPU has the instructions.
        unsafe { lanes::call(self.isa, kernel) }
    }
}
