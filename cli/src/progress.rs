//! How far the work is: a bar on a terminal, else a line now and then.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{console::Console, format};

/// Between two lines where there is no bar.
const LINE_INTERVAL: Duration = Duration::from_secs(10);

/// Shows the progress of one piece of work. Dropping it takes the bar away.
pub struct Meter<'a> {
    console: &'a Console,
    title: String,
    bar: Option<ProgressBar>,
    start: Instant,
    /// What was done already when the work began or was resumed: that is none of its speed.
    first: Option<u64>,
    last_line: Option<Instant>,
}

impl<'a> Meter<'a> {
    /// A meter for a piece of work.
    pub fn new(console: &'a Console, title: impl Into<String>) -> Meter<'a> {
        let title = title.into();
        let bar = console.is_live().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{prefix:>12} [{bar:30}] {msg}");
            bar.set_style(style.expect("the template is sound").progress_chars("=> "));
            bar.with_prefix(title.clone())
        });
        Meter { console, title, bar, start: Instant::now(), first: None, last_line: None }
    }

    /// Says that `done` of `goal` is done; `detail` is a word on how it goes, or empty.
    pub fn update(&mut self, done: u64, goal: Goal, detail: &str) {
        let first = *self.first.get_or_insert(done);
        let speed = Speed { first, done, goal, spent: self.start.elapsed() };
        let comment: String = [speed.to_string(), detail.into()]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| format!(", {part}"))
            .collect();
        let text = goal.text(done) + &comment;
        if let Some(bar) = &self.bar {
            goal.show(bar, done);
            bar.set_message(text);
        } else if self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
            self.console.note(format!("{}: {text}", self.title));
            self.last_line = Some(Instant::now());
        }
    }

    /// Takes the bar away and says how it ended.
    pub fn finish(mut self, summary: &str) {
        let took = format::seconds(self.start.elapsed().as_secs_f64());
        let (console, title) = (self.console, std::mem::take(&mut self.title));
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

/// When a piece of work is complete.
#[derive(Debug, Clone, Copy)]
pub enum Goal {
    /// After this much work.
    Amount(u64),
    /// When this time has passed, of which this much is left.
    Time { budget: Duration, left: Duration },
}

impl Goal {
    /// Seconds to go after `done`, at `rate` a second.
    fn left(self, done: u64, rate: f64) -> f64 {
        match self {
            Goal::Amount(total) => total.saturating_sub(done) as f64 / rate,
            Goal::Time { left, .. } => left.as_secs_f64(),
        }
    }

    fn text(self, done: u64) -> String {
        match self {
            Goal::Amount(total) => format!("{done} of {total}"),
            Goal::Time { .. } => done.to_string(),
        }
    }

    fn show(self, bar: &ProgressBar, done: u64) {
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let (length, position) = match self {
            Goal::Amount(total) => (total, done),
            Goal::Time { budget, left } => (millis(budget), millis(budget.saturating_sub(left))),
        };
        bar.set_length(length);
        bar.set_position(position);
    }
}

/// What was done in which time, and what is left.
struct Speed {
    /// What was done before the clock ran.
    first: u64,
    done: u64,
    goal: Goal,
    spent: Duration,
}

impl std::fmt::Display for Speed {
    /// The rate and the time left; nothing before anything is done.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let fresh = self.done.saturating_sub(self.first);
        if fresh == 0 || self.spent.is_zero() {
            return Ok(());
        }
        let rate = fresh as f64 / self.spent.as_secs_f64();
        write!(f, "{}, {} left", format::rate(rate), format::seconds(self.goal.left(self.done, rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speed_counts_only_what_is_fresh() {
        let spent = Duration::from_secs(10);
        let speed = |done: u64, goal| Speed { first: 7, done: 7 + done, goal, spent }.to_string();
        assert_eq!(speed(0, Goal::Amount(12)), "");
        assert_eq!(speed(20, Goal::Amount(127)), "2.0/s, 50 s left");
        assert_eq!(speed(5, Goal::Amount(72)), "2.0 s each, 2 min 00 s left");
        let goal = Goal::Time { budget: Duration::from_secs(17), left: Duration::from_secs(7) };
        assert_eq!(speed(20, goal), "2.0/s, 7.0 s left");
    }
}
