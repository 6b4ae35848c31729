//! Vectors of f32, one implementation an instruction set, so that every kernel is written once. A value of a type that
//! implements [`Simd`] is the proof that the machine has those instructions, which makes the methods safe to call.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod plain;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use crate::engine::cpu::Isa;

/// More lanes than any instruction set has; the length of arrays that hold one vector.
pub(super) const MAX_LANES: usize = 16;

/// The instructions that the kernels need, and the register tile that suits them.
pub(super) trait Simd: Copy + Send + Sync {
    type V: Copy;
    const LANES: usize;
    /// Rows of the largest tile of a product: each is one broadcast a step.
    const ROWS: usize;
    /// Vectors in a row of the largest tile. `ROWS * VECTORS` sums, `VECTORS` operands and one temporary must fit the
    /// registers.
    const VECTORS: usize;

    /// Calls `work` in a function that is compiled for these instructions. `work` must be inlined into it, so closures
    /// say `#[inline(always)]`, and so do the functions they are made of.
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R;

    fn splat(self, x: f32) -> Self::V;
    /// The first `LANES` elements.
    fn load(self, from: &[f32]) -> Self::V;
    /// Into the first `LANES` elements.
    fn store(self, x: Self::V, to: &mut [f32]);
    fn add(self, a: Self::V, b: Self::V) -> Self::V;
    fn sub(self, a: Self::V, b: Self::V) -> Self::V;
    fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// `a * b + c`, rounded once where the instructions can.
    fn mul_add(self, a: Self::V, b: Self::V, c: Self::V) -> Self::V;
    /// Reads four neighbours at each of `LANES` offsets: lane l of vector i is `from[offsets[l] + i]`. With this, a
    /// matrix is transposed on its way into a panel.
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [Self::V; 4];
    /// The opposite, to neighbouring places: lane l of vector i goes to `to[4 * l + i]`.
    fn interleave(self, vectors: [Self::V; 4], to: &mut [f32]);
}

/// Something to do that is written for any instruction set.
pub(super) trait Task {
    fn run<S: Simd>(self, simd: S);
}

/// Runs `task` with the instructions of `isa`. Panics if the machine does not have them.
pub(super) fn dispatch(isa: Isa, task: impl Task) {
    match isa {
        Isa::Baseline => task.run(plain::Plain),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => task.run(avx2::Avx2::new()),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => task.run(avx512::Avx512::new()),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => task.run(neon::Neon),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Simd128 => task.run(simd128::Simd128),
    }
}

/// The first `N` elements: what a vector is read from.
#[inline(always)]
fn first<const N: usize>(of: &[f32]) -> &[f32; N] {
    of.first_chunk().expect("callers pass at least one vector")
}

#[inline(always)]
fn first_mut<const N: usize>(of: &mut [f32]) -> &mut [f32; N] {
    of.first_chunk_mut().expect("callers pass at least one vector")
}
