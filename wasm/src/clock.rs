//! The clock of this thread, and its spans of time in the profiler.

use js_sys::{Object, Reflect};
use wasm_bindgen::prelude::*;
use web_sys::Performance;

use crate::js::property;

#[wasm_bindgen]
unsafe extern "C" {
    // web-sys has the form with options only behind a flag of the compiler.
    #[wasm_bindgen(js_namespace = performance, js_name = measure, catch)]
    fn measure_between(name: &str, options: &Object) -> Result<JsValue, JsValue>;
}

thread_local! {
    /// A window's, a worker's or Node's: each is the `performance` of its global scope.
    static PERFORMANCE: Option<Performance> = property(&js_sys::global(), "performance").map(JsCast::unchecked_into);
}

/// Milliseconds since some moment; 0 where nothing tells the time.
pub fn now() -> f64 {
    PERFORMANCE.with(|performance| performance.as_ref().map_or(0.0, Performance::now))
}

/// Shows the time from `start` to now in the profiler, under this name.
pub fn measure(name: &str, start: f64) {
    let options = Object::new();
    let set = |key: &str, value: f64| Reflect::set(&options, &key.into(), &value.into());
    // The work is not to fail because it cannot be seen.
    let _ = set("start", start).and(set("end", now())).and_then(|_| measure_between(name, &options));
    // The profiler and observers have it by now. In the thread's list of entries it would only take memory: a run has
    // hundreds of thousands.
    PERFORMANCE.with(|performance| performance.iter().for_each(|all| all.clear_measures_with_measure_name(name)));
}
