//! The CPU engine: runs plans with kernels of its own, natively and in WebAssembly.
//!
//! A program is lowered to a plan when it is loaded, and its contractions are planned for their shapes; a run allocates
//! nothing. Kernels divide their work into parts that depend on shapes alone, so results are equal to the bit whatever
//! the number of threads.

mod binding;
mod block;
mod fused;
mod memory;
mod run;
mod single;

use std::sync::Arc;

pub use attar_kernels::{Isa, Variant};

use self::{
    memory::{Shared, Storage},
    run::Loaded,
};
use super::{Buffer, Data, Engine, Executable, Limits, Readback};
use crate::{
    error::{Error, Result},
    graph::Kind,
    program::{Program, Target, lower},
    shape::Shape,
};

const NAME: &str = "cpu";

/// What fused kernels are cut to: a few rows of this many f32s lie in the second-level cache.
const TARGET: Target = Target { longest_row: 16 << 10, alignment: memory::LINE };

/// Half of the last-level cache of eight cores: activations that fit are not waited for, nor do neighbours' drive them out.
const CACHE_BYTES: u64 = 16 << 20;

/// The CPU engine.
pub struct Cpu {
    name: String,
    kernels: Kernels,
    shared: Arc<Shared>,
}

/// Which kernels a program is loaded with.
#[derive(Debug, Clone, Copy)]
struct Kernels {
    isa: Isa,
    /// The way of all contractions that can be computed in it; else it is chosen by shape.
    variant: Option<Variant>,
}

impl Cpu {
    /// With the best kernels that this machine can run.
    pub fn new() -> Cpu {
        Cpu { name: NAME.into(), kernels: Kernels { isa: Isa::best(), variant: None }, shared: Arc::default() }
    }

    /// With these instructions and, if one is given, this way of computing contractions wherever it applies: for tests
    /// and measurements.
    ///
    /// # Panics
    /// If the instructions are not [available](Isa::available).
    pub fn forced(isa: Isa, variant: Option<Variant>) -> Cpu {
        assert!(Isa::available().contains(&isa), "this machine has no {isa:?}");
        let way = variant.map_or(String::new(), |variant| format!(", {variant:?}"));
        let name = format!("{NAME} ({isa:?}{way})").to_ascii_lowercase();
        Cpu { name, kernels: Kernels { isa, variant }, shared: Arc::default() }
    }
}

/// Runs the innermost loop of matrix products `turns` times on operands that lie in the innermost cache, on one thread,
/// and gives the number of floating-point operations: timed, the rate that products and convolutions are judged by.
pub fn cached_product(isa: Isa, turns: usize) -> u64 {
    attar_kernels::cached(isa, turns)
}

impl Default for Cpu {
    fn default() -> Cpu {
        Cpu::new()
    }
}

impl Engine for Cpu {
    fn name(&self) -> &str {
        &self.name
    }

    fn limits(&self) -> Limits {
        Limits { buffer_bytes: isize::MAX as u64, cache_bytes: Some(CACHE_BYTES) }
    }

    fn memory_in_use(&self) -> u64 {
        self.shared.held()
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        let plan = lower(program, &TARGET);
        Ok(Arc::new(Loaded::new(plan, self.kernels, self.shared.clone())))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        let len = shape.elements();
        if len as u64 > self.limits().buffer_bytes / 4 {
            return Err(Error::OutOfMemory { engine: NAME.into(), bytes: 4 * len as u64 });
        }
        Ok(Buffer::new(kind, shape, Storage::zeros(kind, len, self.shared.clone())))
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        memory::write(buffer, data, &self.shared)
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        memory::copy(from, to, &self.shared)
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        Readback::ready(memory::read(buffer, &self.shared))
    }
}
