//! How far the work is: a bar on a terminal, else a line now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{console::Console, format};

/// Between two lines where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows the progress of one piece of work. Dropping it takes the bar away.
pub struct Meter<'a> {
    console: &'a Console,
    title: &'static str,
    bar: Option<ProgressBar>,
    start: Instant,
    /// What was done already when the work began or was resumed: that is none of its speed.
    first: Option<u64>,
    last_line: Option<Instant>,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(console: &'a Console, title: &'static str, live: bool) -> Meter<'a> {
        let bar = live.then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {pos}/{len}{msg}");
            bar.set_style(style.expect("the template is sound").progress_chars("=> "));
            bar.with_prefix(title)
        });
        Meter { console, title, bar, start: Instant::now(), first: None, last_line: None }
    }

    /// Says that `done` of `total` is done; `detail` is a word on how it goes, or empty.
    pub fn update(&mut self, done: u64, total: u64, detail: &str) {
        let first = *self.first.get_or_insert(done);
        let speed =
            Speed { fresh: done.saturating_sub(first), left: total.saturating_sub(done), spent: self.start.elapsed() };
        let comment: String = [speed.to_string(), detail.into()]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| format!(", {part}"))
            .collect();
        if let Some(bar) = &self.bar {
            bar.set_length(total);
            bar.set_position(done);
            bar.set_message(comment);
        } else if self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
            self.console.note(format!("{}: {done} of {total}{comment}", self.title));
            self.last_line = Some(Instant::now());
        }
    }

    /// Takes the bar away and says how it ended.
    pub fn finish(self, summary: &str) {
        let took = format::seconds(self.start.elapsed().as_secs_f64());
        let (console, title) = (self.console, self.title);
        drop(self);
        console.note(format!("{title}: {summary} in {took}"));
    }
}

impl Drop for Meter<'_> {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

/// What was done in which time, and what is left.
struct Speed {
    fresh: u64,
    left: u64,
    spent: Duration,
}

impl std::fmt::Display for Speed {
    /// The rate and the time left; nothing before anything is done.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.fresh == 0 || self.spent.is_zero() {
            return Ok(());
        }
        let rate = self.fresh as f64 / self.spent.as_secs_f64();
        write!(f, "{}, {} left", format::rate(rate), format::seconds(self.left as f64 / rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_counts_only_what_is_fresh() {
        let speed = |fresh, left| Speed { fresh, left, spent: Duration::from_secs(10) }.to_string();
        assert_eq!(speed(0, 5), "");
        assert_eq!(speed(20, 100), "2.0/s, 50 s left");
        assert_eq!(speed(5, 60), "2.0 s each, 2 min 00 s left");
    }
}
