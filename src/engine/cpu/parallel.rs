//! The one way in which kernels use several threads: a fixed number of parts, each done once, by whoever is free. What a
//! part is never depends on the number of threads, so results do not either. WebAssembly has no threads: there the parts
//! run one after another, and kernels are written once.

/// Calls `work(worker, part)` for every part in `0..parts`. Calls with an equal `worker` (below [`workers`]) never
/// overlap, so each worker may have scratch memory of its own. Allocates nothing when called on a worker (see [`enter`]).
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn for_each(parts: usize, work: impl Fn(usize, usize) + Sync) {
    use rayon::prelude::*;
    let one = |part| work(rayon::current_thread_index().unwrap_or(0), part);
    match parts {
        0 => {}
        1 => one(0),
        _ => (0..parts).into_par_iter().with_max_len(1).for_each(one),
    }
}

#[cfg(target_arch = "wasm32")]
pub(super) fn for_each(parts: usize, work: impl Fn(usize, usize) + Sync) {
    (0..parts).for_each(|part| work(0, part));
}

/// Runs `work` on a worker, where [`for_each`] finds its worker's number.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn enter<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    // Outside of the pool `current_thread_index` is `None`, and two callers would share worker 0.
    if rayon::current_thread_index().is_some() { work() } else { rayon::join(work, || ()).0 }
}

#[cfg(target_arch = "wasm32")]
pub(super) fn enter<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    work()
}

/// How many workers there are.
#[cfg(not(target_arch = "wasm32"))]
pub(super) fn workers() -> usize {
    rayon::current_num_threads()
}

#[cfg(target_arch = "wasm32")]
pub(super) fn workers() -> usize {
    1
}

/// A slice that several parts write, each its own elements.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a, T = f32> {
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
    pub(super) fn new(slice: &'a mut [T]) -> Shared<'a, T> {
        Shared { start: slice.as_mut_ptr(), len: slice.len(), lifetime: std::marker::PhantomData }
    }

    /// Elements `from .. from + len`.
    ///
    /// # Safety
    /// No other live part may overlap this one.
    #[expect(unsafe_code, reason = "hands out parts of one slice to several threads")]
    #[expect(clippy::mut_from_ref, reason = "the parts are disjoint by contract")]
    pub(super) unsafe fn part(&self, from: usize, len: usize) -> &mut [T] {
        assert!(from <= self.len && len <= self.len - from, "a part outside of its slice");
        // SAFETY: inside of the slice by the assertion, disjoint from other parts by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(from), len) }
    }
}
