//! A plan made real on the device: memory, pipelines, bind groups.

use std::sync::{Arc, Mutex};

use super::{
    buffer::Storage,
    device::Gpu,
    kernel::SCALARS_AT,
    plan::{Dispatch, Place, Plan, Transfer},
};
use crate::{
    error::{Error, Result},
    program::Program,
};

/// A program loaded into the engine.
pub(super) struct Loaded {
    pub gpu: Arc<Gpu>,
    pub program: Program,
    pub launches: Vec<Launch>,
    pub transfers: Vec<Transfer>,
    memory: Memory,
    /// Bind groups of launches that touch slots, by their numbers in [`Binding::Slots`]; locked while a run is queued, so that
    /// its scalars and its dispatches stay together.
    pub bound: Mutex<Vec<Option<Bound>>>,
}

/// The memory that belongs to a program.
struct Memory {
    constants: Vec<Storage>,
    pool: Vec<Storage>,
    scalars: Storage,
}

/// A dispatch ready to go.
pub(super) struct Launch {
    pub pipeline: wgpu::ComputePipeline,
    pub groups: [u32; 2],
    pub binding: Binding,
}

/// What a launch binds.
pub(super) enum Binding {
    /// Only memory of the program itself.
    Fixed(wgpu::BindGroup),
    /// Slots too, so the group is made at a run, and kept while the same buffers are bound.
    Slots {
        /// Which of [`Loaded::bound`].
        index: usize,
        places: Vec<Place>,
    },
}

/// A bind group with the numbers of the buffers that were bound to slots.
pub(super) struct Bound {
    pub slots: Vec<u64>,
    pub group: wgpu::BindGroup,
}

impl Loaded {
    /// Makes all that runs of the program need.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] if a value of the program does not fit the device.
    pub fn new(gpu: &Arc<Gpu>, program: &Program) -> Result<Loaded> {
        let plan = Plan::new(program);
        check_dispatches(gpu, &plan)?;
        let memory = Memory::new(gpu, program, &plan)?;
        let mut loaded = Loaded {
            gpu: Arc::clone(gpu),
            program: program.clone(),
            launches: Vec::new(),
            transfers: plan.transfers,
            memory,
            bound: Mutex::default(),
        };
        let mut touching_slots = 0;
        for dispatch in &plan.dispatches {
            let launch = loaded.launch(dispatch, &mut touching_slots);
            loaded.launches.push(launch);
        }
        loaded.bound = Mutex::new((0..touching_slots).map(|_| None).collect());
        gpu.check()?;
        Ok(loaded)
    }

    fn launch(&self, dispatch: &Dispatch, touching_slots: &mut usize) -> Launch {
        let pipeline = self.gpu.pipeline(&dispatch.label, &dispatch.kernel.source, dispatch.reads.len());
        let mut places = dispatch.reads.clone();
        places.push(dispatch.writes);
        let binding = if places.iter().any(|place| matches!(place, Place::Slot(_))) {
            *touching_slots += 1;
            Binding::Slots { index: *touching_slots - 1, places }
        } else {
            Binding::Fixed(self.bind_group(&places, &[]))
        };
        Launch { pipeline, groups: dispatch.kernel.groups, binding }
    }

    /// A bind group of these places: what is read, then what is written.
    pub fn bind_group(&self, places: &[Place], slots: &[&Storage]) -> wgpu::BindGroup {
        let entry = |(binding, &place)| wgpu::BindGroupEntry {
            binding: binding as u32,
            resource: self.storage(place, slots).buffer.as_entire_binding(),
        };
        let entries: Vec<_> = places.iter().enumerate().map(entry).collect();
        self.gpu.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &self.gpu.layout(places.len() - 1).group,
            entries: &entries,
        })
    }

    /// The memory at a place, given the buffers bound to the slots.
    pub fn storage<'s>(&'s self, place: Place, slots: &[&'s Storage]) -> &'s Storage {
        match place {
            Place::Slot(slot) => slots[slot],
            Place::Constant(index) => &self.memory.constants[index],
            Place::Pool(index) => &self.memory.pool[index],
            Place::Scalars => &self.memory.scalars,
        }
    }
}

impl Memory {
    fn new(gpu: &Arc<Gpu>, program: &Program, plan: &Plan) -> Result<Memory> {
        let mut constants = Vec::new();
        for values in program.constants() {
            let storage = Storage::new(gpu, "a constant", values.len())?;
            storage.write(bytemuck::cast_slice(values));
            constants.push(storage);
        }
        let name = format!("a value of program `{}`", program.name());
        let pool = plan.pool.iter().map(|&words| Storage::new(gpu, &name, words)).collect::<Result<_>>()?;
        let scalars = Storage::new(gpu, "scalars", SCALARS_AT + program.scalars().len())?;
        Ok(Memory { constants, pool, scalars })
    }
}

/// Refuses what is more than the device can dispatch or bind, before anything is allocated.
fn check_dispatches(gpu: &Gpu, plan: &Plan) -> Result<()> {
    let most = gpu.limits.max_storage_buffers_per_shader_stage as usize;
    for dispatch in &plan.dispatches {
        let bindings = dispatch.reads.len() + 1;
        if bindings > most {
            let what = format!("the number of buffers that {} binds", dispatch.label);
            return Err(Error::Limit { what, needs: bindings as u64, has: most as u64 });
        }
    }
    Ok(())
}
