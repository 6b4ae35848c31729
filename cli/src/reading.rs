//! Reading images with somebody looking on: how far it is, and an end at once when a signal asks for it.

use std::{
    panic,
    thread::{scope, sleep},
    time::{Duration, Instant},
};

use attar::{Error, Result as LibraryResult, data::Pulse};

use crate::{
    console::Console,
    failure::{Failure, Result},
    progress::{Goal, Meter},
    signals::Signals,
};

/// Readings that take less are not worth a line.
const QUIET: Duration = Duration::from_millis(500);

/// Between two looks.
const INTERVAL: Duration = Duration::from_millis(20);

/// Lets `read` do its work, which the pulse given to it is to go through.
///
/// # Errors
/// [`Failure::Interrupted`] if a signal ended it, and its own.
pub fn watched<T: Send>(
    console: &Console,
    signals: &Signals,
    read: impl FnOnce(&Pulse) -> LibraryResult<T> + Send,
) -> Result<T> {
    let (pulse, start) = (Pulse::default(), Instant::now());
    let outcome = scope(|scope| {
        let reader = scope.spawn(|| read(&pulse));
        let mut meter = None;
        while !reader.is_finished() {
            sleep(INTERVAL.min(start.elapsed() / 4 + Duration::from_millis(1)));
            let (done, total) = pulse.progress();
            if total > 0 && start.elapsed() > QUIET {
                let meter = meter.get_or_insert_with(|| Meter::new(console, "reading files"));
                meter.update(done, Goal::Amount(total), "");
            }
            if signals.raised() {
                pulse.stop();
            }
        }
        reader.join().unwrap_or_else(|panic| panic::resume_unwind(panic))
    });
    match outcome {
        Err(Error::Stopped) => {
            Err(Failure::Interrupted { advice: "the images were not read, and nothing was begun".into() })
        }
        outcome => Ok(outcome?),
    }
}
