//! AVX-512 F, BW, DQ and VL: 16 lanes.

use std::arch::x86_64::*;

use super::{Lanes, MOST, operations};

/// The proof that the CPU has AVX-512.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Avx512 {
        use std::arch::is_x86_feature_detected as has;
        // Not `Isa::available`, which allocates: this is asked in every call.
        assert!(
            has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") && has!("fma"),
            "this machine has no AVX-512"
        );
        Avx512(())
    }

    /// # Safety
    /// The CPU has the instructions.
    #[expect(unsafe_code, reason = "a promise about the CPU")]
    #[inline(always)]
    pub(super) unsafe fn unchecked() -> Avx512 {
        Avx512(())
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn compiled<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The first `count` lanes.
#[inline(always)]
fn first(count: usize) -> __mmask16 {
    (1u32 << count).wrapping_sub(1) as __mmask16
}

#[expect(unsafe_code, reason = "intrinsics")]
impl Lanes for Avx512 {
    const COUNT: usize = 16;
    const ROWS: usize = 14;
    const VECTORS: usize = 2;
    const FUSED: bool = true;
    type F = __m512;
    type I = __m512i;
    type M = __mmask16;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        // SAFETY: `self` exists, so the CPU has the instructions.
        unsafe { compiled(work) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m512 {
        // SAFETY: by contract.
        unsafe { _mm512_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, x: __m512, to: *mut f32) {
        // SAFETY: by contract.
        unsafe { _mm512_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> __m512 {
        // SAFETY: by contract; lanes outside of the mask are not touched.
        unsafe { _mm512_maskz_loadu_ps(first(count), from) }
    }

    #[inline(always)]
    unsafe fn store_part(self, x: __m512, to: *mut f32, count: usize) {
        // SAFETY: as above.
        unsafe { _mm512_mask_storeu_ps(to, first(count), x) }
    }

    #[inline(always)]
    unsafe fn load_fours(self, from: *const f32, offsets: [usize; MOST / 4]) -> __m512 {
        // SAFETY: by contract.
        unsafe {
            let x = _mm512_castps128_ps512(_mm_loadu_ps(from.add(offsets[0])));
            let x = _mm512_insertf32x4::<1>(x, _mm_loadu_ps(from.add(offsets[1])));
            let x = _mm512_insertf32x4::<2>(x, _mm_loadu_ps(from.add(offsets[2])));
            _mm512_insertf32x4::<3>(x, _mm_loadu_ps(from.add(offsets[3])))
        }
    }

    #[inline(always)]
    unsafe fn store_fours(self, x: __m512, to: *mut f32, stride: usize) {
        // SAFETY: by contract.
        unsafe {
            _mm_storeu_ps(to, _mm512_castps512_ps128(x));
            _mm_storeu_ps(to.add(stride), _mm512_extractf32x4_ps::<1>(x));
            _mm_storeu_ps(to.add(2 * stride), _mm512_extractf32x4_ps::<2>(x));
            _mm_storeu_ps(to.add(3 * stride), _mm512_extractf32x4_ps::<3>(x));
        }
    }

    operations! {
        fn splat(x: f32) -> __m512 { _mm512_set1_ps(x) }
        fn add(a: __m512, b: __m512) -> __m512 { _mm512_add_ps(a, b) }
        fn sub(a: __m512, b: __m512) -> __m512 { _mm512_sub_ps(a, b) }
        fn mul(a: __m512, b: __m512) -> __m512 { _mm512_mul_ps(a, b) }
        fn div(a: __m512, b: __m512) -> __m512 { _mm512_div_ps(a, b) }
        fn mul_add(a: __m512, b: __m512, c: __m512) -> __m512 { _mm512_fmadd_ps(a, b, c) }
        fn max(a: __m512, b: __m512) -> __m512 { _mm512_max_ps(a, b) }
        fn min(a: __m512, b: __m512) -> __m512 { _mm512_min_ps(a, b) }
        fn sqrt(x: __m512) -> __m512 { _mm512_sqrt_ps(x) }
        fn floor(x: __m512) -> __m512 { _mm512_roundscale_ps::<9>(x) }

        fn gt(a: __m512, b: __m512) -> __mmask16 { _mm512_cmp_ps_mask::<_CMP_GT_OQ>(a, b) }
        fn ge(a: __m512, b: __m512) -> __mmask16 { _mm512_cmp_ps_mask::<_CMP_GE_OQ>(a, b) }
        fn eq(a: __m512, b: __m512) -> __mmask16 { _mm512_cmp_ps_mask::<_CMP_EQ_OQ>(a, b) }
        fn select(mask: __mmask16, a: __m512, b: __m512) -> __m512 { _mm512_mask_blend_ps(mask, b, a) }

        fn bits(x: __m512) -> __m512i { _mm512_castps_si512(x) }
        fn float(x: __m512i) -> __m512 { _mm512_castsi512_ps(x) }
        fn convert(x: __m512i) -> __m512 { _mm512_cvtepi32_ps(x) }

        fn word(x: u32) -> __m512i { _mm512_set1_epi32(x.cast_signed()) }
        fn words(x: &[u32; MOST]) -> __m512i { _mm512_loadu_si512(x.as_ptr().cast()) }
        fn plus(a: __m512i, b: __m512i) -> __m512i { _mm512_add_epi32(a, b) }
        fn minus(a: __m512i, b: __m512i) -> __m512i { _mm512_sub_epi32(a, b) }
        fn and(a: __m512i, b: __m512i) -> __m512i { _mm512_and_si512(a, b) }
        fn xor(a: __m512i, b: __m512i) -> __m512i { _mm512_xor_si512(a, b) }
        fn shift_left(x: __m512i, by: u32) -> __m512i { _mm512_sll_epi32(x, _mm_cvtsi32_si128(by.cast_signed())) }
        fn shift_right(x: __m512i, by: u32) -> __m512i { _mm512_srl_epi32(x, _mm_cvtsi32_si128(by.cast_signed())) }
        fn shift_right_signed(x: __m512i, by: u32) -> __m512i {
            _mm512_sra_epi32(x, _mm_cvtsi32_si128(by.cast_signed()))
        }
        fn negative(x: __m512i) -> __mmask16 { _mm512_movepi32_mask(x) }

        fn wide_product(a: __m512i, b: __m512i) -> __m512i { _mm512_mul_epu32(a, b) }
        fn high_words(x: __m512i) -> __m512i { _mm512_srli_epi64::<32>(x) }
        fn join_words(even: __m512i, odd: __m512i) -> __m512i {
            _mm512_mask_blend_epi32(0b1010_1010_1010_1010, even, _mm512_slli_epi64::<32>(odd))
        }

        fn transpose4(rows: [__m512; 4]) -> [__m512; 4] {{
            let [a, b, c, d] = rows;
            let (low, high) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
            let (low2, high2) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
            let (low, low2) = (_mm512_castps_pd(low), _mm512_castps_pd(low2));
            let (high, high2) = (_mm512_castps_pd(high), _mm512_castps_pd(high2));
            [
                _mm512_castpd_ps(_mm512_unpacklo_pd(low, low2)),
                _mm512_castpd_ps(_mm512_unpackhi_pd(low, low2)),
                _mm512_castpd_ps(_mm512_unpacklo_pd(high, high2)),
                _mm512_castpd_ps(_mm512_unpackhi_pd(high, high2)),
            ]
        }}
        fn split_pairs(a: __m512, b: __m512) -> (__m512, __m512) {{
            let even = _mm512_setr_epi32(0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
            let odd = _mm512_setr_epi32(1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
            (_mm512_permutex2var_ps(a, even, b), _mm512_permutex2var_ps(a, odd, b))
        }}
        fn join_pairs(a: __m512, b: __m512) -> (__m512, __m512) {{
            let first = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            let second = _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            (_mm512_permutex2var_ps(a, first, b), _mm512_permutex2var_ps(a, second, b))
        }}

        fn sum(x: __m512) -> f32 { _mm512_reduce_add_ps(x) }
        fn largest(x: __m512) -> f32 { _mm512_reduce_max_ps(x) }
        fn scale(x: __m512, n: __m512) -> __m512 { _mm512_scalef_ps(x, n) }
    }
}
