//! A loaded program: its plan with kernels made for its shapes.
#![expect(
    unsafe_code,
    reason = "kernels reach values by pointers, as parts of one value are written by several threads"
)]

use std::sync::{Arc, Mutex, PoisonError};

use attar_kernels::{parallel, vector::Vector};

use super::{
    Kernels,
    binding::{Bound, Pointer, Run},
    fused::Kernel,
    memory::{Common, Contents, LINE, Shared, Storage},
    single::Node,
};
use crate::{
    engine::{Buffer, Executable, Scalars, check_run},
    error::Result,
    program::{Place, Plan, Step},
};

/// A program ready to run.
pub(super) struct Loaded {
    plan: Plan,
    kernels: Vec<Ready>,
    shared: Arc<Shared>,
    pointers: Mutex<Pointers>,
    /// Elements of each value.
    lens: Vec<usize>,
    /// f32s of scratch that each worker needs.
    each_worker: usize,
    most_registers: usize,
}

enum Ready {
    Fused(Kernel),
    Node(Box<Node>),
}

/// Tables that a run fills in, kept so that it need not allocate them.
struct Pointers {
    values: Vec<Bound>,
    numbers: Vec<Pointer>,
    /// [`Loaded::most_registers`] for each worker.
    registers: Vec<Pointer>,
}

// SAFETY: pointers are dereferenced only during a run, which sets them first.
unsafe impl Send for Pointers {}

impl Loaded {
    pub(super) fn new(plan: Plan, kernels: Kernels, shared: Arc<Shared>) -> Loaded {
        let vector = Vector::new(kernels.isa);
        let ready = |step: &Step| match step {
            Step::Fused(fused) => Ready::Fused(Kernel::new(fused, &plan.values, vector)),
            Step::Single(single) => Ready::Node(Box::new(Node::new(single, &plan, kernels))),
        };
        let kernels: Vec<Ready> = plan.steps.iter().map(ready).collect();
        let workers = parallel::workers();
        let fused =
            || kernels.iter().filter_map(|kernel| if let Ready::Fused(fused) = kernel { Some(fused) } else { None });
        let each_worker = fused().map(Kernel::scratch).max().unwrap_or(0);
        let most_registers = fused().map(Kernel::registers).max().unwrap_or(0);
        let nodes = kernels.iter().map(|kernel| if let Ready::Node(node) = kernel { node.scratch() } else { 0 });
        shared.reserve(plan.arena, nodes.max().unwrap_or(0).max(workers * each_worker).next_multiple_of(LINE));
        let pointers = Pointers {
            values: vec![Bound::Real(std::ptr::null_mut()); plan.values.len()],
            numbers: vec![std::ptr::null_mut(); plan.values.len()],
            registers: vec![std::ptr::null_mut(); workers * most_registers],
        };
        let lens = plan.values.iter().map(|value| value.len).collect();
        Loaded { plan, kernels, lens, shared, pointers: Mutex::new(pointers), each_worker, most_registers }
    }

    /// Finds every value's memory.
    fn bind(&self, pointers: &mut Pointers, buffers: &[&Buffer], common: &mut Common) -> Result<()> {
        let arena = common.arena.as_mut_slice().as_mut_ptr();
        for (index, value) in self.plan.values.iter().enumerate() {
            let bound = match &value.place {
                // SAFETY: the arena was made as long as the plan says when the program was loaded, or longer.
                Place::Arena(place) => Bound::Real(unsafe { arena.add(*place) }),
                // Constants are only read.
                Place::Constant(values) => Bound::Real(values.as_ptr().cast_mut()),
                Place::Slot(slot) => bound(buffers[*slot as usize], &self.shared)?,
            };
            pointers.values[index] = bound;
            pointers.numbers[index] = if let Bound::Real(start) = bound { start } else { std::ptr::null_mut() };
        }
        Ok(())
    }

    fn steps(&self, pointers: &mut Pointers, common: &mut Common, scalars: &Scalars) {
        let scratch = common.scratch.as_mut_slice();
        let run = Run { values: &pointers.numbers, lens: &self.lens, scalars };
        let (start, registers) = (Sent(scratch.as_mut_ptr()), Sent(pointers.registers.as_mut_ptr()));
        let workers = |worker: usize| {
            let (start, registers) = (start.get(), registers.get());
            // SAFETY: scratch and table were made for as many workers as there are.
            unsafe { (start.add(worker * self.each_worker), registers.add(worker * self.most_registers)) }
        };
        for kernel in &self.kernels {
            match kernel {
                Ready::Fused(kernel) => kernel.run(&run, &workers),
                Ready::Node(node) => {
                    // SAFETY: no kernel runs meanwhile, and the scratch is this step's alone.
                    let scratch = unsafe { std::slice::from_raw_parts_mut(start.get(), scratch.len()) };
                    node.run(&pointers.values, &self.lens, scratch);
                }
            }
        }
    }

    /// Copies to slots what could not be computed there.
    fn commit(&self, pointers: &Pointers, buffers: &[&Buffer]) -> Result<()> {
        for &(value, slot) in &self.plan.commits {
            if let (Bound::Real(from), Bound::Real(to)) =
                (pointers.values[value.index()], bound(buffers[slot as usize], &self.shared)?)
            {
                // SAFETY: both hold the value's elements; a commit never reads the slot that it writes.
                unsafe { from.copy_to(to, self.plan.values[value.index()].len) };
            }
        }
        Ok(())
    }
}

impl Executable for Loaded {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        check_run(&self.plan.program, buffers, scalars)?;
        let (mut common, mut pointers) =
            (self.shared.lock(), self.pointers.lock().unwrap_or_else(PoisonError::into_inner));
        let (common, pointers) = (&mut *common, &mut *pointers);
        self.bind(pointers, buffers, common)?;
        self.steps(pointers, common, scalars);
        self.commit(pointers, buffers)
    }

    // A page has nobody to read it, and the texts would weigh on its download.
    #[cfg(not(target_arch = "wasm32"))]
    fn explain(&self) -> Option<String> {
        let remark = |step: usize| match &self.kernels[step] {
            Ready::Node(node) => node.name(),
            Ready::Fused(_) => None,
        };
        Some(self.plan.describe(&remark))
    }
}

/// A pointer that several workers may hold, each for its own part.
#[derive(Clone, Copy)]
struct Sent<T>(*mut T);

// SAFETY: each worker dereferences a part of its own.
unsafe impl<T> Send for Sent<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Sent<T> {}

impl<T> Sent<T> {
    fn get(self) -> *mut T {
        self.0
    }
}

/// Where the elements of a buffer are.
fn bound(buffer: &Buffer, shared: &Arc<Shared>) -> Result<Bound> {
    // SAFETY: the caller holds the lock.
    Ok(match unsafe { &mut *Storage::of(buffer, shared)?.get() } {
        Contents::Real(values) => Bound::Real(values.as_mut_slice().as_mut_ptr()),
        Contents::Rows(rows) => Bound::Rows(rows.as_ptr()),
        Contents::Pixels(pixels) => Bound::Pixels(pixels.as_ptr()),
    })
}
