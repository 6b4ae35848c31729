//! AArch64: 4 lanes, 32 registers, fused multiply-add; part of every such machine.

use std::arch::aarch64::*;

use super::{Simd, first, first_mut};

#[derive(Clone, Copy)]
pub(super) struct Neon;

#[expect(unsafe_code, reason = "vector instructions, which every AArch64 machine has")]
impl Simd for Neon {
    type V = float32x4_t;
    const LANES: usize = 4;
    const ROWS: usize = 8;
    const VECTORS: usize = 3;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: every AArch64 machine has the instruction.
        unsafe { vdupq_n_f32(x) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> float32x4_t {
        let from: &[f32; 4] = first(from);
        // SAFETY: as above; 4 elements are there.
        unsafe { vld1q_f32(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: float32x4_t, to: &mut [f32]) {
        let to: &mut [f32; 4] = first_mut(to);
        // SAFETY: as above; 4 elements are there.
        unsafe { vst1q_f32(to.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: as above.
        unsafe { vaddq_f32(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: as above.
        unsafe { vsubq_f32(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: as above.
        unsafe { vmulq_f32(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: as above.
        unsafe { vfmaq_f32(c, a, b) }
    }

    #[inline(always)]
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [float32x4_t; 4] {
        transpose([0, 1, 2, 3].map(|l| self.load(&from[offsets[l]..])))
    }

    #[inline(always)]
    fn interleave(self, vectors: [float32x4_t; 4], to: &mut [f32]) {
        for (l, four) in transpose(vectors).into_iter().enumerate() {
            self.store(four, &mut to[4 * l..]);
        }
    }
}

#[inline(always)]
#[expect(unsafe_code, reason = "vector instructions, which every AArch64 machine has")]
fn transpose([a, b, c, d]: [float32x4_t; 4]) -> [float32x4_t; 4] {
    // SAFETY: every AArch64 machine has the instructions.
    unsafe {
        let (ab0, ab1) = (vzip1q_f32(a, b), vzip2q_f32(a, b));
        let (cd0, cd1) = (vzip1q_f32(c, d), vzip2q_f32(c, d));
        let low = |x, y| vcombine_f32(vget_low_f32(x), vget_low_f32(y));
        let high = |x, y| vcombine_f32(vget_high_f32(x), vget_high_f32(y));
        [low(ab0, cd0), high(ab0, cd0), low(ab1, cd1), high(ab1, cd1)]
    }
}
