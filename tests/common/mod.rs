//! Shared by the integration tests: the engines compiled in, and random programs.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod fixtures;
pub mod generator;

use std::sync::Arc;

use attar::engine::{Buffer, Engine, Host, Scalars, open, reference::Reference};
use attar::{engine::Data, graph::Kind, program::Program};

/// Every engine compiled in and there, besides the references.
pub fn engines() -> Vec<Arc<dyn Engine>> {
    let names = pollster::block_on(attar::engine::available());
    let asked = std::env::var("ATTAR_TEST_WEBGPU").unwrap_or_default();
    let skipped = asked == "skip";
    let there = !cfg!(feature = "webgpu") || names.iter().any(|name| name == "webgpu");
    assert!(asked != "required" || there, "no WebGPU adapter, though one is required");
    let chosen = names.iter().filter(|name| !(name.starts_with("reference") || skipped && *name == "webgpu"));
    #[cfg_attr(not(any(feature = "candle", feature = "cpu")), expect(unused_mut, reason = "they add some"))]
    let mut engines: Vec<_> =
        chosen.map(|name| pollster::block_on(open(name)).expect("an available engine opens")).collect();
    // What a GPU would run, on the CPU.
    #[cfg(feature = "candle")]
    engines.push(Arc::new(attar::engine::candle::CandleEngine::portable()) as Arc<dyn Engine>);
    #[cfg(feature = "cpu")]
    engines.extend(cpu_kernels());
    engines
}

/// The CPU engine with every set of instructions, and with every way of computing contractions.
#[cfg(feature = "cpu")]
fn cpu_kernels() -> impl Iterator<Item = Arc<dyn Engine>> {
    use attar::engine::cpu::{Cpu, Isa, Variant};
    let instructions = Isa::available().into_iter().map(|isa| (isa, None));
    let ways = [Variant::Direct, Variant::Scatter, Variant::Winograd].map(|variant| (Isa::best(), Some(variant)));
    instructions.chain(ways).map(|(isa, variant)| Arc::new(Cpu::forced(isa, variant)) as Arc<dyn Engine>)
}

/// The reference in double and in single precision, then every other engine compiled in and there.
pub fn all_engines() -> Vec<Arc<dyn Engine>> {
    let references: [Arc<dyn Engine>; 2] = [Arc::new(Reference::f64()), Arc::new(Reference::f32())];
    references.into_iter().chain(engines()).collect()
}

/// What a test feeds to a slot.
#[derive(Debug, Clone)]
pub enum Value {
    Real(Vec<f32>),
    Rows(Vec<u32>),
    Pixels(Vec<u8>),
}

impl Value {
    fn as_data(&self) -> Data<'_> {
        match self {
            Value::Real(values) => Data::F32(values),
            Value::Rows(values) => Data::Rows(values),
            Value::Pixels(values) => Data::Pixels(values),
        }
    }
}

/// Runs a program once with these slot contents (zeros where none is given) and returns every written slot's contents.
pub fn run(
    engine: &dyn Engine,
    program: &Program,
    values: &[(String, Value)],
    scalars: &Scalars,
) -> attar::Result<Vec<Vec<f32>>> {
    let buffers = bind(engine, program, values)?;
    engine.load(program)?.run(&buffers.iter().collect::<Vec<_>>(), scalars)?;
    let written = program.slots().iter().zip(&buffers).filter(|(slot, _)| slot.role.written().is_some());
    written.map(|(_, buffer)| pollster::block_on(engine.read(buffer)).map(Host::into_f32)).collect()
}

/// The same in double precision.
pub fn run_f64(program: &Program, values: &[(String, Value)], scalars: &Scalars) -> attar::Result<Vec<Vec<f64>>> {
    let engine = Reference::f64();
    let buffers = bind(&engine, program, values)?;
    engine.load(program)?.run(&buffers.iter().collect::<Vec<_>>(), scalars)?;
    let written = program.slots().iter().zip(&buffers).filter(|(slot, _)| slot.role.written().is_some());
    written.map(|(_, buffer)| engine.read_f64(buffer)).collect()
}

fn bind(engine: &dyn Engine, program: &Program, values: &[(String, Value)]) -> attar::Result<Vec<Buffer>> {
    let mut buffers = Vec::new();
    for slot in program.slots() {
        let buffer = engine.buffer(slot.kind, slot.shape)?;
        match values.iter().find(|(name, _)| *name == slot.name) {
            Some((_, value)) => engine.write(&buffer, value.as_data())?,
            None => assert!(slot.kind == Kind::F32, "rows and pixels are given by the test"),
        }
        buffers.push(buffer);
    }
    Ok(buffers)
}

/// Largest absolute difference; infinite where either is not finite.
pub fn distance(a: &[f32], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference = |(a, b): (&f32, &f64)| if a.is_finite() { (f64::from(*a) - b).abs() } else { f64::INFINITY };
    a.iter().zip(b).map(difference).fold(0.0, f64::max)
}

/// Largest absolute value.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, v| max.max(v.abs()))
}
