//! Memory on the device, and the way in and out of it.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, atomic::Ordering},
    task::{Context, Poll, Waker},
};

use super::device::{Gpu, failure, lock};
use crate::{
    engine::{Data, Host, Readback},
    error::{Error, Result},
    graph::Kind,
    shape::Shape,
};

/// Bytes written at once above which the queue is told to start, so that uploading a data set does not pile up
/// copies on the host.
const FLUSH_BYTES: usize = 1 << 20;

/// One buffer of the device. Its bytes count as in use until it is dropped.
pub(super) struct Storage {
    pub gpu: Arc<Gpu>,
    pub buffer: wgpu::Buffer,
    /// Distinct from that of every other buffer of the device, also of those that are gone.
    pub id: u64,
    bytes: u64,
}

impl Storage {
    /// A buffer of `words` 32-bit zeros that kernels read and write.
    ///
    /// # Errors
    /// [`Error::Limit`] if the device has no buffers that large, [`Error::OutOfMemory`] if it has no memory left.
    pub fn new(gpu: &Arc<Gpu>, what: &str, words: usize) -> Result<Storage> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        Storage::with_usage(gpu, what, words, usage)
    }

    fn with_usage(gpu: &Arc<Gpu>, what: &str, words: usize, usage: wgpu::BufferUsages) -> Result<Storage> {
        // An empty binding is not allowed, so the empty tensor has a word.
        let bytes = 4 * (words as u64).max(1);
        let has = buffer_bytes(&gpu.limits);
        if bytes > has {
            return Err(Error::Limit { what: what.into(), needs: bytes, has });
        }
        gpu.check()?;
        let buffer = gpu.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(what),
            size: bytes,
            usage,
            mapped_at_creation: false,
        });
        gpu.memory.fetch_add(bytes, Ordering::Relaxed);
        let storage = Storage { gpu: Arc::clone(gpu), buffer, id: gpu.fresh_id(), bytes };
        gpu.check_after(bytes)?;
        Ok(storage)
    }

    /// Replaces the first words, in order with what is queued before and after.
    pub fn write(&self, bytes: &[u8]) {
        let whole = bytes.len() & !3;
        if whole > 0 {
            self.gpu.queue.write_buffer(&self.buffer, 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut word = [0; 4];
            word[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            self.gpu.queue.write_buffer(&self.buffer, whole as u64, &word);
        }
        if bytes.len() >= FLUSH_BYTES {
            self.gpu.queue.submit([]);
        }
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // In a browser a buffer that is merely forgotten waits for the garbage collector.
        self.buffer.destroy();
        self.gpu.memory.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes of the largest buffer that kernels can use.
pub(super) fn buffer_bytes(limits: &wgpu::Limits) -> u64 {
    limits.max_buffer_size.min(limits.max_storage_buffer_binding_size)
}

/// 32-bit words that hold a tensor.
pub(super) fn words(kind: Kind, shape: Shape) -> usize {
    match kind {
        Kind::F32 | Kind::Rows => shape.elements(),
        Kind::Pixels => shape.elements().div_ceil(4),
    }
}

/// The bytes of values on the host.
pub(super) fn bytes_of<'a>(data: &Data<'a>) -> &'a [u8] {
    match *data {
        Data::F32(values) => bytemuck::cast_slice(values),
        Data::Rows(values) => bytemuck::cast_slice(values),
        Data::Pixels(values) => values,
    }
}

/// Queues a copy to memory that the host can map and returns the future of it.
pub(super) fn read(storage: &Storage, kind: Kind, shape: Shape) -> Result<Readback> {
    let words = words(kind, shape);
    if words == 0 {
        return Ok(Readback::ready(Ok(host(kind, 0, &[]))));
    }
    let gpu = &storage.gpu;
    let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
    let staging = Storage::with_usage(gpu, "readback", words, usage)?;
    let mut encoder = gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
    encoder.copy_buffer_to_buffer(&storage.buffer, 0, &staging.buffer, 0, 4 * words as u64);
    let submission = gpu.queue.submit([encoder.finish()]);
    let signal = Arc::new(Mutex::new(Signal::default()));
    let done = Arc::clone(&signal);
    staging.buffer.map_async(wgpu::MapMode::Read, .., move |result| {
        let mut signal = lock(&done);
        signal.mapped = Some(result.is_ok());
        if let Some(waker) = signal.waker.take() {
            waker.wake();
        }
    });
    Ok(Readback::new(Mapping { staging, submission: Some(submission), signal, kind, elements: shape.elements() }))
}

/// Set by the device when the copy is mapped.
#[derive(Default)]
struct Signal {
    /// Whether mapping succeeded, once it is known.
    mapped: Option<bool>,
    waker: Option<Waker>,
}

/// A copy on its way to the host.
struct Mapping {
    staging: Storage,
    /// Until it has been waited for.
    submission: Option<wgpu::SubmissionIndex>,
    signal: Arc<Mutex<Signal>>,
    kind: Kind,
    elements: usize,
}

impl Future for Mapping {
    type Output = Result<Host>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        {
            let mut signal = lock(&self.signal);
            if signal.mapped.is_none() {
                signal.waker = Some(context.waker().clone());
            }
        }
        self.wait();
        let mapped = lock(&self.signal).mapped;
        match mapped {
            Some(mapped) => Poll::Ready(self.contents(mapped)),
            None => Poll::Pending,
        }
    }
}

impl Mapping {
    /// Natively nobody else turns the device's crank, so the first poll waits for it; in a browser, where this does
    /// nothing, the page's event loop calls back.
    fn wait(&mut self) {
        if let Some(submission) = self.submission.take() {
            let wait = wgpu::PollType::Wait { submission_index: Some(submission), timeout: None };
            if let Err(error) = self.staging.gpu.device.poll(wait) {
                tracing::debug!(target: "attar::webgpu", "{error}");
                lock(&self.signal).mapped.get_or_insert(false);
            }
        }
    }

    fn contents(&self, mapped: bool) -> Result<Host> {
        self.staging.gpu.check()?;
        let view = self.staging.buffer.get_mapped_range(..).ok().filter(|_| mapped);
        let view = view.ok_or_else(|| failure("the device did not hand back a buffer's contents"))?;
        Ok(host(self.kind, self.elements, &view))
    }
}

/// The first `elements` values in these bytes.
fn host(kind: Kind, elements: usize, bytes: &[u8]) -> Host {
    match kind {
        Kind::F32 => Host::F32(bytemuck::pod_collect_to_vec(&bytes[..4 * elements])),
        Kind::Rows => Host::Rows(bytemuck::pod_collect_to_vec(&bytes[..4 * elements])),
        Kind::Pixels => Host::Pixels(bytes[..elements].to_vec()),
    }
}
