//! What the page of `tests/web` calls: one test after another on WebGPU, then on the CPU. A test is `record`ed, `play`ed and
//! `replay`ed (see [`crate::tape`]), so that a failure is a trap that the page can catch.

use std::{cell::RefCell, sync::Arc};

use attar::{
    bench::{ConvNet, Pass},
    engine::{Engine, Host, open, webgpu::WebGpu},
};
use wasm_bindgen::prelude::*;

use crate::{
    Test,
    tape::{Recording, Tape},
    tests_on,
};

/// How many random programs each engine has to agree on: on WebGPU each is a handful of shaders to compile.
const PROGRAMS: usize = 40;

const ENGINES: [&str; 2] = ["webgpu", "cpu"];

thread_local! {
    static RECORDING: RefCell<Recording> = RefCell::default();
    static ANSWERS: RefCell<Vec<Host>> = RefCell::default();
}

/// The tests, on what `tape` stands for.
fn tests(tape: &Arc<Tape>) -> Vec<Test> {
    tests_on(&(Arc::clone(tape) as Arc<dyn Engine>), PROGRAMS)
}

fn say_panics() {
    std::panic::set_hook(Box::new(|panic| wasm_bindgen::throw_str(&panic.to_string())));
}

/// What tests there are, on one engine after the other.
#[wasm_bindgen]
pub fn names() -> Vec<String> {
    let on = |name| tests(&Arc::new(Tape::recording(name))).into_iter().map(|test| test.name);
    ENGINES.into_iter().flat_map(on).collect()
}

/// The engine of a test, and the test on a tape of that engine.
fn place(index: usize) -> (&'static str, usize) {
    let each = names().len() / ENGINES.len();
    (ENGINES[index / each], index % each)
}

/// The first time: finds out what a test asks for.
#[wasm_bindgen]
pub fn record(index: usize) {
    say_panics();
    let (name, test) = place(index);
    let tape = Arc::new(Tape::recording(name));
    (tests(&tape)[test].body)();
    RECORDING.set(tape.take());
}

/// Asks its engine for it.
#[wasm_bindgen]
pub async fn play(index: usize) -> Result<(), JsError> {
    let (name, _) = place(index);
    let engine = open(name).await?;
    ANSWERS.set(RECORDING.take().play(engine.as_ref()).await?);
    Ok(())
}

/// The second time: checks the answers.
#[wasm_bindgen]
pub fn replay(index: usize) {
    let (name, test) = place(index);
    let tape = Arc::new(Tape::replaying(name, ANSWERS.take()));
    (tests(&tape)[test].body)();
}

/// Milliseconds of each of `count` steps of ConvNet-D3, with the gradient of its images or, if `all`, with those of its
/// parameters.
#[wasm_bindgen]
pub async fn rounds(channels: usize, width: usize, batch: usize, all: bool, count: usize) -> Result<Vec<f64>, JsError> {
    let engine: Arc<dyn Engine> = Arc::new(WebGpu::open().await?);
    let net = ConvNet { channels, width, batch, micro_batch: batch };
    let pass = if all { Pass::TrainingStep } else { Pass::InputGradient };
    let seconds = net.rounds(pass, &engine, &|| js_sys::Date::now() / 1e3, count).await?;
    Ok(seconds.into_iter().map(|seconds| 1e3 * seconds).collect())
}
