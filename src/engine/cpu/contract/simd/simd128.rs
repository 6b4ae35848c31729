//! WebAssembly with `simd128`: 4 lanes, the 16 registers of the x86 machine below it, no fused multiply-add.

use std::arch::wasm32::*;

use super::{Simd, first, first_mut};

#[derive(Clone, Copy)]
pub(super) struct Simd128;

#[expect(unsafe_code, reason = "vector loads and stores")]
impl Simd for Simd128 {
    type V = v128;
    const LANES: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> v128 {
        f32x4_splat(x)
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> v128 {
        let from: &[f32; 4] = first(from);
        // SAFETY: 4 elements are there.
        unsafe { v128_load(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn store(self, x: v128, to: &mut [f32]) {
        let to: &mut [f32; 4] = first_mut(to);
        // SAFETY: 4 elements are there.
        unsafe { v128_store(to.as_mut_ptr().cast(), x) }
    }

    #[inline(always)]
    fn add(self, a: v128, b: v128) -> v128 {
        f32x4_add(a, b)
    }

    #[inline(always)]
    fn sub(self, a: v128, b: v128) -> v128 {
        f32x4_sub(a, b)
    }

    #[inline(always)]
    fn mul(self, a: v128, b: v128) -> v128 {
        f32x4_mul(a, b)
    }

    #[inline(always)]
    fn mul_add(self, a: v128, b: v128, c: v128) -> v128 {
        f32x4_add(f32x4_mul(a, b), c)
    }

    #[inline(always)]
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [v128; 4] {
        transpose([0, 1, 2, 3].map(|l| self.load(&from[offsets[l]..])))
    }

    #[inline(always)]
    fn interleave(self, vectors: [v128; 4], to: &mut [f32]) {
        for (l, four) in transpose(vectors).into_iter().enumerate() {
            self.store(four, &mut to[4 * l..]);
        }
    }
}

#[inline(always)]
fn transpose([a, b, c, d]: [v128; 4]) -> [v128; 4] {
    let (ab0, ab1) = (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b));
    let (cd0, cd1) = (i32x4_shuffle::<0, 4, 1, 5>(c, d), i32x4_shuffle::<2, 6, 3, 7>(c, d));
    [
        i64x2_shuffle::<0, 2>(ab0, cd0),
        i64x2_shuffle::<1, 3>(ab0, cd0),
        i64x2_shuffle::<0, 2>(ab1, cd1),
        i64x2_shuffle::<1, 3>(ab1, cd1),
    ]
}
