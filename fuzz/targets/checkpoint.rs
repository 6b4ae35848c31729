#![no_main]
//! The state of a run: whatever it holds, it is refused, or the run goes on or says why it cannot.

use attar::Distillation;
use attar_fuzz::{CHECKPOINT, engine, images, sealed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let state = sealed(CHECKPOINT.0, 1, body);
    if let Ok(mut run) = Distillation::resume(&state, &images(), engine()) {
        let _ = pollster::block_on(run.advance());
    }
});
