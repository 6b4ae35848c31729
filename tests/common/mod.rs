//! Shared by the integration tests: the engines compiled in, random programs, fixtures. `tests/wasm` runs the same checks
//! in WebAssembly.
#![allow(dead_code, unused_imports, reason = "each test binary uses its own part")]

pub mod agreement;
#[cfg(not(target_arch = "wasm32"))]
mod engines;
pub mod fixtures;
pub mod generator;
pub mod parity;

use attar::{
    engine::{Buffer, Data, Engine, Host, Scalars, reference::Reference},
    graph::Kind,
    program::Program,
};

#[cfg(not(target_arch = "wasm32"))]
pub use engines::{all_engines, engines};

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
