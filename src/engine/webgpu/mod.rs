//! The WebGPU engine: programs as compute shaders, on any GPU natively (Vulkan, Metal, DirectX 12) and in browsers.
//!
//! A program is lowered to a plan, and each step of the plan becomes a kernel of generated WGSL or a few (`compile`).
//! Loading makes pipelines and memory; a run adds its block of scalars and its dispatches to what is queued. Nothing waits
//! for the device but the future of a read.

mod arena;
mod buffer;
mod compile;
mod contract;
mod device;
mod fused;
mod index;
mod load;
mod lock;
mod memory;
mod queue;
mod read;
mod readers;
mod run;
mod settle;
mod shader;
mod single;
mod source;
mod task;
#[cfg(test)]
mod tests;
mod values;

use std::sync::{Arc, atomic::Ordering};

pub use memory::Hardware;

use arena::Arena;
use buffer::{Storage, buffer_bytes, bytes_of, words};
use device::{Gpu, NAME, failure};
use load::Loaded;

use super::{Buffer, Data, Engine, Executable, Limits, Readback, check_copy};
use crate::{
    error::Result,
    graph::{Kind, Op},
    program::Program,
    shape::Shape,
};

/// A device of WebGPU.
pub struct WebGpu {
    gpu: Arc<Gpu>,
    /// What runs of all loaded programs share.
    arena: Arc<Arena>,
    adapter: String,
}

impl WebGpu {
    /// Opens the fastest adapter of this machine or browser.
    ///
    /// # Errors
    /// [`Error::Engine`](crate::Error::Engine) if there is no adapter, or it gives no device.
    pub async fn open() -> Result<WebGpu> {
        let adapter = adapter().await?;
        let info = adapter.get_info();
        let gpu = Arc::new(Gpu::open(&adapter).await?);
        let adapter = [info.name, format!("{:?}", info.backend), info.driver, info.driver_info];
        let known: Vec<String> = adapter.into_iter().filter(|part| !part.is_empty()).collect();
        Ok(WebGpu { gpu, arena: Arc::default(), adapter: known.join(", ") })
    }

    /// What stands behind the adapter that [`WebGpu::open`] finds, if it finds one.
    pub async fn available() -> Option<Hardware> {
        adapter().await.ok().map(|adapter| device::hardware(&adapter))
    }

    /// Ends the device, as if the system had taken it: from now on all calls fail with
    /// [`Error::DeviceLost`](crate::Error::DeviceLost). For trying out what happens then.
    pub fn lose(&self) {
        self.gpu.queue.flush(&self.gpu.device);
        self.gpu.device.destroy();
    }

    /// The adapter's name, its interface and driver, as far as the system or browser tells.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }
}

/// What a run of a program dispatches, on a device with WebGPU's least limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Traffic {
    pub dispatches: usize,
    /// Bytes of the ranges of buffers that dispatches bind, each counted once a dispatch.
    pub bound_bytes: u64,
}

impl Traffic {
    /// Of this program. Needs no device.
    pub fn of(program: &Program) -> Traffic {
        let compiled = compile::Compiled::new(program, memory::Caps::LEAST);
        let bound = |kernel: &shader::Kernel| kernel.bindings.iter().map(|binding| 4 * binding.len as u64).sum::<u64>();
        Traffic { dispatches: compiled.kernels().count(), bound_bytes: compiled.kernels().map(bound).sum() }
    }

    /// What it would be without a plan: a dispatch for every node that computes or moves something, which binds its
    /// operands and its value. Numbers and constants are counted as free.
    pub fn one_by_one(program: &Program) -> Traffic {
        let leaf = |op: &Op| {
            matches!(op, Op::Slot { .. } | Op::Scalar { .. } | Op::Fill { .. } | Op::Constant { .. } | Op::Iota { .. })
        };
        let number = |op: &Op| matches!(op, Op::Scalar { .. } | Op::Fill { .. });
        let mut traffic = Traffic { dispatches: 0, bound_bytes: 0 };
        for node in program.nodes().iter().filter(|node| !leaf(&node.op) && node.op != Op::Reshape) {
            let read = node.inputs.iter().map(|&input| program.node(input)).filter(|input| !number(&input.op));
            let elements: usize = read.map(|input| input.shape.elements()).sum::<usize>() + node.shape.elements();
            traffic.dispatches += 1;
            traffic.bound_bytes += 4 * elements as u64;
        }
        traffic
    }
}

async fn adapter() -> Result<wgpu::Adapter> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    let options = wgpu::RequestAdapterOptions {
        power_preference: wgpu::PowerPreference::HighPerformance,
        ..wgpu::RequestAdapterOptions::default()
    };
    instance.request_adapter(&options).await.map_err(|error| {
        failure(format!(
            "no GPU adapter was found ({error}); install a driver (on Debian mesa-vulkan-drivers has a software one), \
             use a browser with WebGPU, or choose another engine"
        ))
    })
}

impl Engine for WebGpu {
    fn name(&self) -> &str {
        NAME
    }

    fn limits(&self) -> Limits {
        Limits { buffer_bytes: buffer_bytes(&self.gpu.limits), cache_bytes: None }
    }

    fn memory_in_use(&self) -> u64 {
        self.gpu.memory.load(Ordering::Relaxed)
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        Ok(Arc::new(Loaded::new(&self.gpu, &self.arena, program)?))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        let what = format!("a buffer of {kind:?} {shape}");
        Ok(Buffer::new(kind, shape, Storage::new(&self.gpu, &what, words(kind, shape))?))
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        data.check(buffer)?;
        let storage = Storage::of(&self.gpu, buffer)?;
        self.gpu.check()?;
        storage.write(bytes_of(&data));
        Ok(())
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        check_copy(from, to)?;
        let (source, target) = (Storage::of(&self.gpu, from)?, Storage::of(&self.gpu, to)?);
        self.gpu.check()?;
        let words = words(from.kind(), from.shape());
        if from.same(to) || words == 0 {
            return Ok(());
        }
        self.gpu.queue.with(&self.gpu.device, |commands| {
            commands.copy((&source.buffer, 0), (&target.buffer, 0), 4 * words as u64);
        });
        Ok(())
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        let queued = Storage::of(&self.gpu, buffer).and_then(|storage| {
            self.gpu.check()?;
            read::read(storage, buffer.kind(), buffer.shape())
        });
        queued.unwrap_or_else(|error| Readback::ready(Err(error)))
    }
}

/// Whether tests may pass without an adapter: `None` after saying so, unless one is required.
#[cfg(test)]
fn test_engine() -> Option<WebGpu> {
    match pollster::block_on(WebGpu::open()) {
        Ok(engine) => Some(engine),
        Err(error) => {
            let required = std::env::var("ATTAR_TEST_WEBGPU").is_ok_and(|value| value == "required");
            assert!(!required, "{error}");
            println!("skipped: {error}");
            None
        }
    }
}
