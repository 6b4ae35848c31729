//! The executor: an engine with its loaded programs and a table of named buffers.

use std::sync::Arc;

use super::{Buffer, Data, Engine, Executable, Host, Scalars};
use crate::{
    error::{Error, Result},
    graph::Kind,
    program::Program,
    shape::Shape,
    sorted::SortedMap,
};

/// An engine with loaded programs and named buffers. A program's slots bind to the buffers of their names, unless a
/// call says otherwise.
pub struct Executor {
    engine: Arc<dyn Engine>,
    programs: SortedMap<String, Loaded>,
    buffers: SortedMap<String, Buffer>,
    seed: u64,
    unit: u32,
}

struct Loaded {
    program: Program,
    executable: Arc<dyn Executable>,
}

impl Executor {
    /// An executor without programs and buffers.
    pub fn new(engine: Arc<dyn Engine>) -> Executor {
        Executor { engine, programs: SortedMap::new(), buffers: SortedMap::new(), seed: 0, unit: 0 }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
    }

    /// Sets what random draws of the following runs depend on.
    pub fn set_draws(&mut self, seed: u64, unit: u32) {
        (self.seed, self.unit) = (seed, unit);
    }

    /// Loads a program under its name, unless one of that name is loaded, and makes the buffers of its slots that are
    /// not there yet, full of zeros.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] from the engine; [`Error::Shape`] if a buffer of a slot's name is
    /// there already with another kind or shape.
    pub fn load(&mut self, program: Program) -> Result<()> {
        if self.programs.contains_key(program.name()) {
            return Ok(());
        }
        for slot in program.slots() {
            self.ensure(&slot.name, slot.kind, slot.shape)?;
        }
        let executable = self.engine.load(&program)?;
        self.programs.insert(program.name().into(), Loaded { program, executable });
        Ok(())
    }

    /// The loaded program of this name.
    pub fn program(&self, name: &str) -> Option<&Program> {
        self.programs.get(name).map(|loaded| &loaded.program)
    }

    /// Whether a program of this name is loaded.
    pub fn is_loaded(&self, name: &str) -> bool {
        self.programs.contains_key(name)
    }

    /// Makes a buffer of zeros of this name, unless one of the same kind and shape is there.
    ///
    /// # Errors
    /// [`Error::Shape`] if one of another kind or shape is there; errors of the engine.
    pub fn ensure(&mut self, name: &str, kind: Kind, shape: impl Into<Shape>) -> Result<()> {
        let shape = shape.into();
        match self.buffers.get(name) {
            Some(buffer) if (buffer.kind(), buffer.shape()) == (kind, shape) => Ok(()),
            Some(buffer) => Err(Error::Shape {
                message: format!("buffer `{name}` is {buffer:?}, but {kind:?} {shape} was asked for"),
                at: "Executor::ensure".into(),
            }),
            None => {
                self.buffers.insert(name.into(), self.engine.buffer(kind, shape)?);
                Ok(())
            }
        }
    }

    /// The buffer of this name.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is none.
    pub fn buffer(&self, name: &str) -> Result<&Buffer> {
        self.buffers.get(name).ok_or_else(|| Error::Shape {
            message: format!("there is no buffer `{name}`"),
            at: "Executor::buffer".into(),
        })
    }

    /// Forgets the programs and buffers whose names begin with `prefix`.
    pub fn release(&mut self, prefix: &str) {
        self.programs.retain(|name, _| !name.starts_with(prefix));
        self.buffers.retain(|name, _| !name.starts_with(prefix));
    }

    /// Writes f32 values, row-major.
    pub fn set_f32(&self, name: &str, values: &[f32]) -> Result<()> {
        self.set(name, Data::F32(values))
    }

    /// Writes row indices.
    pub fn set_rows(&self, name: &str, rows: &[u32]) -> Result<()> {
        self.set(name, Data::Rows(rows))
    }

    /// Writes values of any kind, row-major.
    pub fn set(&self, name: &str, data: Data<'_>) -> Result<()> {
        self.engine.write(self.buffer(name)?, data)
    }

    /// Reads f32 values, row-major, after all that is queued.
    pub async fn get_f32(&self, name: &str) -> Result<Vec<f32>> {
        Ok(self.get(name).await?.into_f32())
    }

    /// Reads values of any kind, row-major, after all that is queued.
    pub async fn get(&self, name: &str) -> Result<Host> {
        self.engine.read(self.buffer(name)?).await
    }

    /// Copies one named buffer over another on the device.
    pub fn copy(&self, from: &str, to: &str) -> Result<()> {
        self.engine.copy(self.buffer(from)?, self.buffer(to)?)
    }

    /// Queues a run of program `name`, its slots bound to the buffers of their names.
    ///
    /// # Errors
    /// [`Error::Shape`] if the program is not loaded or one of its scalars is not given; errors of the engine.
    pub fn run(&self, name: &str, scalars: &[(&str, f32)]) -> Result<()> {
        self.run_bound(name, &[], scalars)
    }

    /// Queues a run in which the slots named first in `bindings` are bound to the buffers named second.
    pub fn run_bound(&self, name: &str, bindings: &[(&str, &str)], scalars: &[(&str, f32)]) -> Result<()> {
        let fault = |message: String| Error::Shape { message, at: "Executor::run".into() };
        let loaded = self.programs.get(name).ok_or_else(|| fault(format!("program `{name}` is not loaded")))?;
        let bound = |slot: &str| bindings.iter().find(|(from, _)| *from == slot).map_or(slot, |(_, to)| *to).to_owned();
        let buffers: Vec<&Buffer> =
            loaded.program.slots().iter().map(|slot| self.buffer(&bound(&slot.name))).collect::<Result<_>>()?;
        let value = |wanted: &String| {
            let found = scalars.iter().find(|(given, _)| given == wanted);
            found.map(|(_, value)| *value).ok_or_else(|| fault(format!("program `{name}` needs the scalar `{wanted}`")))
        };
        let values = loaded.program.scalars().iter().map(value).collect::<Result<_>>()?;
        loaded.executable.run(&buffers, &Scalars { values, seed: self.seed, unit: self.unit })
    }
}
