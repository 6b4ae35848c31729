//! The one way in which kernels use several threads: a fixed number of parts, each done once, by whoever is free. What a
//! part is never depends on the number of threads, so results do not either. WebAssembly has no threads: there the parts
//! run one after another, and kernels are written once.
//!
//! The threads are a team of our own. A program is dozens of kernels of some ten microseconds, so its threads watch for
//! the next for a moment before they sleep; and a caller that waits must do nothing else meanwhile (in a pool with work
//! stealing, it might begin another run on an engine that it holds already).

#[cfg(not(target_arch = "wasm32"))]
mod team;

/// Calls `work(worker, part)` for every part in `0..parts`. Calls with an equal `worker` (below [`workers`]) never
/// overlap, so each worker may have scratch memory of its own; the caller is worker 0. Allocates nothing.
#[cfg(not(target_arch = "wasm32"))]
pub fn for_each(parts: usize, work: impl Fn(usize, usize) + Sync) {
    team::get().for_each(parts, &work);
}

#[cfg(target_arch = "wasm32")]
pub fn for_each(parts: usize, work: impl Fn(usize, usize) + Sync) {
    (0..parts).for_each(|part| work(0, part));
}

/// How many workers there are.
#[cfg(not(target_arch = "wasm32"))]
pub fn workers() -> usize {
    team::get().workers()
}

#[cfg(target_arch = "wasm32")]
pub fn workers() -> usize {
    1
}

/// Runs `work` with no thread but the caller's.
#[cfg(all(test, not(target_arch = "wasm32")))]
pub fn alone<R>(work: impl FnOnce() -> R) -> R {
    team::alone(work)
}

/// A slice that several parts write, each its own elements.
#[derive(Clone, Copy)]
pub struct Shared<'a, T = f32> {
    start: *mut T,
    len: usize,
    lifetime: std::marker::PhantomData<&'a mut [T]>,
}

#[expect(unsafe_code, reason = "the methods that dereference the pointer are unsafe and say what callers must keep")]
// SAFETY: a `Shared` is the right to call `part`, whose contract forbids overlapping parts at one time.
unsafe impl<T: Send> Send for Shared<'_, T> {}
#[expect(unsafe_code, reason = "as above")]
// SAFETY: as above.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    /// Of this slice, which nobody else reaches as long as the parts live.
    pub fn new(slice: &'a mut [T]) -> Shared<'a, T> {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), lifetime: std::marker::PhantomData }
    }

    /// Elements `from .. from + len`.
    ///
    /// # Safety
    /// No other live part may overlap this one.
    #[expect(unsafe_code, reason = "hands out parts of one slice to several threads")]
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint by contract")]
    pub unsafe fn part(&self, from: usize, len: usize) -> &mut [T] {
        assert!(from <= self.len && len <= self.len - from, "a part outside of its slice");
        // SAFETY: inside of the slice by the assertion, disjoint from other parts by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }
}
