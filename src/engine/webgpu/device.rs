//! The device behind an engine and all it made: queue, pipelines, memory, and what went wrong.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::NAME;
use crate::error::{Error, Result};

/// Shared by the engine, its buffers and its loaded programs.
pub(super) struct Gpu {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub memory: AtomicU64,
    faults: Arc<Mutex<Faults>>,
    next_id: AtomicU64,
    /// By the text of the shader: programs share most of their kernels.
    pipelines: Mutex<HashMap<String, wgpu::ComputePipeline>>,
    /// By the number of buffers that a kernel reads.
    layouts: Mutex<HashMap<usize, Layout>>,
}

/// The layout of all kernels that read a given number of buffers: those at bindings 0.., then the result.
#[derive(Clone)]
pub(super) struct Layout {
    pub group: wgpu::BindGroupLayout,
    pipeline: wgpu::PipelineLayout,
}

/// What the device reported since the last look. WebGPU reports most errors after the call that caused them; in a
/// browser always.
#[derive(Default)]
struct Faults {
    /// Stays: a lost device does not come back.
    lost: bool,
    /// The first, since later ones are often its echo. Surfaces once, at the next call.
    error: Option<wgpu::Error>,
}

impl Gpu {
    /// A device of `adapter` whose limits are raised to what the adapter has, where this engine gains by it.
    pub async fn open(adapter: &wgpu::Adapter) -> Result<Gpu> {
        let offered = adapter.limits();
        let limits = wgpu::Limits {
            max_buffer_size: offered.max_buffer_size,
            max_storage_buffer_binding_size: offered.max_storage_buffer_binding_size,
            max_compute_workgroup_storage_size: offered.max_compute_workgroup_storage_size,
            max_compute_invocations_per_workgroup: offered.max_compute_invocations_per_workgroup,
            max_compute_workgroup_size_x: offered.max_compute_workgroup_size_x,
            max_storage_buffers_per_shader_stage: offered.max_storage_buffers_per_shader_stage,
            ..wgpu::Limits::default().or_worse_values_from(&offered)
        };
        let descriptor =
            wgpu::DeviceDescriptor { label: Some("attar"), required_limits: limits.clone(), ..Default::default() };
        let (device, queue) = adapter
            .request_device(&descriptor)
            .await
            .map_err(|error| failure(format!("the adapter gave no device: {error}")))?;
        let faults = Arc::new(Mutex::new(Faults::default()));
        watch(&device, &faults);
        Ok(Gpu {
            device,
            queue,
            limits,
            memory: AtomicU64::new(0),
            faults,
            next_id: AtomicU64::new(0),
            pipelines: Mutex::default(),
            layouts: Mutex::default(),
        })
    }

    /// What went wrong since the last call of this, if anything did.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] from then on; [`Error::OutOfMemory`] or [`Error::Engine`] once.
    pub fn check(&self) -> Result<()> {
        self.check_after(0)
    }

    /// [`Gpu::check`] after a request for `bytes` of memory, for the message.
    pub fn check_after(&self, bytes: u64) -> Result<()> {
        // Natively reports arrive only when somebody asks. What this returns they tell better.
        let _ = self.device.poll(wgpu::PollType::Poll);
        if lock(&self.faults).error.is_some() {
            // A lost device makes for other errors before it is reported, which is when all in flight has ended.
            let patience = wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(1)) };
            let _ = self.device.poll(patience);
        }
        let mut faults = lock(&self.faults);
        if faults.lost {
            return Err(Error::DeviceLost(NAME.into()));
        }
        match faults.error.take() {
            None => Ok(()),
            Some(wgpu::Error::OutOfMemory { .. }) => Err(Error::OutOfMemory { engine: NAME.into(), bytes }),
            Some(error) => Err(failure(error.to_string())),
        }
    }

    /// A number that no other buffer of this device has, so that a bind group can tell whether it still fits.
    pub fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The layout of kernels that read `reads` buffers.
    pub fn layout(&self, reads: usize) -> Layout {
        lock(&self.layouts).entry(reads).or_insert_with(|| Layout::new(&self.device, reads)).clone()
    }

    /// The pipeline of a shader, compiled at its first use.
    pub fn pipeline(&self, label: &str, source: &str, reads: usize) -> wgpu::ComputePipeline {
        if let Some(pipeline) = lock(&self.pipelines).get(source) {
            return pipeline.clone();
        }
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(label),
            source: wgpu::ShaderSource::Wgsl(source.into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(label),
            layout: Some(&self.layout(reads).pipeline),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        lock(&self.pipelines).insert(source.into(), pipeline.clone());
        pipeline
    }
}

impl Layout {
    fn new(device: &wgpu::Device, reads: usize) -> Layout {
        let entry = |binding: usize| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: binding < reads },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = (0..=reads).map(entry).collect();
        let group =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&group)],
            immediate_size: 0,
        });
        Layout { group, pipeline }
    }
}

/// Records what the device reports instead of wgpu's default, which is to panic.
fn watch(device: &wgpu::Device, faults: &Arc<Mutex<Faults>>) {
    let record = Arc::clone(faults);
    device.on_uncaptured_error(Arc::new(move |error| {
        tracing::debug!(target: "attar::webgpu", "{error}");
        lock(&record).error.get_or_insert(error);
    }));
    let record = Arc::clone(faults);
    device.set_device_lost_callback(move |reason, message| {
        tracing::debug!(target: "attar::webgpu", "device lost ({reason:?}): {message}");
        lock(&record).lost = true;
    });
}

/// An error of this engine that the caller cannot mend.
pub(super) fn failure(message: impl Into<String>) -> Error {
    Error::Engine { engine: NAME.into(), message: message.into() }
}

/// Locks; a panic elsewhere leaves nothing half-done under any of this engine's locks.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
