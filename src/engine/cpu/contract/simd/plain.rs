//! Plain Rust in groups of four, which compilers turn into whatever vectors the target's baseline has.

use super::{Simd, first, first_mut};

#[derive(Clone, Copy)]
pub(super) struct Plain;

#[inline(always)]
fn zip(a: [f32; 4], b: [f32; 4], f: impl Fn(f32, f32) -> f32) -> [f32; 4] {
    [f(a[0], b[0]), f(a[1], b[1]), f(a[2], b[2]), f(a[3], b[3])]
}

impl Simd for Plain {
    type V = [f32; 4];
    const LANES: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 2;

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; 4] {
        *first(from)
    }

    #[inline(always)]
    fn store(self, x: [f32; 4], to: &mut [f32]) {
        *first_mut(to) = x;
    }

    #[inline(always)]
    fn add(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, a: [f32; 4], b: [f32; 4]) -> [f32; 4] {
        zip(a, b, |a, b| a * b)
    }

    // Not `f32::mul_add`: without the instruction that is a call into the mathematical library.
    #[inline(always)]
    fn mul_add(self, a: [f32; 4], b: [f32; 4], c: [f32; 4]) -> [f32; 4] {
        self.add(self.mul(a, b), c)
    }

    #[inline(always)]
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [[f32; 4]; 4] {
        let rows: [&[f32; 4]; 4] = [0, 1, 2, 3].map(|l| first(&from[offsets[l]..]));
        [0, 1, 2, 3].map(|i| [rows[0][i], rows[1][i], rows[2][i], rows[3][i]])
    }

    #[inline(always)]
    fn interleave(self, vectors: [[f32; 4]; 4], to: &mut [f32]) {
        let to: &mut [f32; 16] = first_mut(to);
        for l in 0..4 {
            for i in 0..4 {
                to[4 * l + i] = vectors[i][l];
            }
        }
    }
}
