//! The parity checks and random programs of `tests/`, in WebAssembly: under Node on the engines that are never waited for
//! (`run.mjs` here), and with the feature `webgpu` in a browser, on WebGPU and on the CPU (`tests/web`). A test that fails
//! panics, which is a trap there.
#![cfg(target_arch = "wasm32")]

#[cfg(feature = "webgpu")]
mod browser;
#[path = "../../common/mod.rs"]
mod common;
mod fixtures;
#[cfg(not(feature = "webgpu"))]
mod host;
#[cfg(not(feature = "webgpu"))]
mod node;
#[cfg(not(feature = "webgpu"))]
mod speed;
#[cfg(feature = "webgpu")]
mod tape;

use std::sync::Arc;

use attar::engine::Engine;

use common::{agreement, parity};
use fixtures::Embedded;

/// What is to be run, by name.
struct Test {
    name: String,
    body: Box<dyn Fn()>,
}

/// All tests on an engine, which has to agree on so many random programs.
fn tests_on(engine: &Arc<dyn Engine>, programs: usize) -> Vec<Test> {
    let test = |what: &str, body| Test { name: format!("{}::{what}", engine.name()), body };
    let parity = |(topic, _): &(&'static str, _)| {
        let (topic, engines) = (*topic, [Arc::clone(engine)]);
        test(&format!("parity::{topic}"), Box::new(move || parity::check(topic, &Embedded, &engines)) as Box<dyn Fn()>)
    };
    let engines = [Arc::clone(engine)];
    let agreement = test("agrees_with_the_reference", Box::new(move || agreement::check(programs, &engines)));
    parity::TOPICS.iter().map(parity).chain([agreement]).collect()
}
