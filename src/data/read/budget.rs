//! Memory that all threads share while they decode: who wants more than is left waits until others are done.

use std::sync::{Condvar, Mutex, PoisonError};

/// Bytes that may be in use at once.
pub(super) struct Budget {
    most: u64,
    used: Mutex<u64>,
    given_back: Condvar,
}

/// Bytes in use until this is dropped.
pub(super) struct Taken<'a> {
    budget: &'a Budget,
    bytes: u64,
}

impl Budget {
    pub fn new(most: u64) -> Budget {
        Budget { most, used: Mutex::new(0), given_back: Condvar::new() }
    }

    /// Waits for room; `None` if there is never any for so much.
    pub fn take(&self, bytes: u64) -> Option<Taken<'_>> {
        if bytes > self.most {
            return None;
        }
        // A count is whole whatever thread panicked beside it.
        let used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let full = |used: &mut u64| *used + bytes > self.most;
        let mut used = self.given_back.wait_while(used, full).unwrap_or_else(PoisonError::into_inner);
        *used += bytes;
        Some(Taken { budget: self, bytes })
    }

    /// The most that can ever be taken.
    pub fn most(&self) -> u64 {
        self.most
    }
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        *self.budget.used.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.budget.given_back.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn no_more_is_in_use_than_allowed() {
        let (budget, used, seen) = (Budget::new(10), AtomicU64::new(0), AtomicU64::new(0));
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
        assert!((7..=10).contains(&seen.into_inner()));
        assert!(budget.take(11).is_none());
    }
}
