//! What the jobs of this thread want to be seen of their work: on the console, in the profiler.

use std::cell::RefCell;

use attar::data::LossPoint;
use tracing::{debug, field};
use tracing_core::{LevelFilter, callsite};
use wasm_bindgen::prelude::*;

use crate::{
    clock,
    error::{Failure, Result},
    log,
};

/// The levels by the names that JavaScript has for them.
const LEVELS: [(&str, LevelFilter); 4] = [
    ("off", LevelFilter::OFF),
    ("warn", LevelFilter::WARN),
    ("info", LevelFilter::INFO),
    ("debug", LevelFilter::DEBUG),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    /// Events of this level and graver ones go to the console.
    pub log: LevelFilter,
    /// Units and programs go to the profiler.
    pub profile: bool,
}

thread_local! {
    static WISHES: RefCell<Vec<Wish>> = const { RefCell::new(Vec::new()) };
}

/// What one job wants, from its construction until it is freed.
#[wasm_bindgen]
pub struct Watch(Wish);

#[wasm_bindgen]
impl Watch {
    #[wasm_bindgen(constructor)]
    pub fn new(log: &str, profile: bool) -> Result<Watch> {
        let level = LEVELS.into_iter().find(|(name, _)| *name == log).ok_or_else(|| Failure {
            code: "unsupported",
            message: format!("there is no log level `{log}`: choose off, warn, info or debug"),
        })?;
        let wish = Wish { log: level.1, profile };
        change(|wishes| wishes.push(wish));
        Ok(Watch(wish))
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        change(|wishes| {
            // Any that is equal will do.
            let found = wishes.iter().position(|wish| *wish == self.0);
            found.map(|at| wishes.swap_remove(at));
        });
    }
}

fn change(change: impl FnOnce(&mut Vec<Wish>)) {
    WISHES.with_borrow_mut(change);
    log::install();
    // What is unwanted costs nothing: places that tell something remember whether anyone listens.
    callsite::rebuild_interest_cache();
}

/// What all jobs want together: events do not tell whose they are.
pub fn wanted() -> Wish {
    let nothing = Wish { log: LevelFilter::OFF, profile: false };
    let joined = |all: Wish, wish: &Wish| Wish { log: all.log.max(wish.log), profile: all.profile || wish.profile };
    WISHES.with_borrow(|wishes| wishes.iter().fold(nothing, joined))
}

/// Shows a piece of work from `start` to now in the profiler, if anyone looks.
pub fn worked(name: &str, start: f64) {
    if wanted().profile {
        clock::measure(name, start);
    }
}

/// Shows a unit of work in the profiler, and on the console what it came to.
pub fn unit(name: &str, start: f64, (done, total): (u64, u64), losses: Option<&LossPoint>) {
    worked(&format!("attar: {name}"), start);
    let losses = losses.map(field::debug);
    debug!(target: "attar", done, total, losses, ms = clock::now() - start, "{name}");
}
