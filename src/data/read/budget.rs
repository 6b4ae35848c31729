//! Memory that all threads share while they decode: who wants more than is left waits until others are done.

use std::sync::{Condvar, Mutex, PoisonError};

/// The share of the memory that is for files as they were stored; the rest is for what they are decoded to. A thread that
/// holds a file may wait for the second, and never the other way round, so that there is always one that goes on.
const STORED_SHARE: u64 = 4;

/// Bytes that may be in use at once.
pub(super) struct Budget {
    memory: u64,
    stored: Pool,
    decoded: Pool,
}

struct Pool {
    most: u64,
    used: Mutex<u64>,
    given_back: Condvar,
}

/// Bytes in use until this is dropped.
pub(super) struct Taken<'a> {
    pool: &'a Pool,
    bytes: u64,
}

impl Budget {
    pub fn new(memory: u64) -> Budget {
        let stored = memory / STORED_SHARE;
        Budget { memory, stored: Pool::new(stored), decoded: Pool::new(memory - stored) }
    }

    /// Waits for room to hold a file; `None` if there is never any for so much.
    pub fn hold(&self, bytes: u64) -> Option<Taken<'_>> {
        self.stored.take(bytes)
    }

    /// Waits for room to decode a file that is held; `None` if there is never any for so much.
    pub fn take(&self, bytes: u64) -> Option<Taken<'_>> {
        self.decoded.take(bytes)
    }

    /// The most that can ever be held.
    pub fn most_held(&self) -> u64 {
        self.stored.most
    }

    /// The most that can ever be taken.
    pub fn most(&self) -> u64 {
        self.decoded.most
    }

    /// All of it.
    pub fn memory(&self) -> u64 {
        self.memory
    }
}

impl Pool {
    fn new(most: u64) -> Pool {
        Pool { most, used: Mutex::new(0), given_back: Condvar::new() }
    }

    fn take(&self, bytes: u64) -> Option<Taken<'_>> {
        if bytes > self.most {
            return None;
        }
        // A count is whole whatever thread panicked beside it.
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |used: &mut u64| *used + bytes > self.most;
        let mut used = self.given_back.wait_while(used, full).unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Some(Taken { pool: self, bytes })
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.pool.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.pool.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_is_in_use_than_allowed() {
        let (budget, used, seen) = (Budget::new(14), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            for thread in 0..8 {
                let (budget, used, seen) = (&budget, &used, &seen);
                scope.spawn(move || {
                    for round in 0..100 {
                        let bytes = (thread + round) % 7 + 1;
                        let taken = budget.take(bytes).unwrap();
                        seen.fetch_max(used.fetch_add(bytes, Ordering::SeqCst) + bytes, Ordering::SeqCst);
                        used.fetch_sub(bytes, Ordering::SeqCst);
                        drop(taken);
                    }
                });
            }
        });
        assert!((7..=11).contains(&seen.into_inner()));
        assert!(budget.take(12).is_none());
    }
}
