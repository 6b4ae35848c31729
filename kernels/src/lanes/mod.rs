//! Registers: the few operations that kernels are written in, once for every instruction set.
//!
//! A kernel is a generic function over [`Lanes`], inlined in full into [`Lanes::compiled`], which is the only place where
//! the compiler may use those instructions. So everything on the way is `#[inline(always)]`, closures too: code left
//! outside would be compiled for the baseline and be called once a register.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
mod baseline;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;

use super::Isa;

/// The most lanes that a register has.
pub(super) const MOST: usize = 16;

/// An instruction set. A value of the type is the proof that the CPU has it, so operations on registers are safe.
///
/// Registers of words are seen as 32-bit lanes, or by `wide_product`, `high_words` and `join_words` as 64-bit lanes.
pub(super) trait Lanes: Copy + Send + Sync {
    /// Lanes of a register.
    const COUNT: usize;
    /// Rows of the largest tile of a product: each is one broadcast a step.
    const ROWS: usize;
    /// Registers in a row of the largest tile. `ROWS * VECTORS` sums, `VECTORS` operands and one temporary must fit the
    /// registers that there are.
    const VECTORS: usize;
    /// Whether `mul_add` rounds once.
    const FUSED: bool;
    /// A register of f32.
    type F: Copy;
    /// A register of 32-bit words.
    type I: Copy;
    /// One truth value a lane.
    type M: Copy;

    /// Calls `work` in a function that is compiled for these instructions.
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R;

    /// # Safety
    /// `COUNT` numbers can be read.
    #[expect(unsafe_code, reason = "reads through a pointer")]
    unsafe fn load(self, from: *const f32) -> Self::F;

    /// # Safety
    /// `COUNT` numbers can be written.
    #[expect(unsafe_code, reason = "writes through a pointer")]
    unsafe fn store(self, x: Self::F, to: *mut f32);

    /// The first `count < COUNT` lanes; the others are zero.
    ///
    /// # Safety
    /// `count` numbers can be read.
    #[expect(unsafe_code, reason = "reads through a pointer")]
    unsafe fn load_part(self, from: *const f32, count: usize) -> Self::F;

    /// The first `count < COUNT` lanes.
    ///
    /// # Safety
    /// `count` numbers can be written.
    #[expect(unsafe_code, reason = "writes through a pointer")]
    unsafe fn store_part(self, x: Self::F, to: *mut f32, count: usize);

    /// Up to a register of numbers; the other lanes are zero.
    ///
    /// # Safety
    /// `count <= COUNT` numbers can be read.
    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load_some(self, from: *const f32, count: usize) -> Self::F {
        // SAFETY: by contract.
        unsafe { if count == Self::COUNT { self.load(from) } else { self.load_part(from, count) } }
    }

    /// Up to two registers of numbers; the other lanes are zero.
    ///
    /// # Safety
    /// `count <= 2 COUNT` numbers can be read.
    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load_two(self, from: *const f32, count: usize) -> (Self::F, Self::F) {
        // SAFETY: by contract.
        unsafe {
            if count <= Self::COUNT {
                return (self.load_some(from, count), self.splat(0.0));
            }
            (self.load(from), self.load_some(from.add(Self::COUNT), count - Self::COUNT))
        }
    }

    /// Up to a register of numbers.
    ///
    /// # Safety
    /// `count <= COUNT` numbers can be written.
    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store_some(self, x: Self::F, to: *mut f32, count: usize) {
        // SAFETY: by contract.
        unsafe { if count == Self::COUNT { self.store(x, to) } else { self.store_part(x, to, count) } }
    }

    /// Up to two registers of numbers.
    ///
    /// # Safety
    /// `count <= 2 COUNT` numbers can be written.
    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store_two(self, a: Self::F, b: Self::F, to: *mut f32, count: usize) {
        // SAFETY: by contract.
        unsafe {
            if count <= Self::COUNT {
                return self.store_some(a, to, count);
            }
            self.store(a, to);
            self.store_some(b, to.add(Self::COUNT), count - Self::COUNT);
        }
    }

    /// A group of four neighbours from each of the first `COUNT / 4` offsets.
    ///
    /// # Safety
    /// They can be read.
    #[expect(unsafe_code, reason = "reads through a pointer")]
    unsafe fn load_fours(self, from: *const f32, offsets: [usize; MOST / 4]) -> Self::F;

    /// Each group of four lanes, `stride` apart.
    ///
    /// # Safety
    /// They can be written.
    #[expect(unsafe_code, reason = "writes through a pointer")]
    unsafe fn store_fours(self, x: Self::F, to: *mut f32, stride: usize);

    fn splat(self, x: f32) -> Self::F;
    fn add(self, a: Self::F, b: Self::F) -> Self::F;
    fn sub(self, a: Self::F, b: Self::F) -> Self::F;
    fn mul(self, a: Self::F, b: Self::F) -> Self::F;
    fn div(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a * b + c`.
    fn mul_add(self, a: Self::F, b: Self::F, c: Self::F) -> Self::F;
    /// `a > b ? a : b`: b where either is not a number.
    fn max(self, a: Self::F, b: Self::F) -> Self::F;
    /// `a < b ? a : b`: b where either is not a number.
    fn min(self, a: Self::F, b: Self::F) -> Self::F;
    fn sqrt(self, x: Self::F) -> Self::F;
    fn floor(self, x: Self::F) -> Self::F;

    fn gt(self, a: Self::F, b: Self::F) -> Self::M;
    fn ge(self, a: Self::F, b: Self::F) -> Self::M;
    fn eq(self, a: Self::F, b: Self::F) -> Self::M;
    /// `a` where the mask holds, else `b`.
    fn select(self, mask: Self::M, a: Self::F, b: Self::F) -> Self::F;

    /// The bits of floating-point numbers, and back.
    fn bits(self, x: Self::F) -> Self::I;
    fn float(self, x: Self::I) -> Self::F;
    /// Signed integers as floating-point numbers.
    fn convert(self, x: Self::I) -> Self::F;

    fn word(self, x: u32) -> Self::I;
    /// The first lanes of an array.
    fn words(self, x: &[u32; MOST]) -> Self::I;
    fn plus(self, a: Self::I, b: Self::I) -> Self::I;
    fn minus(self, a: Self::I, b: Self::I) -> Self::I;
    fn and(self, a: Self::I, b: Self::I) -> Self::I;
    fn xor(self, a: Self::I, b: Self::I) -> Self::I;
    fn shift_left(self, x: Self::I, by: u32) -> Self::I;
    fn shift_right(self, x: Self::I, by: u32) -> Self::I;
    /// Keeps the sign.
    fn shift_right_signed(self, x: Self::I, by: u32) -> Self::I;
    /// Where the highest bit is set.
    fn negative(self, x: Self::I) -> Self::M;

    /// Products of the low words of 64-bit lanes.
    fn wide_product(self, a: Self::I, b: Self::I) -> Self::I;
    /// The high words of 64-bit lanes, moved to the low ones.
    fn high_words(self, x: Self::I) -> Self::I;
    /// The low words of 64-bit lanes: those of `even` at even places, those of `odd` at odd places.
    fn join_words(self, even: Self::I, odd: Self::I) -> Self::I;

    /// Transposes a 4 x 4 matrix in each group of four lanes: row r is that group of `rows[r]`.
    fn transpose4(self, rows: [Self::F; 4]) -> [Self::F; 4];
    /// The even and the odd elements of `a` followed by `b`.
    fn split_pairs(self, a: Self::F, b: Self::F) -> (Self::F, Self::F);
    /// The inverse: `a0 b0 a1 b1 ..`.
    fn join_pairs(self, a: Self::F, b: Self::F) -> (Self::F, Self::F);

    /// The sum of all lanes, halves upon halves.
    fn sum(self, x: Self::F) -> f32;
    /// The maximum of all lanes, halves upon halves.
    fn largest(self, x: Self::F) -> f32;

    /// `x 2^n` for whole n in [-252, 252] and results in range of any kind: two factors, since 2^n alone may not be one.
    #[inline(always)]
    fn scale(self, x: Self::F, n: Self::F) -> Self::F {
        let round = self.splat(ROUND);
        let first = self.mul_add(n, self.splat(0.5), round);
        let second = self.add(self.sub(n, self.sub(first, round)), round);
        self.mul(self.mul(x, self.power(first)), self.power(second))
    }

    /// `2^n` for n in [-126, 127], given as `n + ROUND`.
    #[inline(always)]
    fn power(self, n: Self::F) -> Self::F {
        // The low bits of such a sum are those of n; the others leave the word.
        self.float(self.shift_left(self.plus(self.bits(n), self.word(127)), 23))
    }

    #[inline(always)]
    fn neg(self, x: Self::F) -> Self::F {
        self.float(self.xor(self.bits(x), self.word(SIGN)))
    }

    #[inline(always)]
    fn abs(self, x: Self::F) -> Self::F {
        self.float(self.and(self.bits(x), self.word(!SIGN)))
    }
}

/// A computation written over the registers of any instruction set.
pub(super) trait Kernel {
    type Out;

    fn run<L: Lanes>(self, lanes: L) -> Self::Out;
}

// Never inlined: as a part of a function that is compiled for size, a kernel would be too.

/// Runs a kernel that itself says what is [compiled](Lanes::compiled) for the instructions of `isa`. Panics if the CPU
/// does not have them.
#[inline(never)]
pub(super) fn dispatch<K: Kernel>(isa: Isa, kernel: K) -> K::Out {
    match isa {
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        Isa::Baseline => kernel.run(baseline::Baseline),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => kernel.run(avx2::Avx2::new()),
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => kernel.run(avx512::Avx512::new()),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => kernel.run(neon::Neon),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Simd128 => kernel.run(simd128::Simd128),
    }
}

/// Runs a kernel that is compiled for the instructions of `isa` in full; its `run` must be `#[inline(always)]`.
///
/// # Safety
/// The CPU has them.
#[inline(never)]
#[expect(unsafe_code, reason = "takes the CPU's instructions on trust, since this is called once a tile")]
pub(super) unsafe fn call<K: Kernel>(isa: Isa, kernel: K) -> K::Out {
    match isa {
        #[cfg(not(all(target_arch = "wasm32", target_feature = "simd128")))]
        Isa::Baseline => kernel.run(baseline::Baseline),
        // SAFETY: by contract.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx2 => inlined(unsafe { avx2::Avx2::unchecked() }, kernel),
        // SAFETY: by contract.
        #[cfg(target_arch = "x86_64")]
        Isa::Avx512 => inlined(unsafe { avx512::Avx512::unchecked() }, kernel),
        #[cfg(target_arch = "aarch64")]
        Isa::Neon => kernel.run(neon::Neon),
        #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
        Isa::Simd128 => kernel.run(simd128::Simd128),
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn inlined<L: Lanes, K: Kernel>(lanes: L, kernel: K) -> K::Out {
    lanes.compiled(
        #[inline(always)]
        || kernel.run(lanes),
    )
}

/// `x + ROUND` is ROUND plus x rounded to a whole number, for |x| up to 2^22; its low bits are those of the number.
pub(super) const ROUND: f32 = 12_582_912.0;

/// The bit of the sign.
pub(super) const SIGN: u32 = 0x8000_0000;

/// Operations of one instruction set, each one expression of intrinsics.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
macro_rules! operations {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*) -> $result {
            // SAFETY: a value of this type exists only where the CPU has these instructions.
            unsafe { $body }
        }
    )*};
}
/// Here the whole module is compiled for them, so the compiler knows that they are safe.
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
macro_rules! operations {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: $type),*) -> $result {
            $body
        }
    )*};
}
#[cfg(any(
    target_arch = "x86_64",
    target_arch = "aarch64",
    all(target_arch = "wasm32", target_feature = "simd128")
))]
use operations;
