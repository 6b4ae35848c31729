//! Memory that the host maps, kept from one small read to the next.

use std::sync::Mutex;

use super::lock::lock;

/// Bytes of the buffers that are kept for small reads, such as losses.
const SMALL_READ: u64 = 64 << 10;

/// How many of them are kept.
const KEPT: usize = 8;

/// Mappable buffers that wait for the next small read.
#[derive(Default)]
pub(super) struct Readers {
    free: Mutex<Vec<wgpu::Buffer>>,
}

impl Readers {
    pub fn take(&self, device: &wgpu::Device, bytes: u64) -> wgpu::Buffer {
        let kept = if bytes <= SMALL_READ { lock(&self.free).pop() } else { None };
        kept.unwrap_or_else(|| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("readback"),
                size: bytes.max(SMALL_READ),
                usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            })
        })
    }

    /// Takes a buffer back that is not mapped.
    pub fn give(&self, buffer: wgpu::Buffer) {
        let mut free = lock(&self.free);
        if buffer.size() == SMALL_READ && free.len() < KEPT {
            free.push(buffer);
        } else {
            buffer.destroy();
        }
    }
}
