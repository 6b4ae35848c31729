//! An engine that counts what the programs it runs cost.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use crate::{
    engine::{Buffer, Data, Engine, Executable, Limits, Readback, Scalars},
    error::Result,
    graph::Kind,
    program::Program,
    shape::Shape,
};

/// Another engine, with a count of the contraction FLOPs that it was asked for: workloads are run as they are, by the
/// code that users run, and need not know what they cost.
#[derive(Clone)]
pub(super) struct Meter {
    engine: Arc<dyn Engine>,
    flops: Arc<AtomicU64>,
}

impl Meter {
    pub(super) fn new(engine: &Arc<dyn Engine>) -> Meter {
        Meter { engine: Arc::clone(engine), flops: Arc::default() }
    }

    /// The engine to run on.
    pub(super) fn engine(&self) -> Arc<dyn Engine> {
        Arc::new(self.clone())
    }

    /// FLOPs so far.
    pub(super) fn flops(&self) -> u64 {
        self.flops.load(Ordering::Relaxed)
    }
}

impl Engine for Meter {
    fn name(&self) -> &str {
        self.engine.name()
    }

    fn limits(&self) -> Limits {
        self.engine.limits()
    }

    fn memory_in_use(&self) -> u64 {
        self.engine.memory_in_use()
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        let executable = self.engine.load(program)?;
        let cost = program.cost().contraction_flops;
        Ok(Arc::new(Metered { executable, cost, flops: Arc::clone(&self.flops) }))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        self.engine.buffer(kind, shape)
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        self.engine.write(buffer, data)
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        self.engine.copy(from, to)
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        self.engine.read(buffer)
    }
}

struct Metered {
    executable: Arc<dyn Executable>,
    cost: u64,
    flops: Arc<AtomicU64>,
}

impl Executable for Metered {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        self.flops.fetch_add(self.cost, Ordering::Relaxed);
        self.executable.run(buffers, scalars)
    }

    fn explain(&self) -> Option<String> {
        self.executable.explain()
    }
}
