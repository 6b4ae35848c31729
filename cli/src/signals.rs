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

/// Whether SIGINT, SIGTERM or SIGHUP has arrived since [`Signals::watch`].
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Catches the signals from now on. Whoever watches must ask [`raised`](Signals::raised) between units of work.
    pub fn watch() -> Result<Signals> {
        let raised = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM].into_iter().chain(hangup()) {
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

/// The signal of a terminal that is closed, unless `nohup` has had it ignored: then the work goes on.
#[cfg(unix)]
fn hangup() -> Option<std::ffi::c_int> {
    use std::io::{IsTerminal as _, stderr, stdout};

    use signal_hook::consts::SIGHUP;
    let ignored = match ignored_signals() {
        Some(mask) => mask >> (SIGHUP - 1) & 1 == 1,
        // Where the system does not say, by what else `nohup` does: it takes both streams off the terminal.
        None => !stdout().is_terminal() && !stderr().is_terminal(),
    };
    (!ignored).then_some(SIGHUP)
}

#[cfg(not(unix))]
fn hangup() -> Option<std::ffi::c_int> {
    None
}

/// The signals that this process was started to ignore, a bit each, where the system says so: on Linux.
#[cfg(unix)]
fn ignored_signals() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}
