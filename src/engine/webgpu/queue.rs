//! The queue: commands gather in one encoder and are submitted together, when somebody waits for them or there is enough
//! of them.

use std::sync::Mutex;

use super::{lock::lock, shader::CALL_WORDS};

/// Bytes of the staging buffer: blocks of calls and small writes of one submission.
const STAGING_BYTES: usize = 256 << 10;

/// Writes up to this many bytes pass through the staging buffer; larger ones are submitted by themselves.
const SMALL_WRITE: usize = 16 << 10;

/// Bytes written at once above which the queue is told to start, so that uploading a data set does not pile up copies on
/// the host.
const LARGE_WRITE: usize = 1 << 20;

/// Floating-point operations and commands in one submission, about. Much more would keep a browser's page and the
/// watchdog waiting; much less would not be worth the call.
const SUBMIT_FLOPS: u64 = 4 << 30;
const SUBMIT_COMMANDS: usize = 512;

/// What every device allows uniform bindings to begin at.
const UNIFORM_ALIGNMENT: usize = 256;

/// The device's queue with what is not submitted yet.
pub(super) struct Queue {
    queue: wgpu::Queue,
    staging: wgpu::Buffer,
    pending: Mutex<Pending>,
}

/// Commands on their way to the device.
#[derive(Default)]
pub(super) struct Pending {
    encoder: Option<wgpu::CommandEncoder>,
    /// What the staging buffer will hold.
    staged: Vec<u8>,
    flops: u64,
    commands: usize,
}

impl Queue {
    pub fn new(device: &wgpu::Device, queue: wgpu::Queue) -> Queue {
        let staging = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("staging"),
            // The last block may begin anywhere.
            size: (STAGING_BYTES + 4 * CALL_WORDS) as u64,
            usage: wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_SRC | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        Queue { queue, staging, pending: Mutex::default() }
    }

    /// The block of a call, at a dynamic offset.
    pub fn call_binding(&self) -> wgpu::BindingResource<'_> {
        wgpu::BindingResource::Buffer(wgpu::BufferBinding {
            buffer: &self.staging,
            offset: 0,
            size: std::num::NonZeroU64::new(4 * CALL_WORDS as u64),
        })
    }

    /// Adds commands; nothing else is queued among them.
    pub fn with<T>(&self, device: &wgpu::Device, add: impl FnOnce(&mut Commands<'_>) -> T) -> T {
        let mut pending = lock(&self.pending);
        add(&mut Commands { queue: self, device, pending: &mut pending })
    }

    /// Submits what there is.
    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is not general enough in its lifetime")]
    pub fn flush(&self, device: &wgpu::Device) -> Option<wgpu::SubmissionIndex> {
        self.with(device, |commands| commands.flush())
    }

    /// Replaces the first bytes of a buffer, in order with what is queued before and after.
    pub fn write(&self, device: &wgpu::Device, buffer: &wgpu::Buffer, bytes: &[u8]) {
        self.with(device, |commands| commands.write(buffer, bytes));
    }
}

/// The queue while commands are added.
pub(super) struct Commands<'q> {
    queue: &'q Queue,
    device: &'q wgpu::Device,
    pending: &'q mut Pending,
}

impl Commands<'_> {
    /// The encoder of what is to be submitted next.
    pub fn encoder(&mut self) -> &mut wgpu::CommandEncoder {
        self.pending.encoder.get_or_insert_with(|| {
            self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("attar") })
        })
    }

    /// Puts bytes, a multiple of four of them, into the staging buffer; returns where they are. May submit what is there
    /// already.
    pub fn stage(&mut self, bytes: &[u8]) -> u64 {
        let mut start = self.pending.staged.len().next_multiple_of(UNIFORM_ALIGNMENT);
        if start + bytes.len() > STAGING_BYTES {
            self.flush();
            start = 0;
        }
        self.pending.staged.resize(start, 0);
        self.pending.staged.extend_from_slice(bytes);
        start as u64
    }

    /// Notes work that was encoded, and submits if that is enough; returns whether it did.
    pub fn worked(&mut self, flops: u64, commands: usize) -> bool {
        self.pending.flops += flops;
        self.pending.commands += commands;
        let enough = self.pending.flops >= SUBMIT_FLOPS || self.pending.commands >= SUBMIT_COMMANDS;
        if enough {
            self.flush();
        }
        enough
    }

    pub fn copy(&mut self, from: (&wgpu::Buffer, u64), to: (&wgpu::Buffer, u64), bytes: u64) {
        if bytes > 0 {
            self.encoder().copy_buffer_to_buffer(from.0, from.1, to.0, to.1, bytes);
            self.pending.commands += 1;
        }
    }

    fn write(&mut self, buffer: &wgpu::Buffer, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        if bytes.len() > SMALL_WRITE || self.pending.encoder.is_none() {
            self.flush();
            self.write_now(buffer, bytes);
            return;
        }
        let mut whole = bytes.to_vec();
        whole.resize(bytes.len().next_multiple_of(4), 0);
        let start = self.stage(&whole);
        let staging = self.queue.staging.clone();
        self.copy((&staging, start), (buffer, 0), whole.len() as u64);
    }

    fn write_now(&self, buffer: &wgpu::Buffer, bytes: &[u8]) {
        let queue = &self.queue.queue;
        let whole = bytes.len() & !3;
        if whole > 0 {
            queue.write_buffer(buffer, 0, &bytes[..whole]);
        }
        if whole < bytes.len() {
            let mut word = [0; 4];
            word[..bytes.len() - whole].copy_from_slice(&bytes[whole..]);
            queue.write_buffer(buffer, whole as u64, &word);
        }
        if bytes.len() >= LARGE_WRITE {
            queue.submit([]);
        }
    }

    /// Submits what there is.
    pub fn flush(&mut self) -> Option<wgpu::SubmissionIndex> {
        let encoder = self.pending.encoder.take();
        if !self.pending.staged.is_empty() {
            self.pending.staged.resize(self.pending.staged.len().next_multiple_of(4), 0);
            self.queue.queue.write_buffer(&self.queue.staging, 0, &self.pending.staged);
            self.pending.staged.clear();
        }
        (self.pending.flops, self.pending.commands) = (0, 0);
        encoder.map(|encoder| self.queue.queue.submit([encoder.finish()]))
    }
}
