//! The WebGPU engine: programs as compute shaders, on any GPU natively (Vulkan, Metal, DirectX 12) and in browsers.
//!
//! A program becomes a plan: kernels of generated WGSL, one or a few a node, and the memory they share. Loading
//! makes pipelines and bind groups; a run writes its scalars, queues one compute pass and copies new states into their
//! slots. Nothing waits for the device but the future of a read.

mod buffer;
mod device;
mod kernel;
mod kernels;
mod load;
mod plan;
mod run;
#[cfg(test)]
mod tests;

use std::sync::{Arc, atomic::Ordering};

use buffer::{Storage, buffer_bytes, bytes_of, words};
use device::{Gpu, failure};
use load::Loaded;

use super::{Buffer, Data, Engine, Executable, Limits, Readback, check_copy};
use crate::{error::Result, graph::Kind, program::Program, shape::Shape};

/// The engine's device name.
const NAME: &str = "webgpu";

/// A device of WebGPU.
pub struct WebGpu {
    gpu: Arc<Gpu>,
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
        Ok(WebGpu { gpu, adapter: known.join(", ") })
    }

    /// Whether [`WebGpu::open`] finds an adapter.
    pub async fn available() -> bool {
        adapter().await.is_ok()
    }

    /// The adapter's name, its interface and driver, as far as the system or browser tells.
    pub fn adapter(&self) -> &str {
        &self.adapter
    }

    /// The shaders that a program becomes, each under the node it computes.
    pub fn explain(program: &Program) -> String {
        let plan = plan::Plan::new(program);
        plan.dispatches.iter().map(|d| format!("// {}\n{}\n", d.label, d.kernel.source)).collect()
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

/// The storage of a buffer that this device made.
fn storage_of<'b>(gpu: &Arc<Gpu>, buffer: &'b Buffer) -> Result<&'b Storage> {
    let storage = buffer.storage::<Storage>(NAME)?;
    if Arc::ptr_eq(&storage.gpu, gpu) {
        return Ok(storage);
    }
    Err(failure("a buffer of another device was bound; make it with this engine's `buffer`"))
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
        Ok(Arc::new(Loaded::new(&self.gpu, program)?))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        let what = format!("a buffer of {kind:?} {shape}");
        Ok(Buffer::new(kind, shape, Storage::new(&self.gpu, &what, words(kind, shape))?))
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        data.check(buffer)?;
        let storage = storage_of(&self.gpu, buffer)?;
        self.gpu.check()?;
        storage.write(bytes_of(&data));
        Ok(())
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        check_copy(from, to)?;
        let (source, target) = (storage_of(&self.gpu, from)?, storage_of(&self.gpu, to)?);
        self.gpu.check()?;
        let words = words(from.kind(), from.shape());
        if from.same(to) || words == 0 {
            return Ok(());
        }
        let mut encoder = self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        encoder.copy_buffer_to_buffer(&source.buffer, 0, &target.buffer, 0, 4 * words as u64);
        self.gpu.queue.submit([encoder.finish()]);
        Ok(())
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        let queued = storage_of(&self.gpu, buffer).and_then(|storage| {
            self.gpu.check()?;
            buffer::read(storage, buffer.kind(), buffer.shape())
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
