//! WebAssembly's simd128: 4 lanes.

use std::arch::wasm32::*;

use super::{Lanes, MOST, operations};

/// The module is compiled with `simd128`: an engine without it would have refused the module.
#[derive(Debug, Clone, Copy)]
pub(super) struct Simd128;

impl Lanes for Simd128 {
    const COUNT: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 2;
    const FUSED: bool = false;
    type F = v128;
    type I = v128;
    type M = v128;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> v128 {
        // SAFETY: by contract.
        unsafe { v128_load(from.cast()) }
    }

    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store(self, x: v128, to: *mut f32) {
        // SAFETY: by contract.
        unsafe { v128_store(to.cast(), x) }
    }

    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> v128 {
        let mut lanes = [0.0; 4];
        // SAFETY: `count` numbers by contract, fewer than the array has.
        unsafe {
            from.copy_to_nonoverlapping(lanes.as_mut_ptr(), count);
            v128_load(lanes.as_ptr().cast())
        }
    }

    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store_part(self, x: v128, to: *mut f32, count: usize) {
        let mut lanes = [0.0; 4];
        // SAFETY: as above.
        unsafe {
            v128_store(lanes.as_mut_ptr().cast(), x);
            to.copy_from_nonoverlapping(lanes.as_ptr(), count);
        }
    }

    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load_fours(self, from: *const f32, offsets: [usize; MOST / 4]) -> v128 {
        // SAFETY: by contract.
        unsafe { self.load(from.add(offsets[0])) }
    }

    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store_fours(self, x: v128, to: *mut f32, _: usize) {
        // SAFETY: by contract.
        unsafe { self.store(x, to) }
    }

    operations! {
        fn splat(x: f32) -> v128 { f32x4_splat(x) }
        fn add(a: v128, b: v128) -> v128 { f32x4_add(a, b) }
        fn sub(a: v128, b: v128) -> v128 { f32x4_sub(a, b) }
        fn mul(a: v128, b: v128) -> v128 { f32x4_mul(a, b) }
        fn div(a: v128, b: v128) -> v128 { f32x4_div(a, b) }
        fn mul_add(a: v128, b: v128, c: v128) -> v128 { f32x4_add(f32x4_mul(a, b), c) }
        // The "pseudo" instructions are the comparison and selection meant here, with their operands the other way round.
        fn max(a: v128, b: v128) -> v128 { f32x4_pmax(b, a) }
        fn min(a: v128, b: v128) -> v128 { f32x4_pmin(b, a) }
        fn sqrt(x: v128) -> v128 { f32x4_sqrt(x) }
        fn floor(x: v128) -> v128 { f32x4_floor(x) }

        fn gt(a: v128, b: v128) -> v128 { f32x4_gt(a, b) }
        fn ge(a: v128, b: v128) -> v128 { f32x4_ge(a, b) }
        fn eq(a: v128, b: v128) -> v128 { f32x4_eq(a, b) }
        fn select(mask: v128, a: v128, b: v128) -> v128 { v128_bitselect(a, b, mask) }

        fn bits(x: v128) -> v128 { x }
        fn float(x: v128) -> v128 { x }
        fn convert(x: v128) -> v128 { f32x4_convert_i32x4(x) }

        fn word(x: u32) -> v128 { u32x4_splat(x) }
        fn words(x: &[u32; MOST]) -> v128 { u32x4(x[0], x[1], x[2], x[3]) }
        fn plus(a: v128, b: v128) -> v128 { i32x4_add(a, b) }
        fn minus(a: v128, b: v128) -> v128 { i32x4_sub(a, b) }
        fn and(a: v128, b: v128) -> v128 { v128_and(a, b) }
        fn xor(a: v128, b: v128) -> v128 { v128_xor(a, b) }
        fn shift_left(x: v128, by: u32) -> v128 { i32x4_shl(x, by) }
        fn shift_right(x: v128, by: u32) -> v128 { u32x4_shr(x, by) }
        fn shift_right_signed(x: v128, by: u32) -> v128 { i32x4_shr(x, by) }
        fn negative(x: v128) -> v128 { i32x4_shr(x, 31) }

        fn wide_product(a: v128, b: v128) -> v128 {
            u64x2_extmul_low_u32x4(i32x4_shuffle::<0, 2, 0, 2>(a, a), i32x4_shuffle::<0, 2, 0, 2>(b, b))
        }
        fn high_words(x: v128) -> v128 { u64x2_shr(x, 32) }
        fn join_words(even: v128, odd: v128) -> v128 { i32x4_shuffle::<0, 4, 2, 6>(even, odd) }

        fn transpose4(rows: [v128; 4]) -> [v128; 4] {{
            let [a, b, c, d] = rows;
            let (low, low2) = (i32x4_shuffle::<0, 4, 1, 5>(a, c), i32x4_shuffle::<0, 4, 1, 5>(b, d));
            let (high, high2) = (i32x4_shuffle::<2, 6, 3, 7>(a, c), i32x4_shuffle::<2, 6, 3, 7>(b, d));
            [
                i32x4_shuffle::<0, 4, 1, 5>(low, low2),
                i32x4_shuffle::<2, 6, 3, 7>(low, low2),
                i32x4_shuffle::<0, 4, 1, 5>(high, high2),
                i32x4_shuffle::<2, 6, 3, 7>(high, high2),
            ]
        }}
        fn split_pairs(a: v128, b: v128) -> (v128, v128) {
            (i32x4_shuffle::<0, 2, 4, 6>(a, b), i32x4_shuffle::<1, 3, 5, 7>(a, b))
        }
        fn join_pairs(a: v128, b: v128) -> (v128, v128) {
            (i32x4_shuffle::<0, 4, 1, 5>(a, b), i32x4_shuffle::<2, 6, 3, 7>(a, b))
        }

        fn sum(x: v128) -> f32 {{
            let half = f32x4_add(x, i32x4_shuffle::<2, 3, 2, 3>(x, x));
            f32x4_extract_lane::<0>(half) + f32x4_extract_lane::<1>(half)
        }}
        fn largest(x: v128) -> f32 {{
            let half = f32x4_pmax(i32x4_shuffle::<2, 3, 2, 3>(x, x), x);
            f32x4_extract_lane::<0>(f32x4_pmax(i32x4_shuffle::<1, 1, 1, 1>(half, half), half))
        }}
    }
}
