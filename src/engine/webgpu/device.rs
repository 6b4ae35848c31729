//! The device behind an engine and all it made: queue, pipelines, memory, and what went wrong.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use super::{
    lock::lock,
    memory::{Caps, Hardware},
    queue::Queue,
    readers::Readers,
    shader::Kernel,
};
use crate::{
    error::{Error, Result},
    sorted::SortedMap,
};

/// The engine's device name.
pub(super) const NAME: &str = "webgpu";

/// Kernels that need more than this have values share bindings: above it, some drivers have limits of their own.
const MOST_BINDINGS: usize = 16;

/// Browsers tell no more than whether it is a processor, which SwiftShader then plays.
pub(super) fn hardware(adapter: &wgpu::Adapter) -> Hardware {
    let info = adapter.get_info();
    match info.device_type {
        wgpu::DeviceType::Cpu if info.backend == wgpu::Backend::BrowserWebGpu => Hardware::SwiftShader,
        wgpu::DeviceType::Cpu if info.name.starts_with("SwiftShader") => Hardware::SwiftShader,
        wgpu::DeviceType::Cpu => Hardware::Processor,
        wgpu::DeviceType::DiscreteGpu => Hardware::Discrete,
        _ => Hardware::Gpu,
    }
}

/// Shared by the engine, its buffers and its loaded programs.
pub(super) struct Gpu {
    pub device: wgpu::Device,
    pub limits: wgpu::Limits,
    pub hardware: Hardware,
    pub memory: AtomicU64,
    pub queue: Queue,
    pub readers: Readers,
    faults: Arc<Mutex<Faults>>,
    next_id: AtomicU64,
    /// By the text of the shader: programs share most of their kernels.
    pipelines: Mutex<SortedMap<String, wgpu::ComputePipeline>>,
    layouts: Mutex<SortedMap<Form, Layout>>,
    /// The block of the call, at a dynamic offset.
    call: wgpu::BindGroupLayout,
    pub call_group: wgpu::BindGroup,
}

/// What kernels of one layout have in common.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Form {
    /// Whether each binding is written.
    pub writes: Vec<bool>,
    pub reads_call: bool,
}

impl Form {
    pub fn of(kernel: &Kernel) -> Form {
        Form { writes: kernel.bindings.iter().map(|binding| binding.writes).collect(), reads_call: kernel.reads_call }
    }
}

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
        let queue = Queue::new(&device, queue);
        let call = call_layout(&device);
        let call_group = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some("call"),
            layout: &call,
            entries: &[wgpu::BindGroupEntry { binding: 0, resource: queue.call_binding() }],
        });
        Ok(Gpu {
            device,
            limits,
            hardware: hardware(adapter),
            memory: AtomicU64::new(0),
            queue,
            readers: Readers::default(),
            faults,
            next_id: AtomicU64::new(0),
            pipelines: Mutex::default(),
            layouts: Mutex::default(),
            call,
            call_group,
        })
    }

    /// What one dispatch may use.
    pub fn caps(&self) -> Caps {
        Caps {
            bindings: (self.limits.max_storage_buffers_per_shader_stage as usize).min(MOST_BINDINGS),
            binding_words: usize::try_from(self.limits.max_storage_buffer_binding_size / 4).unwrap_or(usize::MAX),
            shared_words: self.limits.max_compute_workgroup_storage_size as usize / 4,
            lanes: self.limits.max_compute_invocations_per_workgroup as usize,
            hardware: self.hardware,
        }
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
            self.be_patient();
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

    /// The cause of an error, if it turns out to be another one: the loss of the device.
    pub fn cause_of(&self, error: Error) -> Error {
        self.be_patient();
        self.check().err().unwrap_or(error)
    }

    /// A lost device makes for other errors before it is reported, which is when all in flight has ended. (Mesa's software
    /// adapter compiles a kernel when it first runs, which is seconds of a slow machine.)
    fn be_patient(&self) {
        let patience = wgpu::PollType::Wait { submission_index: None, timeout: Some(Duration::from_secs(60)) };
        let _ = self.device.poll(patience);
    }

    /// A number that no other buffer of this device has, so that a bind group can tell whether it still fits.
    pub fn fresh_id(&self) -> u64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// The layout of kernels of this form.
    pub fn layout(&self, form: &Form) -> Layout {
        let mut layouts = lock(&self.layouts);
        layouts.or_insert_with(form.clone(), || Layout::new(&self.device, form, &self.call)).clone()
    }

    /// The pipeline of a kernel, compiled at its first use.
    pub fn pipeline(&self, kernel: &Kernel) -> wgpu::ComputePipeline {
        if let Some(pipeline) = lock(&self.pipelines).get(&kernel.source) {
            return pipeline.clone();
        }
        let module = self.device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: Some(&kernel.label),
            source: wgpu::ShaderSource::Wgsl(kernel.source.as_str().into()),
        });
        let pipeline = self.device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(&kernel.label),
            layout: Some(&self.layout(&Form::of(kernel)).pipeline),
            module: &module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions::default(),
            cache: None,
        });
        lock(&self.pipelines).insert(kernel.source.clone(), pipeline.clone());
        pipeline
    }
}

impl Layout {
    fn new(device: &wgpu::Device, form: &Form, call: &wgpu::BindGroupLayout) -> Layout {
        let entry = |(binding, &writes): (usize, &bool)| wgpu::BindGroupLayoutEntry {
            binding: binding as u32,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer {
                ty: wgpu::BufferBindingType::Storage { read_only: !writes },
                has_dynamic_offset: false,
                min_binding_size: None,
            },
            count: None,
        };
        let entries: Vec<_> = form.writes.iter().enumerate().map(entry).collect();
        let group =
            device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: None, entries: &entries });
        let groups = [Some(&group), Some(call)];
        let pipeline = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: if form.reads_call { &groups } else { &groups[..1] },
            immediate_size: 0,
        });
        Layout { group, pipeline }
    }
}

fn call_layout(device: &wgpu::Device) -> wgpu::BindGroupLayout {
    let entry = wgpu::BindGroupLayoutEntry {
        binding: 0,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer {
            ty: wgpu::BufferBindingType::Uniform,
            has_dynamic_offset: true,
            min_binding_size: None,
        },
        count: None,
    };
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some("call"), entries: &[entry] })
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
