//! x86-64 with AVX-512: 16 lanes, 32 registers.

use std::arch::x86_64::*;

use super::{Simd, first, first_mut};

/// Exists only where the machine has the instructions.
#[derive(Clone, Copy)]
pub(super) struct Avx512(());

impl Avx512 {
    pub(super) fn new() -> Avx512 {
        use std::arch::is_x86_feature_detected as has;
        // Not `Isa::available`, which allocates: this is asked in every call.
        let all = has!("avx512f") && has!("avx512bw") && has!("avx512dq") && has!("avx512vl") && has!("fma");
        assert!(all, "this machine has no AVX-512");
        Avx512(())
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")]
fn compiled<R>(work: impl FnOnce() -> R) -> R {
    work()
}

/// Four quarters, one from each offset.
///
/// # Safety
/// The machine has AVX-512.
// Not a function with `target_feature`: that could not be `inline(always)`.
#[inline(always)]
#[expect(unsafe_code, reason = "vector instructions")]
unsafe fn quarters(from: &[f32], offsets: [usize; 4]) -> __m512 {
    // SAFETY: by contract.
    unsafe {
        let low = _mm512_castps128_ps512(quarter(from, offsets[0]));
        let low = _mm512_insertf32x4::<1>(low, quarter(from, offsets[1]));
        let low = _mm512_insertf32x4::<2>(low, quarter(from, offsets[2]));
        _mm512_insertf32x4::<3>(low, quarter(from, offsets[3]))
    }
}

/// Four neighbours.
#[inline(always)]
#[expect(unsafe_code, reason = "vector load")]
fn quarter(from: &[f32], offset: usize) -> __m128 {
    let at: &[f32; 4] = first(&from[offset..]);
    // SAFETY: four elements are there; every x86-64 machine has the instruction.
    unsafe { _mm_loadu_ps(at.as_ptr()) }
}

#[expect(unsafe_code, reason = "vector instructions")]
impl Simd for Avx512 {
    type V = __m512;
    const LANES: usize = 16;
    const ROWS: usize = 14;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        // SAFETY: `self` exists, so the machine has the instructions.
        unsafe { compiled(work) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> __m512 {
        let from: &[f32; 16] = first(from);
        // SAFETY: as above; 16 elements are there.
        unsafe { _mm512_loadu_ps(from.as_ptr()) }
    }

    #[inline(always)]
    fn store(self, x: __m512, to: &mut [f32]) {
        let to: &mut [f32; 16] = first_mut(to);
        // SAFETY: as above; 16 elements are there.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), x) }
    }

    #[inline(always)]
    fn add(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: __m512, b: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: __m512, b: __m512, c: __m512) -> __m512 {
        // SAFETY: as above.
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [__m512; 4] {
        let o: &[usize; 16] = offsets.first_chunk().expect("one offset a lane");
        // SAFETY: as above.
        unsafe {
            // Row i of each quarter's 4 x 4 block, then those four blocks transposed at once.
            let a = quarters(from, [o[0], o[4], o[8], o[12]]);
            let b = quarters(from, [o[1], o[5], o[9], o[13]]);
            let c = quarters(from, [o[2], o[6], o[10], o[14]]);
            let d = quarters(from, [o[3], o[7], o[11], o[15]]);
            transpose(a, b, c, d)
        }
    }

    #[inline(always)]
    fn interleave(self, vectors: [__m512; 4], to: &mut [f32]) {
        let to: &mut [f32; 64] = first_mut(to);
        let [a, b, c, d] = vectors;
        // SAFETY: as above; every four elements are inside of the array.
        unsafe {
            for (l, x) in transpose(a, b, c, d).into_iter().enumerate() {
                let to = &mut to[4 * l..];
                _mm_storeu_ps(to.as_mut_ptr(), _mm512_extractf32x4_ps::<0>(x));
                _mm_storeu_ps(to[16..].as_mut_ptr(), _mm512_extractf32x4_ps::<1>(x));
                _mm_storeu_ps(to[32..].as_mut_ptr(), _mm512_extractf32x4_ps::<2>(x));
                _mm_storeu_ps(to[48..].as_mut_ptr(), _mm512_extractf32x4_ps::<3>(x));
            }
        }
    }
}

/// Transposes each quarter's 4 x 4 block.
///
/// # Safety
/// The machine has AVX-512.
#[inline(always)]
#[expect(unsafe_code, reason = "vector instructions")]
unsafe fn transpose(a: __m512, b: __m512, c: __m512, d: __m512) -> [__m512; 4] {
    // SAFETY: by contract.
    unsafe {
        let (ab0, ab1) = (_mm512_unpacklo_ps(a, b), _mm512_unpackhi_ps(a, b));
        let (cd0, cd1) = (_mm512_unpacklo_ps(c, d), _mm512_unpackhi_ps(c, d));
        [
            _mm512_shuffle_ps::<0b01_00_01_00>(ab0, cd0),
            _mm512_shuffle_ps::<0b11_10_11_10>(ab0, cd0),
            _mm512_shuffle_ps::<0b01_00_01_00>(ab1, cd1),
            _mm512_shuffle_ps::<0b11_10_11_10>(ab1, cd1),
        ]
    }
}
