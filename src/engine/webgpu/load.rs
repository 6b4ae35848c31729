//! A program made real on the device: memory, pipelines, bind groups.

use std::{
    ops::Range,
    sync::{Arc, Mutex},
};

use super::{
    arena::Arena,
    buffer::Storage,
    compile::Compiled,
    device::{Form, Gpu, Layout},
    lock::lock,
    memory::{Binding, Place},
    settle::Transfer,
    shader::{Kernel, MAX_SCALARS},
};
use crate::{
    error::{Error, Result},
    program::Program,
    sorted::SortedMap,
};

/// Floating-point operations of one compute pass, after which the queue may be submitted.
const PASS_FLOPS: u64 = 2 << 30;

/// Bind groups kept for a program, by the buffers that were bound: a pool's networks take turns.
const KEPT_GROUPS: usize = 16;

/// A program loaded into the engine.
pub(super) struct Loaded {
    pub gpu: Arc<Gpu>,
    pub arena: Arc<Arena>,
    pub program: Program,
    pub launches: Vec<Launch>,
    /// Launches that are encoded together, and their operations.
    pub passes: Vec<(Range<usize>, u64)>,
    pub saved: Vec<Transfer>,
    pub commits: Vec<Transfer>,
    constants: Storage,
    arena_words: usize,
    groups: Mutex<SortedMap<Vec<u64>, Arc<Vec<wgpu::BindGroup>>>>,
}

/// A dispatch ready to go.
pub(super) struct Launch {
    pub pipeline: wgpu::ComputePipeline,
    pub groups: [u32; 2],
    pub reads_call: bool,
    bindings: Vec<Binding>,
    layout: Layout,
}

impl Loaded {
    /// Makes all that runs of the program need.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] if a value of the program does not fit the device.
    pub fn new(gpu: &Arc<Gpu>, arena: &Arc<Arena>, program: &Program) -> Result<Loaded> {
        let compiled = Compiled::new(program, gpu.caps());
        check(gpu, program, &compiled)?;
        let constants = Storage::in_parts(gpu, "the constants of a program", compiled.constants.len())?;
        constants.write(bytemuck::cast_slice(&compiled.constants));
        arena.reserve(gpu, compiled.arena)?;
        let launches: Vec<Launch> = compiled.kernels().map(|kernel| Launch::new(gpu, kernel)).collect();
        let loaded = Loaded {
            gpu: Arc::clone(gpu),
            arena: Arc::clone(arena),
            launches,
            passes: passes(compiled.kernels()),
            constants,
            arena_words: compiled.arena,
            groups: Mutex::default(),
            saved: compiled.saved,
            commits: compiled.commits,
            program: program.clone(),
        };
        gpu.check()?;
        Ok(loaded)
    }

    /// The buffer at a place.
    pub fn buffer<'s>(&'s self, place: Place, slots: &[&'s Storage], arena: &'s Storage) -> &'s wgpu::Buffer {
        match place {
            Place::Slot(slot) => &slots[slot].buffer,
            Place::Arena => &arena.buffer,
            Place::Constants => &self.constants.buffer,
        }
    }

    /// The bind groups of all launches for these buffers: made once, and kept.
    pub fn groups(&self, slots: &[&Storage], arena: &Storage) -> Arc<Vec<wgpu::BindGroup>> {
        let ids: Vec<u64> = slots.iter().map(|slot| slot.id).chain([arena.id]).collect();
        let mut known = lock(&self.groups);
        if let Some(groups) = known.get(&ids) {
            return groups.clone();
        }
        let group = |launch: &Launch| {
            let entry = |(binding, span): (usize, &Binding)| wgpu::BindGroupEntry {
                binding: binding as u32,
                resource: wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                    buffer: self.buffer(span.place, slots, arena),
                    offset: 4 * span.start as u64,
                    size: std::num::NonZeroU64::new(4 * span.len as u64),
                }),
            };
            let entries: Vec<_> = launch.bindings.iter().enumerate().map(entry).collect();
            self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
                label: None,
                layout: &launch.layout.group,
                entries: &entries,
            })
        };
        let groups = Arc::new(self.launches.iter().map(group).collect::<Vec<_>>());
        if known.len() >= KEPT_GROUPS {
            known.clear();
        }
        known.insert(ids, groups.clone());
        groups
    }
}

impl Drop for Loaded {
    fn drop(&mut self) {
        self.arena.release(self.arena_words);
    }
}

impl Launch {
    fn new(gpu: &Gpu, kernel: &Kernel) -> Launch {
        Launch {
            pipeline: gpu.pipeline(kernel),
            groups: kernel.groups,
            reads_call: kernel.reads_call,
            bindings: kernel.bindings.clone(),
            layout: gpu.layout(&Form::of(kernel)),
        }
    }
}

/// Neighbouring launches whose work is a bounded whole.
fn passes<'k>(kernels: impl Iterator<Item = &'k Kernel>) -> Vec<(Range<usize>, u64)> {
    let mut passes: Vec<(Range<usize>, u64)> = Vec::new();
    for (index, kernel) in kernels.enumerate() {
        match passes.last_mut() {
            Some((range, flops)) if *flops + kernel.flops <= PASS_FLOPS => {
                range.end = index + 1;
                *flops += kernel.flops;
            }
            _ => passes.push((index..index + 1, kernel.flops)),
        }
    }
    passes
}

/// Refuses what the device cannot hold or bind, before anything is allocated.
fn check(gpu: &Gpu, program: &Program, compiled: &Compiled) -> Result<()> {
    let name = program.name();
    if program.scalars().len() > MAX_SCALARS {
        let what = format!("the block of scalars of program `{name}`");
        return Err(Error::Limit { what, needs: program.scalars().len() as u64, has: MAX_SCALARS as u64 });
    }
    let most = gpu.limits.max_storage_buffer_binding_size;
    for kernel in compiled.kernels() {
        let largest = kernel.bindings.iter().map(|binding| 4 * binding.len as u64).max().unwrap_or(0);
        if largest > most {
            let what = format!("a value that {} of program `{name}` binds", kernel.label);
            return Err(Error::Limit { what, needs: largest, has: most });
        }
        let (bindings, has) = (kernel.bindings.len(), gpu.limits.max_storage_buffers_per_shader_stage);
        if bindings > has as usize {
            let what = format!("the number of buffers that {} of program `{name}` binds", kernel.label);
            return Err(Error::Limit { what, needs: bindings as u64, has: u64::from(has) });
        }
    }
    Ok(())
}
