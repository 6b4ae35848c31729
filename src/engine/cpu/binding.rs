//! What a run gives to kernels: where values are, and the call's scalars.
#![expect(unsafe_code, reason = "values are reached by pointers, as parts of one value are written by several threads")]

use crate::engine::Scalars;

/// A value's elements in memory.
pub(super) type Pointer = *mut f32;

/// What kernels need of a run.
pub(super) struct Run<'a> {
    /// The first element of each value.
    pub(super) values: &'a [Pointer],
    /// Elements of each value.
    pub(super) lens: &'a [usize],
    pub(super) scalars: &'a Scalars,
}

// SAFETY: the pointers are dereferenced only where a kernel may: parts of a step write elements of their own, and what a
// step reads no step writes meanwhile.
unsafe impl Sync for Run<'_> {}

/// Where a value's elements are during a run.
#[derive(Debug, Clone, Copy)]
pub(super) enum Bound {
    Real(Pointer),
    Rows(*const u32),
    Pixels(*const u8),
}

// SAFETY: whoever follows the pointers says why nobody writes there meanwhile.
unsafe impl Sync for Bound {}
