//! Memory on the device, and the way in and out of it.

use std::sync::{Arc, atomic::Ordering};

use super::device::{Gpu, NAME, failure};
use crate::{
    engine::{Buffer, Data},
    error::{Error, Result},
    graph::Kind,
    shape::Shape,
};

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
        Storage::within(gpu, what, words, buffer_bytes(&gpu.limits))
    }

    /// A buffer of which kernels bind only parts.
    ///
    /// # Errors
    /// Those of [`Storage::new`].
    pub fn in_parts(gpu: &Arc<Gpu>, what: &str, words: usize) -> Result<Storage> {
        Storage::within(gpu, what, words, gpu.limits.max_buffer_size)
    }

    fn within(gpu: &Arc<Gpu>, what: &str, words: usize, has: u64) -> Result<Storage> {
        let usage = wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST;
        // Kernels bind whole fours; an empty binding is not allowed, so the empty tensor has one.
        let bytes = 16 * (words as u64).div_ceil(4).max(1);
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

    /// The storage of a buffer that this device made.
    ///
    /// # Errors
    /// [`Error::Engine`] if another device or engine did.
    pub fn of<'b>(gpu: &Arc<Gpu>, buffer: &'b Buffer) -> Result<&'b Storage> {
        let storage = buffer.storage::<Storage>(NAME)?;
        if Arc::ptr_eq(&storage.gpu, gpu) {
            return Ok(storage);
        }
        Err(failure("a buffer of another device was bound; make it with this engine's `buffer`"))
    }

    /// Replaces the first words, in order with what is queued before and after.
    pub fn write(&self, bytes: &[u8]) {
        self.gpu.queue.write(&self.gpu.device, &self.buffer, bytes);
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // What is not submitted yet may use it.
        self.gpu.queue.flush(&self.gpu.device);
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
