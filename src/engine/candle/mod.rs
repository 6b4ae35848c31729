//! The candle engine: walks a program on candle's tensors. The road to NVIDIA and Apple GPUs.
//!
//! Everything is written in candle's tensor operations, which run on every device; on the CPU they are slow beside
//! [`cpu`](super::cpu), but they let a machine without a GPU test what a GPU will run.
//!
//! candle's autograd is never used, and neither are its convolution, pooling and upsampling gradients: the derivative
//! is part of the program.

mod convolution;
mod elementwise;
mod gather;
mod matmul;
mod movement;
mod random;
mod reduce;
mod run;
mod sample;
mod solve;
#[cfg(test)]
mod tests;

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicU64, Ordering},
};

use candle_core::{DType, Device, Tensor};

use super::{Buffer, Data, Engine, Executable, Host, Limits, Readback};
use crate::{
    error::{Error, Result},
    graph::Kind,
    program::Program,
    shape::Shape,
};

/// A device that candle drives.
pub struct CandleEngine {
    context: Arc<Context>,
}

/// What a processor's cores have for themselves and share, by and large: candle does not say.
const CACHE_BYTES: u64 = 16 << 20;

/// What buffers and loaded programs share with their engine.
struct Context {
    name: String,
    device: Device,
    held: AtomicU64,
}

/// Device names that [`CandleEngine::open`] accepts, only of devices that are there, best first.
pub fn available() -> Vec<String> {
    let mut names = Vec::new();
    // candle's own `cuda_is_available` tells what was compiled, not what is there: opening is the only test.
    if cfg!(feature = "cuda") {
        names.extend((0..).take_while(|&index| Device::new_cuda(index).is_ok()).map(|n| format!("candle:cuda:{n}")));
    }
    // candle indexes the list of Metal devices without a check, so no second index is tried.
    if cfg!(all(feature = "metal", target_os = "macos")) && Device::new_metal(0).is_ok() {
        names.push("candle:metal:0".into());
    }
    names.push("candle:cpu".into());
    names
}

impl CandleEngine {
    /// The engine on a device that is open already, known as `name`.
    pub fn new(device: Device, name: impl Into<String>) -> CandleEngine {
        CandleEngine { context: Arc::new(Context { name: name.into(), device, held: AtomicU64::new(0) }) }
    }

    /// Opens `candle:cpu`, `candle:cuda:N` or `candle:metal:N`.
    ///
    /// # Errors
    /// [`Error::NoDevice`] if this is no such name; [`Error::Engine`], with the driver's reason, if the device does not
    /// open.
    pub fn open(name: &str) -> Result<CandleEngine> {
        let index = |prefix: &str| name.strip_prefix(prefix).and_then(|index| index.parse::<usize>().ok());
        let device = match (index("candle:cuda:"), index("candle:metal:")) {
            _ if name == "candle:cpu" => Ok(Device::Cpu),
            (Some(index), _) => Device::new_cuda(index),
            (_, Some(index)) if available().iter().any(|there| there == name) => Device::new_metal(index),
            _ => return Err(Error::NoDevice { asked: name.into(), available: available() }),
        };
        Ok(CandleEngine::new(device.map_err(|error| failure(name, 0, &error))?, name))
    }
}

/// candle's error as one of ours. `bytes` is what was being made when it happened.
pub(crate) fn failure(engine: &str, bytes: u64, error: &candle_core::Error) -> Error {
    let text = error.to_string();
    // With RUST_BACKTRACE set, candle appends a backtrace to what it displays.
    let message = text.lines().next().unwrap_or_default().to_owned();
    let lower = message.to_lowercase();
    if lower.contains("out_of_memory") || lower.contains("out of memory") {
        return Error::OutOfMemory { engine: engine.into(), bytes };
    }
    Error::Engine { engine: engine.into(), message }
}

impl Context {
    fn failure(&self, bytes: u64) -> impl Fn(candle_core::Error) -> Error + '_ {
        move |error| failure(&self.name, bytes, &error)
    }

    /// Zeros. An empty tensor stays in main memory: GPU allocators differ on what zero bytes are.
    fn zeros(&self, kind: Kind, shape: Shape) -> candle_core::Result<Tensor> {
        let device = if shape.elements() == 0 { &Device::Cpu } else { &self.device };
        Tensor::zeros(shape.dims(), element(kind), device)
    }

    fn upload(&self, data: Data<'_>, shape: Shape) -> candle_core::Result<Tensor> {
        let device = if shape.elements() == 0 { &Device::Cpu } else { &self.device };
        match data {
            Data::F32(values) => Tensor::from_slice(values, shape.dims(), device),
            Data::Rows(values) => Tensor::from_slice(values, shape.dims(), device),
            Data::Pixels(values) => Tensor::from_slice(values, shape.dims(), device),
        }
    }
}

fn element(kind: Kind) -> DType {
    match kind {
        Kind::F32 => DType::F32,
        Kind::Rows => DType::U32,
        Kind::Pixels => DType::U8,
    }
}

fn bytes(kind: Kind, shape: Shape) -> u64 {
    (shape.elements() * element(kind).size_in_bytes()) as u64
}

/// A buffer's memory. A tensor is never changed in place, only replaced: whoever still holds the old one (a run under
/// way, a copy, a readback) keeps what it saw.
struct Storage {
    tensor: Mutex<Tensor>,
    bytes: u64,
    context: Arc<Context>,
}

impl Storage {
    fn lock(&self) -> MutexGuard<'_, Tensor> {
        // A panic elsewhere leaves a whole tensor behind.
        self.tensor.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.context.held.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

impl Engine for CandleEngine {
    fn name(&self) -> &str {
        &self.context.name
    }

    fn limits(&self) -> Limits {
        Limits {
            buffer_bytes: u64::from(u32::MAX) * 4,
            cache_bytes: self.context.device.is_cpu().then_some(CACHE_BYTES),
        }
    }

    fn memory_in_use(&self) -> u64 {
        self.context.held.load(Ordering::Relaxed)
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        Ok(Arc::new(run::Loaded::new(self.context.clone(), program)?))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        let bytes = bytes(kind, shape);
        let tensor = self.context.zeros(kind, shape).map_err(self.context.failure(bytes))?;
        self.context.held.fetch_add(bytes, Ordering::Relaxed);
        Ok(Buffer::new(kind, shape, Storage { tensor: Mutex::new(tensor), bytes, context: self.context.clone() }))
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        data.check(buffer)?;
        let storage: &Storage = buffer.storage(&self.context.name)?;
        *storage.lock() = self.context.upload(data, buffer.shape()).map_err(self.context.failure(storage.bytes))?;
        Ok(())
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        super::check_copy(from, to)?;
        let tensor = from.storage::<Storage>(&self.context.name)?.lock().clone();
        *to.storage::<Storage>(&self.context.name)?.lock() = tensor;
        Ok(())
    }

    /// On a GPU the first poll waits for the device: candle has no other way to ask for a tensor.
    fn read(&self, buffer: &Buffer) -> Readback {
        let kind = buffer.kind();
        let storage = match buffer.storage::<Storage>(&self.context.name) {
            Ok(storage) => storage,
            Err(error) => return Readback::ready(Err(error)),
        };
        let (tensor, context) = (storage.lock().clone(), self.context.clone());
        Readback::new(async move {
            let flat = tensor.flatten_all().map_err(context.failure(0))?;
            let host = match kind {
                Kind::F32 => flat.to_vec1().map(Host::F32),
                Kind::Rows => flat.to_vec1().map(Host::Rows),
                Kind::Pixels => flat.to_vec1().map(Host::Pixels),
            };
            host.map_err(context.failure(0))
        })
    }
}
