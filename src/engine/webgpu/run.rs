//! Runs: what is queued for one call of a program.

use super::{
    buffer::Storage,
    device::lock,
    load::{Binding, Bound, Loaded},
    plan::Place,
    storage_of,
};
use crate::{
    engine::{Buffer, Executable, Scalars, check_run},
    error::Result,
};

/// Dispatches in one submission. A very long one would keep a browser's page and the watchdog waiting.
const DISPATCHES_A_SUBMIT: usize = 1024;

impl Executable for Loaded {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        self.gpu.check()?;
        check_run(&self.program, buffers, scalars)?;
        let slots: Vec<&Storage> = buffers.iter().map(|buffer| storage_of(&self.gpu, buffer)).collect::<Result<_>>()?;
        // Held to the last submission: a second run of this program must not write its scalars in between.
        let mut bound = lock(&self.bound);
        self.write_scalars(scalars);
        self.rebind(&mut bound, &slots);
        let mut encoder = self.encoder();
        for (part, launches) in self.launches.chunks(DISPATCHES_A_SUBMIT).enumerate() {
            if part > 0 {
                let full = std::mem::replace(&mut encoder, self.encoder());
                self.gpu.queue.submit([full.finish()]);
            }
            let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
            for launch in launches {
                let group = match &launch.binding {
                    Binding::Fixed(group) => Some(group),
                    Binding::Slots { index, .. } => bound[*index].as_ref().map(|bound| &bound.group),
                };
                pass.set_pipeline(&launch.pipeline);
                pass.set_bind_group(0, group, &[]);
                pass.dispatch_workgroups(launch.groups[0], launch.groups[1], 1);
            }
        }
        for transfer in &self.transfers {
            let (from, to) = (self.storage(transfer.from, &slots), self.storage(transfer.to, &slots));
            encoder.copy_buffer_to_buffer(&from.buffer, 0, &to.buffer, 0, 4 * transfer.words as u64);
        }
        self.gpu.queue.submit([encoder.finish()]);
        self.gpu.check()
    }
}

impl Loaded {
    fn encoder(&self) -> wgpu::CommandEncoder {
        self.gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some(self.program.name()) })
    }

    /// The queue copies these words before the submission that follows, so runs in flight keep their own.
    fn write_scalars(&self, scalars: &Scalars) {
        let mut words = vec![scalars.seed as u32, (scalars.seed >> 32) as u32, scalars.unit];
        words.extend(scalars.values.iter().map(|value| value.to_bits()));
        self.storage(Place::Scalars, &[]).write(bytemuck::cast_slice(&words));
    }

    /// Makes the bind groups whose slots are bound to other buffers than last time.
    fn rebind(&self, bound: &mut [Option<Bound>], slots: &[&Storage]) {
        for launch in &self.launches {
            let Binding::Slots { index, places } = &launch.binding else { continue };
            let ids: Vec<u64> = places
                .iter()
                .filter_map(|place| if let Place::Slot(slot) = place { Some(slots[*slot].id) } else { None })
                .collect();
            let kept = bound[*index].as_ref().is_some_and(|bound| bound.slots == ids);
            if !kept {
                bound[*index] = Some(Bound { slots: ids, group: self.bind_group(places, slots) });
            }
        }
    }
}
