//! Attar for JavaScript.
//!
//! What the npm package's TypeScript calls: data goes in as typed arrays, results come out as such, errors are JavaScript
//! `Error`s with a `code`. Everything that has to do with workers, events and time is on the other side (`wasm/npm`),
//! which owns the loop: it calls `advance` as long as it likes to.
#![cfg(target_arch = "wasm32")]

mod clock;
mod distilled;
mod engine;
mod error;
mod evaluation;
mod images;
mod js;
mod log;
mod recipe;
mod run;
mod seed;
mod watch;

use wasm_bindgen::prelude::*;

/// Runs when the module is instantiated.
#[wasm_bindgen(start)]
fn start() {
    // A panic is a mistake of ours; without this, all that is seen of it is "unreachable".
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}

/// The version of the crate, which is that of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").into()
}
