//! AArch64's NEON: 4 lanes.

use std::arch::aarch64::*;

use super::{Lanes, MOST, operations};

/// Every AArch64 that Rust compiles for has NEON.
#[derive(Debug, Clone, Copy)]
pub(super) struct Neon;

#[expect(unsafe_code, reason = "intrinsics")]
impl Lanes for Neon {
    const COUNT: usize = 4;
    const ROWS: usize = 8;
    const VECTORS: usize = 3;
    const FUSED: bool = true;
    type F = float32x4_t;
    type I = uint32x4_t;
    type M = uint32x4_t;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> float32x4_t {
        // SAFETY: by contract.
        unsafe { vld1q_f32(from) }
    }

    #[inline(always)]
    unsafe fn store(self, x: float32x4_t, to: *mut f32) {
        // SAFETY: by contract.
        unsafe { vst1q_f32(to, x) }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> float32x4_t {
        let mut lanes = [0.0; 4];
        // SAFETY: `count` numbers by contract, fewer than the array has.
        unsafe {
            from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count);
            vld1q_f32(lanes.as_ptr())
        }
    }

    #[inline(always)]
    unsafe fn store_part(self, x: float32x4_t, to: *mut f32, count: usize) {
        let mut lanes = [0.0; 4];
        // SAFETY: as above.
        unsafe {
            vst1q_f32(lanes.as_mut_ptr(), x);
            to.copy_from_nonoverlapping(lanes.as_ptr(), count);
        }
    }

    #[inline(always)]
    unsafe fn load_fours(self, from: *const f32, offsets: [usize; MOST / 4]) -> float32x4_t {
        // SAFETY: by contract.
        unsafe { self.load(from.add(offsets[0])) }
    }

    #[inline(always)]
    unsafe fn store_fours(self, x: float32x4_t, to: *mut f32, _: usize) {
        // SAFETY: by contract.
        unsafe { self.store(x, to) }
    }

    #[inline(always)]
    fn words(self, x: &[u32; MOST]) -> uint32x4_t {
        // SAFETY: the array has more.
        unsafe { vld1q_u32(x.as_ptr()) }
    }

    operations! {
        fn splat(x: f32) -> float32x4_t { vdupq_n_f32(x) }
        fn add(a: float32x4_t, b: float32x4_t) -> float32x4_t { vaddq_f32(a, b) }
        fn sub(a: float32x4_t, b: float32x4_t) -> float32x4_t { vsubq_f32(a, b) }
        fn mul(a: float32x4_t, b: float32x4_t) -> float32x4_t { vmulq_f32(a, b) }
        fn div(a: float32x4_t, b: float32x4_t) -> float32x4_t { vdivq_f32(a, b) }
        fn mul_add(a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t { vfmaq_f32(c, a, b) }
        // The instructions for these hand on what is not a number.
        fn max(a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(vcgtq_f32(a, b), a, b) }
        fn min(a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(vcltq_f32(a, b), a, b) }
        fn sqrt(x: float32x4_t) -> float32x4_t { vsqrtq_f32(x) }
        fn floor(x: float32x4_t) -> float32x4_t { vrndmq_f32(x) }

        fn gt(a: float32x4_t, b: float32x4_t) -> uint32x4_t { vcgtq_f32(a, b) }
        fn ge(a: float32x4_t, b: float32x4_t) -> uint32x4_t { vcgeq_f32(a, b) }
        fn eq(a: float32x4_t, b: float32x4_t) -> uint32x4_t { vceqq_f32(a, b) }
        fn select(mask: uint32x4_t, a: float32x4_t, b: float32x4_t) -> float32x4_t { vbslq_f32(mask, a, b) }

        fn bits(x: float32x4_t) -> uint32x4_t { vreinterpretq_u32_f32(x) }
        fn float(x: uint32x4_t) -> float32x4_t { vreinterpretq_f32_u32(x) }
        fn convert(x: uint32x4_t) -> float32x4_t { vcvtq_f32_s32(vreinterpretq_s32_u32(x)) }

        fn word(x: u32) -> uint32x4_t { vdupq_n_u32(x) }
        fn plus(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vaddq_u32(a, b) }
        fn minus(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vsubq_u32(a, b) }
        fn and(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { vandq_u32(a, b) }
        fn xor(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t { veorq_u32(a, b) }
        fn shift_left(x: uint32x4_t, by: u32) -> uint32x4_t { vshlq_u32(x, vdupq_n_s32(by.cast_signed())) }
        fn shift_right(x: uint32x4_t, by: u32) -> uint32x4_t { vshlq_u32(x, vdupq_n_s32(-by.cast_signed())) }
        fn shift_right_signed(x: uint32x4_t, by: u32) -> uint32x4_t {
            vreinterpretq_u32_s32(vshlq_s32(vreinterpretq_s32_u32(x), vdupq_n_s32(-by.cast_signed())))
        }
        fn negative(x: uint32x4_t) -> uint32x4_t { vcltzq_s32(vreinterpretq_s32_u32(x)) }

        fn wide_product(a: uint32x4_t, b: uint32x4_t) -> uint32x4_t {
            vreinterpretq_u32_u64(vmull_u32(vmovn_u64(vreinterpretq_u64_u32(a)), vmovn_u64(vreinterpretq_u64_u32(b))))
        }
        fn high_words(x: uint32x4_t) -> uint32x4_t { vreinterpretq_u32_u64(vshrq_n_u64::<32>(vreinterpretq_u64_u32(x))) }
        fn join_words(even: uint32x4_t, odd: uint32x4_t) -> uint32x4_t { vtrn1q_u32(even, odd) }

        fn transpose4(rows: [float32x4_t; 4]) -> [float32x4_t; 4] {{
            let [a, b, c, d] = rows;
            let (low, low2) = (vzip1q_f32(a, c), vzip1q_f32(b, d));
            let (high, high2) = (vzip2q_f32(a, c), vzip2q_f32(b, d));
            [vzip1q_f32(low, low2), vzip2q_f32(low, low2), vzip1q_f32(high, high2), vzip2q_f32(high, high2)]
        }}
        fn split_pairs(a: float32x4_t, b: float32x4_t) -> (float32x4_t, float32x4_t) {
            (vuzp1q_f32(a, b), vuzp2q_f32(a, b))
        }
        fn join_pairs(a: float32x4_t, b: float32x4_t) -> (float32x4_t, float32x4_t) {
            (vzip1q_f32(a, b), vzip2q_f32(a, b))
        }

        fn sum(x: float32x4_t) -> f32 {{
            let half = vadd_f32(vget_low_f32(x), vget_high_f32(x));
            vget_lane_f32::<0>(half) + vget_lane_f32::<1>(half)
        }}
        fn largest(x: float32x4_t) -> f32 {{
            // The instruction that leaves out what is not a number: only all lanes together can be that.
            vmaxnmvq_f32(x)
        }}
    }
}
