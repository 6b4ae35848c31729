//! Plain Rust: what the target's baseline has. Four lanes, so that compilers find the baseline's vectors if it has any.

use std::array::from_fn;

use super::{Lanes, MOST};

#[derive(Debug, Clone, Copy)]
pub(super) struct Baseline;

/// The floor without an instruction for it: numbers from 2^23 on are whole.
#[inline(always)]
fn floor(x: f32) -> f32 {
    let size = x.abs();
    let nearest = ((size + 8_388_608.0) - 8_388_608.0).copysign(x);
    let below = nearest - f32::from(u8::from(nearest > x));
    if size < 8_388_608.0 { below } else { x }
}

/// Operations on each lane.
macro_rules! each {
    ($(fn $name:ident($($argument:ident: $type:ty),*) -> $result:ty { $body:expr })*) => {$(
        #[inline(always)]
        fn $name(self, $($argument: [$type; 4]),*) -> [$result; 4] {
            from_fn(|lane| {
                $(let $argument = $argument[lane];)*
                $body
            })
        }
    )*};
}

impl Lanes for Baseline {
    const COUNT: usize = 4;
    const ROWS: usize = 4;
    const VECTORS: usize = 2;
    const FUSED: bool = false;
    type F = [f32; 4];
    type I = [u32; 4];
    type M = [bool; 4];

    #[inline(always)]
    fn compiled<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load(self, from: *const f32) -> [f32; 4] {
        // SAFETY: by contract.
        unsafe { from.cast::<[f32; 4]>().read_unaligned() }
    }

    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store(self, x: [f32; 4], to: *mut f32) {
        // SAFETY: by contract.
        unsafe { to.cast::<[f32; 4]>().write_unaligned(x) }
    }

    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load_part(self, from: *const f32, count: usize) -> [f32; 4] {
        // SAFETY: by contract.
        from_fn(|lane| if lane < count { unsafe { from.add(lane).read() } } else { 0.0 })
    }

    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store_part(self, x: [f32; 4], to: *mut f32, count: usize) {
        for (lane, &x) in x.iter().enumerate().take(count) {
            // SAFETY: by contract.
            unsafe { to.add(lane).write(x) }
        }
    }

    #[expect(unsafe_code, reason = "reads through a pointer")]
    #[inline(always)]
    unsafe fn load_fours(self, from: *const f32, offsets: [usize; MOST / 4]) -> [f32; 4] {
        // SAFETY: by contract.
        unsafe { self.load(from.add(offsets[0])) }
    }

    #[expect(unsafe_code, reason = "writes through a pointer")]
    #[inline(always)]
    unsafe fn store_fours(self, x: [f32; 4], to: *mut f32, _: usize) {
        // SAFETY: by contract.
        unsafe { self.store(x, to) }
    }

    each! {
        fn add(a: f32, b: f32) -> f32 { a + b }
        fn sub(a: f32, b: f32) -> f32 { a - b }
        fn mul(a: f32, b: f32) -> f32 { a * b }
        fn div(a: f32, b: f32) -> f32 { a / b }
        fn mul_add(a: f32, b: f32, c: f32) -> f32 { a * b + c }
        fn max(a: f32, b: f32) -> f32 { if a > b { a } else { b } }
        fn min(a: f32, b: f32) -> f32 { if a < b { a } else { b } }
        fn sqrt(x: f32) -> f32 { x.sqrt() }
        fn floor(x: f32) -> f32 { floor(x) }

        fn gt(a: f32, b: f32) -> bool { a > b }
        fn ge(a: f32, b: f32) -> bool { a >= b }
        fn eq(a: f32, b: f32) -> bool { a == b }
        fn select(mask: bool, a: f32, b: f32) -> f32 { if mask { a } else { b } }

        fn bits(x: f32) -> u32 { x.to_bits() }
        fn float(x: u32) -> f32 { f32::from_bits(x) }
        fn convert(x: u32) -> f32 { x.cast_signed() as f32 }

        fn plus(a: u32, b: u32) -> u32 { a.wrapping_add(b) }
        fn minus(a: u32, b: u32) -> u32 { a.wrapping_sub(b) }
        fn and(a: u32, b: u32) -> u32 { a & b }
        fn xor(a: u32, b: u32) -> u32 { a ^ b }
        fn negative(x: u32) -> bool { x.cast_signed() < 0 }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; 4] {
        [x; 4]
    }

    #[inline(always)]
    fn word(self, x: u32) -> [u32; 4] {
        [x; 4]
    }

    #[inline(always)]
    fn words(self, x: &[u32; MOST]) -> [u32; 4] {
        [x[0], x[1], x[2], x[3]]
    }

    #[inline(always)]
    fn shift_left(self, x: [u32; 4], by: u32) -> [u32; 4] {
        x.map(|x| x << by)
    }

    #[inline(always)]
    fn shift_right(self, x: [u32; 4], by: u32) -> [u32; 4] {
        x.map(|x| x >> by)
    }

    #[inline(always)]
    fn shift_right_signed(self, x: [u32; 4], by: u32) -> [u32; 4] {
        x.map(|x| (x.cast_signed() >> by).cast_unsigned())
    }

    #[inline(always)]
    fn wide_product(self, a: [u32; 4], b: [u32; 4]) -> [u32; 4] {
        let product = |lane: usize| u64::from(a[lane]) * u64::from(b[lane]);
        let (first, second) = (product(0), product(2));
        [first as u32, (first >> 32) as u32, second as u32, (second >> 32) as u32]
    }

    #[inline(always)]
    fn high_words(self, x: [u32; 4]) -> [u32; 4] {
        [x[1], 0, x[3], 0]
    }

    #[inline(always)]
    fn join_words(self, even: [u32; 4], odd: [u32; 4]) -> [u32; 4] {
        [even[0], odd[0], even[2], odd[2]]
    }

    #[inline(always)]
    fn transpose4(self, rows: [[f32; 4]; 4]) -> [[f32; 4]; 4] {
        from_fn(|column| from_fn(|row| rows[row][column]))
    }

    #[inline(always)]
    fn split_pairs(self, a: [f32; 4], b: [f32; 4]) -> ([f32; 4], [f32; 4]) {
        ([a[0], a[2], b[0], b[2]], [a[1], a[3], b[1], b[3]])
    }

    #[inline(always)]
    fn join_pairs(self, a: [f32; 4], b: [f32; 4]) -> ([f32; 4], [f32; 4]) {
        ([a[0], b[0], a[1], b[1]], [a[2], b[2], a[3], b[3]])
    }

    #[inline(always)]
    fn sum(self, x: [f32; 4]) -> f32 {
        (x[0] + x[2]) + (x[1] + x[3])
    }

    #[inline(always)]
    fn largest(self, x: [f32; 4]) -> f32 {
        let larger = |a: f32, b: f32| if a > b { a } else { b };
        larger(larger(x[0], x[2]), larger(x[1], x[3]))
    }
}
