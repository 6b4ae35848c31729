//! Ctrl-C and its like: the first asks for an orderly end, the second ends the process at once.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use attar::Error;
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    flag,
};

use crate::failure::Result;

/// Whether SIGINT or SIGTERM has arrived since [`Signals::watch`].
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Catches the signals from now on. Whoever watches must ask [`raised`](Signals::raised) between units of work.
    pub fn watch() -> Result<Signals> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag down and raises it, a second one finds it up.
            flag::register_conditional_shutdown(signal, 130, Arc::clone(&raised))
                .and_then(|_| flag::register(signal, Arc::clone(&raised)))
                .map_err(|error| Error::io("signals", error))?;
        }
        Ok(Signals(raised))
    }

    /// Whether the work should end at the next good place.
    pub fn raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
