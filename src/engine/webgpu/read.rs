//! The way out of the device: copies to memory that the host maps.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
};

use super::{
    buffer::{Storage, words},
    device::{Gpu, failure},
    lock::lock,
};
use crate::{
    engine::{Host, Readback},
    error::Result,
    graph::Kind,
    shape::Shape,
};

/// Queues a copy to memory that the host can map and returns the future of it.
pub(super) fn read(storage: &Storage, kind: Kind, shape: Shape) -> Result<Readback> {
    let words = words(kind, shape);
    if words == 0 {
        return Ok(Readback::ready(Ok(host(kind, 0, &[]))));
    }
    let gpu = &storage.gpu;
    let bytes = 4 * words as u64;
    let reader = gpu.readers.take(&gpu.device, bytes);
    let submission = gpu.queue.with(&gpu.device, |commands| {
        commands.copy((&storage.buffer, 0), (&reader, 0), bytes);
        commands.flush()
    });
    let signal = Arc::new(Mutex::new(Signal::default()));
    let done = Arc::clone(&signal);
    reader.map_async(wgpu::MapMode::Read, ..bytes, move |result| {
        let mut signal = lock(&done);
        signal.mapped = Some(result.is_ok());
        if let Some(waker) = signal.waker.take() {
            waker.wake();
        }
    });
    let gpu = Arc::clone(gpu);
    Ok(Readback::new(Mapping { gpu, reader, bytes, submission, signal, kind, elements: shape.elements() }))
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
    gpu: Arc<Gpu>,
    reader: wgpu::Buffer,
    bytes: u64,
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
            if let Err(error) = self.gpu.device.poll(wait) {
                tracing::debug!(target: "attar::webgpu", "{error}");
                lock(&self.signal).mapped.get_or_insert(false);
            }
        }
    }

    fn contents(&self, mapped: bool) -> Result<Host> {
        self.gpu.check()?;
        let view = self.reader.get_mapped_range(..self.bytes).ok().filter(|_| mapped);
        let missing = || self.gpu.cause_of(failure("the device did not hand back a buffer's contents"));
        let view = view.ok_or_else(missing)?;
        Ok(host(self.kind, self.elements, &view))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let mapped = lock(&self.signal).mapped;
        self.reader.unmap();
        // A buffer whose mapping is still to come, or failed, is not used again.
        if mapped == Some(true) {
            self.gpu.readers.give(self.reader.clone());
        } else {
            self.reader.destroy();
        }
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
