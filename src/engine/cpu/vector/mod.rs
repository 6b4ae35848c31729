//! Vector kernels: element-wise functions, reductions, movement and random draws on tiles, which are runs of numbers
//! that lie in the innermost caches; and, beside them, whole nodes that are never part of a fused kernel.
//!
//! Each kernel is written once, over the registers of [`lanes`], and compiled once for each instruction set. A call
//! chooses among them once a tile. Everything is safe to call: tiles may overlap (see [`tile`]), and a [`Vector`]
//! exists only for instructions that the CPU has.

mod functions;
mod lanes;
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

use lanes::Lanes;
pub(super) use random::Stream;
pub(super) use reduce_axes::Reduction;
pub(super) use sample::Resampling;
pub(super) use solve::solve_scratch;
pub(super) use tile::{Operand, Tile, TileMut};
pub(super) use view::View;
pub(super) use whole::Padding;

use super::Isa;

/// The kernels, compiled for one instruction set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vector {
    isa: Isa,
}

/// A computation written over the registers of any instruction set. `run` must be `#[inline(always)]`.
trait Kernel {
    type Out;

    fn run<L: Lanes>(self, lanes: L) -> Self::Out;
}

impl Vector {
    /// The kernels for this instruction set; panics if the CPU does not have it.
    pub(super) fn new(isa: Isa) -> Vector {
        assert!(Isa::available().contains(&isa), "this machine has no {isa:?} instructions");
        Vector { isa }
    }

    /// Runs a kernel with the chosen instructions.
    #[cfg_attr(
        target_arch = "x86_64",
        expect(unsafe_code, reason = "calls functions that are compiled for instructions found at run time")
    )]
    fn call<K: Kernel>(self, kernel: K) -> K::Out {
        match self.isa {
            Isa::Baseline => kernel.run(lanes::baseline::Baseline),
            // SAFETY: `new` made sure that the CPU has the instructions.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { lanes::avx2::call(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { lanes::avx512::call(kernel) },
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => kernel.run(lanes::neon::Neon),
            #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
            Isa::Simd128 => kernel.run(lanes::simd128::Simd128),
        }
    }
}
