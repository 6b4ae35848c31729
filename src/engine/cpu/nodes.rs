//! Temporary: nodes by the reference's loops.
use super::run::Bound;
use crate::{engine::reference::shim, graph::Op, shape::Shape};

pub(super) fn run<'a>(
    op: &Op,
    count: usize,
    bound: &dyn Fn(usize) -> Bound,
    numbers: &dyn Fn(usize) -> &'a [f32],
    shape: &dyn Fn(usize) -> Shape,
    (out, out_shape): (&mut [f32], Shape),
) {
    let rows = |i: usize| match bound(i) {
        #[expect(unsafe_code, reason = "temporary")]
        // SAFETY: temporary
        Bound::Rows(p) => unsafe { std::slice::from_raw_parts(p, shape(i).elements()) },
        _ => &[],
    };
    let pixels = |i: usize| match bound(i) {
        #[expect(unsafe_code, reason = "temporary")]
        // SAFETY: temporary
        Bound::Pixels(p) => Some(unsafe { std::slice::from_raw_parts(p, shape(i).elements()) }),
        _ => None,
    };
    let v = shim(op, count, &|i| numbers(i), &rows, &pixels, shape, out_shape);
    out.copy_from_slice(&v);
}
