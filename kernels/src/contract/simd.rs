//! Registers read from slices and written to slices: what contractions are written in.

pub(super) use crate::lanes::{Kernel, Lanes, MOST as MAX_LANES, dispatch};

/// Any instruction set, with operations on slices, which check their bounds.
pub(super) trait Simd: Lanes {
    /// The first `COUNT` elements.
    #[inline(always)]
    #[expect(unsafe_code, reason = "registers are read through pointers")]
    fn read(self, from: &[f32]) -> Self::F {
        let from = &from[..Self::COUNT];
        // SAFETY: that many are there.
        unsafe { self.load(from.as_ptr()) }
    }

    /// Into the first `COUNT` elements.
    #[inline(always)]
    #[expect(unsafe_code, reason = "registers are written through pointers")]
    fn write(self, x: Self::F, to: &mut [f32]) {
        let to = &mut to[..Self::COUNT];
        // SAFETY: there is room for as many.
        unsafe { self.store(x, to.as_mut_ptr()) }
    }

    /// Reads four neighbours at each of `COUNT` offsets: lane l of register i is `from[offsets[l] + i]`. With this, a
    /// matrix is transposed on its way into a panel.
    #[inline(always)]
    #[expect(unsafe_code, reason = "registers are read through pointers")]
    fn transposed(self, from: &[f32], offsets: &[usize]) -> [Self::F; 4] {
        let offsets = &offsets[..Self::COUNT];
        let mut rows = [self.splat(0.0); 4];
        for i in 0..4 {
            let mut groups = [0; MAX_LANES / 4];
            for group in 0..Self::COUNT / 4 {
                groups[group] = offsets[4 * group + i];
                assert!(groups[group] + 4 <= from.len(), "four neighbours at every offset");
            }
            // SAFETY: four elements are there at each offset, as just asserted.
            rows[i] = unsafe { self.load_fours(from.as_ptr(), groups) };
        }
        self.transpose4(rows)
    }

    /// The opposite, to neighbouring places: lane l of register i goes to `to[4 * l + i]`.
    #[inline(always)]
    #[expect(unsafe_code, reason = "registers are written through pointers")]
    fn interleave(self, registers: [Self::F; 4], to: &mut [f32]) {
        let to = &mut to[..4 * Self::COUNT];
        let rows = self.transpose4(registers);
        for (l, row) in rows.into_iter().enumerate() {
            // SAFETY: groups of four at 4 l, 4 l + 16, ..: the last ends where the slice does.
            unsafe { self.store_fours(row, to.as_mut_ptr().add(4 * l), 16) }
        }
    }
}

impl<L: Lanes> Simd for L {}
