//! x86-64 with AVX2 and FMA: 8 lanes, 16 registers.

use std::arch::x86_64::*;

use super::{Simd, first, first_mut};

/// Exists only where the machine has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Avx2 {
    pub(super) fn new() -> Avx2 {
        use std::arch::is_x86_feature_detected as has;
        // Not `Isa::available`, which allocates: this is asked in every call.
        assert!(has!("avx2") && has!("fma"), "this machine has no AVX2 and FMA");
        Avx2(())
    }
}

#[target_feature(enable = "avx2,fma")]
fn compiled<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Two halves, one from each offset.
///
/// # Safety
/// The machine has AVX2 and FMA.
// Not a function with `target_feature`: that could not be `inline(always)`.
#[inline(always)]
#[expect(unsafe_code, reason = "vector instructions")]
unsafe fn halves(from: &[f32], offsets: [usize; 2]) -> __m256 {
    // SAFETY: by contract.
    unsafe { _mm256_insertf128_ps::<1>(_mm256_castps128_ps256(half(from, offsets[0])), half(from, offsets[1])) }
}

/// Four neighbours.
#[inline(always)]
#[expect(unsafe_code, reason = "vector load")]
fn half(from: &[f32], offset: usize) -> __m128 {
    let at: &[f32; 4] = first(&from[offset..]);
    // SAFETY: four elements are there; every x86-64 machine has the instruction.
    unsafe { _mm_loadu_ps(at.as_ptr()) }
}

#[expect(unsafe_code, reason = "vector instructions")]
impl Simd for Avx2 {
    type V = __m256;
    const LANES: usize = 8;
    const ROWS: usize = 6;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        // SAFETY: `self` exists, so the machine has the instructions.
        unsafe { compiled(work) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m256 {
        let from: &[f32; 8] = first(from);
        // SAFETY: as above; 8 elements are there.
        unsafe { _mm256_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: __m256, to: &mut [f32]) {
        let to: &mut [f32; 8] = first_mut(to);
        // SAFETY: as above; 8 elements are there.
        unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn add(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m256, b: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_mul_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
        // SAFETY: as above.
        unsafe { _mm256_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [__m256; 4] {
        let o: &[usize; 8] = offsets.first_chunk().expect("one offset a lane");
        // SAFETY: as above.
        unsafe {
            // Row i of each half's 4 x 4 block, then both blocks transposed at once.
            let a = halves(from, [o[0], o[4]]);
            let b = halves(from, [o[1], o[5]]);
            let c = halves(from, [o[2], o[6]]);
            let d = halves(from, [o[3], o[7]]);
            transpose(a, b, c, d)
        }
    }

    #[inline(always)]
    fn interleave(self, vectors: [__m256; 4], to: &mut [f32]) {
        let to: &mut [f32; 32] = first_mut(to);
        let [a, b, c, d] = vectors;
        // SAFETY: as above; every four elements are inside of the array.
        unsafe {
            for (l, x) in transpose(a, b, c, d).into_iter().enumerate() {
                let to = &mut to[4 * l..];
                _mm_storeu_ps(to.as_mut_ptr(), _mm256_extractf128_ps::<0>(x));
                _mm_storeu_ps(to[16..].as_mut_ptr(), _mm256_extractf128_ps::<1>(x));
            }
        }
    }
}

/// Transposes each half's 4 x 4 block.
///
/// # Safety
/// The machine has AVX2 and FMA.
#[inline(always)]
#[expect(unsafe_code, reason = "vector instructions")]
unsafe fn transpose(a: __m256, b: __m256, c: __m256, d: __m256) -> [__m256; 4] {
    // SAFETY: by contract.
    unsafe {
        let (ab0, ab1) = (_mm256_unpacklo_ps(a, b), _mm256_unpackhi_ps(a, b));
        let (cd0, cd1) = (_mm256_unpacklo_ps(c, d), _mm256_unpackhi_ps(c, d));
        [
            _mm256_shuffle_ps::<0b01_00_01_00>(ab0, cd0),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab0, cd0),
            _mm256_shuffle_ps::<0b01_00_01_00>(ab1, cd1),
            _mm256_shuffle_ps::<0b11_10_11_10>(ab1, cd1),
        ]
    }
}
