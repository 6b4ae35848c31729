//! The parity checks and random programs of `tests/`, in WebAssembly. `run.mjs` runs them under Node, one call a test; a
//! test that fails panics, which is a trap there.
#![cfg(target_arch = "wasm32")]

#[path = "../../common/mod.rs"]
mod common;
mod fixtures;
mod host;
mod speed;

use std::sync::Arc;

use attar::engine::{Engine, available, open};
use pollster::block_on;

use common::{agreement, parity};
use fixtures::Embedded;

/// How many random programs each engine has to agree on.
const PROGRAMS: usize = 100;

/// What is to be run, by name.
struct Test {
    name: String,
    body: Box<dyn Fn()>,
}

/// All tests on every engine but the f64 reference, which is the truth. None of these engines is ever waited for.
fn tests() -> Vec<Test> {
    let names = block_on(available()).into_iter().filter(|name| name != "reference:f64");
    names.flat_map(|name| tests_on(&block_on(open(&name)).expect("an available engine opens"))).collect()
}

fn tests_on(engine: &Arc<dyn Engine>) -> Vec<Test> {
    let test = |what: &str, body| Test { name: format!("{}::{what}", engine.name()), body };
    let parity = |(topic, _): &(&'static str, _)| {
        let (topic, engines) = (*topic, [Arc::clone(engine)]);
        test(&format!("parity::{topic}"), Box::new(move || parity::check(topic, &Embedded, &engines)) as Box<dyn Fn()>)
    };
    let engines = [Arc::clone(engine)];
    let agreement = test("agrees_with_the_reference", Box::new(move || agreement::check(PROGRAMS, &engines)));
    parity::TOPICS.iter().map(parity).chain([agreement]).collect()
}

/// How many tests there are.
#[expect(unsafe_code, reason = "exported")]
#[unsafe(no_mangle)]
extern "C" fn count() -> usize {
    host::say_panics();
    tests().len()
}

/// Says the name of a test.
#[expect(unsafe_code, reason = "exported")]
#[unsafe(no_mangle)]
extern "C" fn name(index: usize) {
    host::say(&tests()[index].name);
}

/// Runs a test.
#[expect(unsafe_code, reason = "exported")]
#[unsafe(no_mangle)]
extern "C" fn run(index: usize) {
    host::say_panics();
    (tests()[index].body)();
}
