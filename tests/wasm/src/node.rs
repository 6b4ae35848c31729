//! What `run.mjs` calls: one test after another on the engines that are never waited for.

use std::sync::Arc;

use attar::engine::{Engine, available, open};
use pollster::block_on;

use crate::{Test, host, tests_on};

/// How many random programs each engine has to agree on.
const PROGRAMS: usize = 100;

/// All tests on every engine but the f64 reference, which is the truth.
fn tests() -> Vec<Test> {
    let names = block_on(available()).into_iter().filter(|name| name != "reference:f64");
    let opened = |name: String| block_on(open(&name)).expect("an available engine opens");
    names.flat_map(|name| tests_on(&(opened(name) as Arc<dyn Engine>), PROGRAMS)).collect()
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
