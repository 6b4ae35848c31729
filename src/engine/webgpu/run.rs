//! Runs: what is queued for one call of a program.

#[cfg(not(target_arch = "wasm32"))]
use super::compile::Compiled;
use super::{buffer::Storage, load::Loaded, queue::Commands, settle::Transfer, shader::CALL_WORDS};
use crate::{
    engine::{Buffer, Executable, Scalars, check_run},
    error::Result,
};

impl Executable for Loaded {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        self.gpu.check()?;
        check_run(&self.program, buffers, scalars)?;
        let slots: Vec<&Storage> =
            buffers.iter().map(|buffer| Storage::of(&self.gpu, buffer)).collect::<Result<_>>()?;
        let arena = self.arena.memory(&self.gpu)?;
        let groups = self.groups(&slots, &arena);
        let call = call(scalars);
        self.gpu.queue.with(&self.gpu.device, |commands| {
            self.transfer(commands, &self.saved, &slots, &arena);
            let mut call_at = None;
            for (range, flops) in &self.passes {
                let launches = &self.launches[range.clone()];
                if launches.iter().any(|launch| launch.reads_call) {
                    call_at.get_or_insert_with(|| commands.stage(bytemuck::cast_slice(&call)) as u32);
                }
                let mut pass = commands.encoder().begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for (launch, group) in launches.iter().zip(&groups[range.clone()]) {
                    pass.set_pipeline(&launch.pipeline);
                    pass.set_bind_group(0, group, &[]);
                    if let (true, Some(at)) = (launch.reads_call, call_at) {
                        pass.set_bind_group(1, &self.gpu.call_group, &[at]);
                    }
                    pass.dispatch_workgroups(launch.groups[0], launch.groups[1], 1);
                }
                drop(pass);
                if commands.worked(*flops, launches.len()) {
                    // The staging buffer begins anew.
                    call_at = None;
                }
            }
            self.transfer(commands, &self.commits, &slots, &arena);
        });
        self.gpu.check()
    }

    // A page has nobody to read it, and the texts would weigh on its download.
    #[cfg(not(target_arch = "wasm32"))]
    fn explain(&self) -> Option<String> {
        Some(Compiled::new(&self.program, self.gpu.caps()).explain())
    }
}

impl Loaded {
    fn transfer(&self, commands: &mut Commands<'_>, transfers: &[Transfer], slots: &[&Storage], arena: &Storage) {
        for transfer in transfers {
            let [from, to] =
                [transfer.from, transfer.to].map(|(place, start)| (self.buffer(place, slots, arena), 4 * start as u64));
            commands.copy(from, to, 4 * transfer.words as u64);
        }
    }
}

/// The block of a call.
fn call(scalars: &Scalars) -> Vec<u32> {
    let mut words = vec![scalars.seed as u32, (scalars.seed >> 32) as u32, scalars.unit, 0];
    words.extend(scalars.values.iter().map(|value| value.to_bits()));
    words.resize(CALL_WORDS.min(words.len().next_multiple_of(4)), 0);
    words
}
