//! AVX2 and FMA: 8 lanes.

use std::arch::x86_64::*;

use super::{Lanes, MOST, operations};

/// The proof that the CPU has AVX2 and FMA.
#[derive(Debug, Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Avx2 {
        use std::arch::is_x86_feature_detected as has;
        // Not `Isa::available`, which allocates: this is asked in every call.
        assert!(has!("avx2") && has!("fma"), "this machine has no AVX2 and FMA");
        Avx2(())
    }

    /// # Safety
    /// The CPU has the instructions.
    #[expect(unsafe_code, reason = "a promise about the CPU")]
    #[inline(always)]
    pub(super) unsafe fn unchecked() -> Avx2 {
        Avx2(())
    }
}

#[target_feature(enable = "avx2,fma")]
fn compiled<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// The first `count` lanes, as a mask for loads and stores.
#[expect(unsafe_code, reason = "intrinsics")]
#[inline(always)]
fn first(_: Avx2, count: usize) -> __m256i {
    // SAFETY: the argument proves that the CPU has these instructions.
    unsafe {
        let places = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
        _mm256_cmpgt_epi32(_mm256_set1_epi32(count as i32), places)
    }
}

#[expect(unsafe_code, reason = "intrinsics")]
impl Lanes for Avx2 {
    const COUNT: usize = 8;
    const ROWS: usize = 6;
    const VECTORS: usize = 2;
    const FUSED: bool = true;
    type F = __m256;
    type I = __m256i;
    type M = __m256;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        // SAFETY: `self` exists, so the CPU has the instructions.
        unsafe { compiled(work) }
    }

    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> __m256 {
        // SAFETY: by contract.
        unsafe { _mm256_loadu_ps(from) }
    }

    #[inline(always)]
    unsafe fn store(self, x: __m256, to: *mut f32) {
        // SAFETY: by contract.
        unsafe { _mm256_storeu_ps(to, x) }
    }

    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> __m256 {
        // SAFETY: by contract; lanes outside of the mask are not touched.
        unsafe { _mm256_maskload_ps(from, first(self, count)) }
    }

    #[inline(always)]
    unsafe fn store_part(self, x: __m256, to: *mut f32, count: usize) {
        // SAFETY: as above.
        unsafe { _mm256_maskstore_ps(to, first(self, count), x) }
    }

    #[inline(always)]
    unsafe fn load_fours(self, from: *const f32, offsets: [usize; MOST / 4]) -> __m256 {
        // SAFETY: by contract.
        unsafe {
            let low = _mm256_castps128_ps256(_mm_loadu_ps(from.add(offsets[0])));
            _mm256_insertf128_ps::<1>(low, _mm_loadu_ps(from.add(offsets[1])))
        }
    }

    #[inline(always)]
    unsafe fn store_fours(self, x: __m256, to: *mut f32, stride: usize) {
        // SAFETY: by contract.
        unsafe {
            _mm_storeu_ps(to, _mm256_castps256_ps128(x));
            _mm_storeu_ps(to.add(stride), _mm256_extractf128_ps::<1>(x));
        }
    }

    operations! {
        fn splat(x: f32) -> __m256 { _mm256_set1_ps(x) }
        fn add(a: __m256, b: __m256) -> __m256 { _mm256_add_ps(a, b) }
        fn sub(a: __m256, b: __m256) -> __m256 { _mm256_sub_ps(a, b) }
        fn mul(a: __m256, b: __m256) -> __m256 { _mm256_mul_ps(a, b) }
        fn div(a: __m256, b: __m256) -> __m256 { _mm256_div_ps(a, b) }
        fn mul_add(a: __m256, b: __m256, c: __m256) -> __m256 { _mm256_fmadd_ps(a, b, c) }
        fn max(a: __m256, b: __m256) -> __m256 { _mm256_max_ps(a, b) }
        fn min(a: __m256, b: __m256) -> __m256 { _mm256_min_ps(a, b) }
        fn sqrt(x: __m256) -> __m256 { _mm256_sqrt_ps(x) }
        fn floor(x: __m256) -> __m256 { _mm256_floor_ps(x) }

        fn gt(a: __m256, b: __m256) -> __m256 { _mm256_cmp_ps::<_CMP_GT_OQ>(a, b) }
        fn ge(a: __m256, b: __m256) -> __m256 { _mm256_cmp_ps::<_CMP_GE_OQ>(a, b) }
        fn eq(a: __m256, b: __m256) -> __m256 { _mm256_cmp_ps::<_CMP_EQ_OQ>(a, b) }
        fn select(mask: __m256, a: __m256, b: __m256) -> __m256 { _mm256_blendv_ps(b, a, mask) }

        fn bits(x: __m256) -> __m256i { _mm256_castps_si256(x) }
        fn float(x: __m256i) -> __m256 { _mm256_castsi256_ps(x) }
        fn convert(x: __m256i) -> __m256 { _mm256_cvtepi32_ps(x) }

        fn word(x: u32) -> __m256i { _mm256_set1_epi32(x.cast_signed()) }
        fn words(x: &[u32; MOST]) -> __m256i { _mm256_loadu_si256(x.as_ptr().cast()) }
        fn plus(a: __m256i, b: __m256i) -> __m256i { _mm256_add_epi32(a, b) }
        fn minus(a: __m256i, b: __m256i) -> __m256i { _mm256_sub_epi32(a, b) }
        fn and(a: __m256i, b: __m256i) -> __m256i { _mm256_and_si256(a, b) }
        fn xor(a: __m256i, b: __m256i) -> __m256i { _mm256_xor_si256(a, b) }
        fn shift_left(x: __m256i, by: u32) -> __m256i { _mm256_sll_epi32(x, _mm_cvtsi32_si128(by.cast_signed())) }
        fn shift_right(x: __m256i, by: u32) -> __m256i { _mm256_srl_epi32(x, _mm_cvtsi32_si128(by.cast_signed())) }
        fn shift_right_signed(x: __m256i, by: u32) -> __m256i {
            _mm256_sra_epi32(x, _mm_cvtsi32_si128(by.cast_signed()))
        }
        // Selection looks at the highest bit only.
        fn negative(x: __m256i) -> __m256 { _mm256_castsi256_ps(x) }

        fn wide_product(a: __m256i, b: __m256i) -> __m256i { _mm256_mul_epu32(a, b) }
        fn high_words(x: __m256i) -> __m256i { _mm256_srli_epi64::<32>(x) }
        fn join_words(even: __m256i, odd: __m256i) -> __m256i {
            _mm256_blend_epi32::<0b1010_1010>(even, _mm256_slli_epi64::<32>(odd))
        }

        fn transpose4(rows: [__m256; 4]) -> [__m256; 4] {{
            let [a, b, c, d] = rows;
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            let (low2, high2) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
            [
                _mm256_shuffle_ps::<0b01_00_01_00>(low, low2),
                _mm256_shuffle_ps::<0b11_10_11_10>(low, low2),
                _mm256_shuffle_ps::<0b01_00_01_00>(high, high2),
                _mm256_shuffle_ps::<0b11_10_11_10>(high, high2),
            ]
        }}
        fn split_pairs(a: __m256, b: __m256) -> (__m256, __m256) {{
            // Each half has two of a, then two of b: the middle quarters change places.
            let even = _mm256_castps_pd(_mm256_shuffle_ps::<0b10_00_10_00>(a, b));
            let odd = _mm256_castps_pd(_mm256_shuffle_ps::<0b11_01_11_01>(a, b));
            (
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(even)),
                _mm256_castpd_ps(_mm256_permute4x64_pd::<0b11_01_10_00>(odd)),
            )
        }}
        fn join_pairs(a: __m256, b: __m256) -> (__m256, __m256) {{
            let (low, high) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
            (_mm256_permute2f128_ps::<0x20>(low, high), _mm256_permute2f128_ps::<0x31>(low, high))
        }}

        fn sum(x: __m256) -> f32 {{
            let x = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_add_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)))
        }}
        fn largest(x: __m256) -> f32 {{
            let x = _mm_max_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
            let x = _mm_max_ps(x, _mm_movehl_ps(x, x));
            _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)))
        }}
    }
}
