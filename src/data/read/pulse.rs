//! How far a reading is, for a thread that looks on; and its way to end it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use crate::{Error, Result};

/// The progress of a reading. Clones are the same one, so that one can be kept when the other is given away.
#[derive(Debug, Clone, Default)]
pub struct Pulse(Arc<State>);

#[derive(Debug, Default)]
struct State {
    done: AtomicU64,
    total: AtomicU64,
    stopped: AtomicBool,
}

impl Pulse {
    /// Files that are read, and files in all as far as is known: 0 before they are listed.
    pub fn progress(&self) -> (u64, u64) {
        (self.0.done.load(Ordering::Relaxed), self.0.total.load(Ordering::Relaxed))
    }

    /// Ends the reading at the next file, with [`Error::Stopped`].
    pub fn stop(&self) {
        self.0.stopped.store(true, Ordering::Relaxed);
    }

    /// So many more files are to be read.
    pub(super) fn expect(&self, files: usize) {
        self.0.total.fetch_add(files as u64, Ordering::Relaxed);
    }

    /// One more is.
    pub(super) fn count(&self) {
        self.0.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// [`Error::Stopped`].
    pub(super) fn check(&self) -> Result<()> {
        if self.0.stopped.load(Ordering::Relaxed) { Err(Error::Stopped) } else { Ok(()) }
    }
}

/// Two readings are equal whoever looks on.
impl PartialEq for Pulse {
    fn eq(&self, _: &Pulse) -> bool {
        true
    }
}

impl Eq for Pulse {}
