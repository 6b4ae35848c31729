//! Where Rust's events go, to the console, and its spans, which are the programs being run, to the profiler.

use std::{
    cell::RefCell,
    fmt::{Debug, Write as _},
};

use tracing_core::{
    Dispatch, Event, Field, Level, LevelFilter, Metadata, Subscriber, dispatcher,
    field::Visit,
    span::{Attributes, Id, Record},
};
use web_sys::console;

use crate::{clock, watch};

struct Log;

/// A span that has been made.
struct Made {
    name: String,
    /// When it was last entered.
    start: f64,
    handles: usize,
}

thread_local! {
    /// An id is a place here, from one: a few at most, one inside the other.
    static SPANS: RefCell<Vec<Option<Made>>> = const { RefCell::new(Vec::new()) };
}

/// Has events and spans go here. Without it, and as long as nobody wants any, there are none.
pub fn install() {
    if !dispatcher::has_been_set() {
        // It fails only where there is one.
        let _ = dispatcher::set_global_default(Dispatch::new(Log));
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let wish = watch::wanted();
        if metadata.is_span() { wish.profile } else { *metadata.level() <= wish.log }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let wish = watch::wanted();
        Some(if wish.profile { LevelFilter::TRACE } else { wish.log })
    }

    fn event(&self, event: &Event<'_>) {
        let metadata = event.metadata();
        let mut line = Line(format!("{}:", metadata.target()));
        event.record(&mut line);
        let tell = match *metadata.level() {
            Level::ERROR => console::error_1,
            Level::WARN => console::warn_1,
            Level::INFO => console::info_1,
            // `console.trace` would print the stack.
            _ => console::debug_1,
        };
        tell(&line.0.into());
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut line = Line("attar:".into());
        attributes.record(&mut line);
        let made = Some(Made { name: line.0, start: 0.0, handles: 1 });
        SPANS.with_borrow_mut(|spans| {
            let at = spans.iter().position(Option::is_none).unwrap_or(spans.len());
            if at == spans.len() {
                spans.push(made);
            } else {
                spans[at] = made;
            }
            Id::from_u64(at as u64 + 1)
        })
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, id: &Id) {
        with(id, |made| made.start = clock::now());
    }

    fn exit(&self, id: &Id) {
        with(id, |made| clock::measure(&made.name, made.start));
    }

    fn clone_span(&self, id: &Id) -> Id {
        with(id, |made| made.handles += 1);
        id.clone()
    }

    fn try_close(&self, id: Id) -> bool {
        let last = with(&id, |made| {
            made.handles -= 1;
            made.handles == 0
        });
        if last == Some(true) {
            SPANS.with_borrow_mut(|spans| spans[place(&id)] = None);
        }
        last == Some(true)
    }
}

fn place(id: &Id) -> usize {
    id.into_u64() as usize - 1
}

fn with<T>(id: &Id, act: impl FnOnce(&mut Made) -> T) -> Option<T> {
    SPANS.with_borrow_mut(|spans| spans.get_mut(place(id)).and_then(Option::as_mut).map(act))
}

/// An event as a line: where it is from, its message, and its fields as `name=value`. Of a span, its name.
struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // A `String` takes whatever is written.
        let _ = match field.name() {
            "message" | "name" => write!(self.0, " {value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }

    /// As short as a number of 32 bits, which most of them were.
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.record_debug(field, &(value as f32));
    }

    // No event has any as large as these; to write them out in full would weigh a kilobyte.
    fn record_i128(&mut self, field: &Field, value: i128) {
        self.record_f64(field, value as f64);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.record_f64(field, value as f64);
    }
}
