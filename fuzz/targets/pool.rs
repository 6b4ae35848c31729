#![no_main]
//! Pools, and the states of pools that are trained.

use attar::{
    Distillation, Pool,
    pool::{PoolCheckpoint, PoolRun},
};
use attar_fuzz::{POOL, POOL_CHECKPOINT, engine, images, recipe, sealed};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    if let Ok(pool) = Pool::from_bytes(&sealed(POOL.0, 1, body)) {
        let run = Distillation::new(recipe(), &images(), engine()).expect("it fits");
        let _ = run.with_pool(&pool);
    }
    if let Ok(state) = PoolCheckpoint::from_bytes(&sealed(POOL_CHECKPOINT.0, 1, body)) {
        if let Ok(mut run) = PoolRun::resume(&state, &recipe(), &images(), engine()) {
            let _ = pollster::block_on(run.advance());
        }
    }
});
