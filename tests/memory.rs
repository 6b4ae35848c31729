//! What the CPU engine asks of memory: nothing in mid-run, and no more than its plan says.
#![cfg(feature = "cpu")]
#![expect(unsafe_code, reason = "an allocator that counts is an unsafe trait")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    sync::atomic::{AtomicUsize, Ordering},
};

use attar::{
    engine::{Buffer, Engine, Scalars, cpu::Cpu},
    graph::Graph,
    nn::{
        Architecture, ImageSize, Network,
        augment::{Slots, Strategy},
        loss,
        optim::Optimiser,
    },
    program::{Program, Target, lower},
};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: by the caller's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: by the caller's contract.
        unsafe { System.dealloc(start, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, as what it counts is the whole process's: another one beside it, or its end, would be counted too.
#[test]
fn memory() {
    a_run_allocates_nothing();
    a_program_takes_the_memory_of_its_plan();
}

/// A training step with augmentation: every kind of kernel that a run meets, in-place updates too.
fn step(width: usize, batch: usize) -> Program {
    let image = ImageSize { channels: 3, height: 32, width: 32 };
    let network = Network::new(Architecture::convnet(3, width), image, 10).expect("a network");
    let strategy: Strategy = "color_crop_cutout".parse().expect("a known strategy");
    let g = Graph::new();
    let images = g.pixels("images", image.batch(4 * batch)).take(g.rows("rows", batch));
    let x = strategy.apply(images, &Slots::declare(&g, "augment", &strategy, batch));
    let theta = network.parameters(&g, "theta");
    let forward = network.forward(theta, x + g.random_normal(1, x.shape()) * 0.01);
    let loss = loss::cross_entropy(forward.logits, g.input("targets", [batch, 10]));
    let gradient = g.grad(loss, &[theta])[0];
    Optimiser::AdamW { weight_decay: 0.01 }.update(&g, "theta", theta, gradient);
    g.output("loss", loss);
    Program::new("step", g).expect("a valid graph")
}

fn buffers(engine: &Cpu, program: &Program) -> Vec<Buffer> {
    let slots = program.slots().iter();
    slots.map(|slot| engine.buffer(slot.kind, slot.shape).expect("room for a buffer")).collect()
}

fn a_run_allocates_nothing() {
    let (engine, program) = (Cpu::new(), step(16, 8));
    let buffers = buffers(&engine, &program);
    let bound: Vec<&Buffer> = buffers.iter().collect();
    let scalars = Scalars { values: vec![0.1; program.scalars().len()], seed: 1, unit: 0 };
    let executable = engine.load(&program).expect("it fits");
    executable.run(&bound, &scalars).expect("it runs");
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..3 {
        executable.run(&bound, &scalars).expect("it runs");
    }
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 0);
}

/// Bytes of this process in memory, where the system tells.
fn resident() -> Option<usize> {
    let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(4096 * pages.split(' ').nth(1)?.parse::<usize>().ok()?)
}

fn a_program_takes_the_memory_of_its_plan() {
    let Some(before) = resident() else { return };
    let (engine, program) = (Cpu::new(), step(64, 64));
    let plan = 4 * lower(&program, &Target { longest_row: 16 << 10, alignment: 16 }).arena;
    let buffers = buffers(&engine, &program);
    let scalars = Scalars { values: vec![0.1; program.scalars().len()], seed: 1, unit: 0 };
    engine.load(&program).and_then(|step| step.run(&buffers.iter().collect::<Vec<_>>(), &scalars)).expect("it runs");
    let grown = resident().map_or(0, |after| after.saturating_sub(before));
    assert!(plan > 30 << 20 && grown * 10 <= plan * 13 + 10 * (64 << 20), "{grown} bytes for a plan of {plan}");
}
