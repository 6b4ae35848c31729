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
    buffers: Table,
}

/// What the random numbers of a run are a function of, beside their streams (see [`crate::rng`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draw {
    /// Key of the draws: the run's own.
    pub seed: u64,
    /// Counter of the draws: the unit of work that a call belongs to.
    pub unit: u32,
}

/// A program with all that a call need not look up again.
struct Loaded {
    program: Program,
    executable: Arc<dyn Executable>,
    /// The places of the buffers of its slots' own names, in the order of the slots.
    own: Vec<usize>,
    draws: bool,
}

/// Buffers by place. A name keeps its place when its buffer is released, so that places known to programs stay true.
#[derive(Default)]
struct Table {
    places: SortedMap<String, usize>,
    buffers: Vec<Option<Buffer>>,
}

impl Table {
    /// The place of a name, made when first asked for.
    fn place(&mut self, name: &str) -> usize {
        if let Some(place) = self.places.get(name) {
            return *place;
        }
        self.buffers.push(None);
        self.places.insert(name.into(), self.buffers.len() - 1);
        self.buffers.len() - 1
    }

    fn at(&self, place: usize) -> Option<&Buffer> {
        self.buffers[place].as_ref()
    }

    fn get(&self, name: &str) -> Option<&Buffer> {
        self.places.get(name).and_then(|&place| self.at(place))
    }

    /// Puts a buffer in the place of its name.
    fn put(&mut self, name: &str, buffer: Buffer) {
        let place = self.place(name);
        self.buffers[place] = Some(buffer);
    }

    /// Lets the buffers go whose names begin with `prefix`.
    fn release(&mut self, prefix: &str) {
        for (_, &place) in self.places.iter().filter(|(name, _)| name.starts_with(prefix)) {
            self.buffers[place] = None;
        }
    }
}

impl Executor {
    /// An executor without programs and buffers.
    pub fn new(engine: Arc<dyn Engine>) -> Executor {
        Executor { engine, programs: SortedMap::new(), buffers: Table::default() }
    }

    /// The engine.
    pub fn engine(&self) -> &Arc<dyn Engine> {
        &self.engine
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
        let own = program.slots().iter().map(|slot| self.buffers.place(&slot.name)).collect();
        let draws = program.draws();
        self.programs.insert(program.name().into(), Loaded { program, executable, own, draws });
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
                self.buffers.put(name, self.engine.buffer(kind, shape)?);
                Ok(())
            }
        }
    }

    /// The buffer of this name.
    ///
    /// # Errors
    /// [`Error::Shape`] if there is none.
    pub fn buffer(&self, name: &str) -> Result<&Buffer> {
        self.buffers.get(name).ok_or_else(|| no_buffer(name))
    }

    /// Forgets the programs and buffers whose names begin with `prefix`.
    pub fn release(&mut self, prefix: &str) {
        self.programs.retain(|name, _| !name.starts_with(prefix));
        self.buffers.release(prefix);
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

    /// Reads these buffers of f32 values, each with its name, for a checkpoint.
    pub(crate) async fn save_f32(&self, names: Vec<String>) -> Result<Vec<(String, Vec<f32>)>> {
        let mut buffers = Vec::new();
        for name in names {
            let values = self.get_f32(&name).await?;
            buffers.push((name, values));
        }
        Ok(buffers)
    }

    /// Writes what [`Executor::save_f32`] read.
    pub(crate) fn restore_f32<'a>(&self, buffers: impl IntoIterator<Item = &'a (String, Vec<f32>)>) -> Result<()> {
        buffers.into_iter().try_for_each(|(name, values)| self.set_f32(name, values))
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
    /// Those of [`Executor::run_bound`].
    pub fn run(&self, name: &str, scalars: &[(&str, f32)]) -> Result<()> {
        self.run_bound(name, &[], scalars)
    }

    /// Queues a run in which the slots named first in `bindings` are bound to the buffers named second.
    ///
    /// # Errors
    /// [`Error::Shape`] if the program is not loaded or draws random numbers, it has no slot or there is no buffer of a
    /// name in `bindings`, or one of its scalars is not given; errors of the engine.
    pub fn run_bound(&self, name: &str, bindings: &[(&str, &str)], scalars: &[(&str, f32)]) -> Result<()> {
        let loaded = self.loaded(name)?;
        if loaded.draws {
            return Err(fault(format!(
                "program `{name}` draws random numbers: run it with `Executor::run_drawing`, which takes a seed"
            )));
        }
        self.start(loaded, bindings, scalars, Draw { seed: 0, unit: 0 })
    }

    /// Queues a run as [`Executor::run_bound`] does, with random numbers of this seed and unit.
    ///
    /// # Errors
    /// Those of [`Executor::run_bound`], though the program may draw.
    pub fn run_drawing(
        &self,
        name: &str,
        bindings: &[(&str, &str)],
        scalars: &[(&str, f32)],
        draw: Draw,
    ) -> Result<()> {
        self.start(self.loaded(name)?, bindings, scalars, draw)
    }

    fn loaded(&self, name: &str) -> Result<&Loaded> {
        self.programs.get(name).ok_or_else(|| fault(format!("program `{name}` is not loaded")))
    }

    fn start(
        &self,
        loaded: &Loaded,
        bindings: &[(&str, &str)],
        scalars: &[(&str, f32)],
        Draw { seed, unit }: Draw,
    ) -> Result<()> {
        let program = &loaded.program;
        // For profilers, off unless one asks. On a GPU it is the queueing.
        let _span = tracing::trace_span!("program", name = %program.name()).entered();
        let mut bound: Vec<Option<&Buffer>> = loaded.own.iter().map(|&place| self.buffers.at(place)).collect();
        for (slot, buffer) in bindings {
            let index = program.slots().iter().position(|known| known.name == *slot);
            let index = index.ok_or_else(|| fault(format!("program `{}` has no slot `{slot}`", program.name())))?;
            bound[index] = Some(self.buffer(buffer)?);
        }
        let there = bound.into_iter().zip(program.slots());
        let buffers: Vec<&Buffer> =
            there.map(|(buffer, slot)| buffer.ok_or_else(|| no_buffer(&slot.name))).collect::<Result<_>>()?;
        let value = |wanted: &String| {
            let found = scalars.iter().find(|(given, _)| given == wanted).map(|(_, value)| *value);
            found.ok_or_else(|| fault(format!("program `{}` needs the scalar `{wanted}`", program.name())))
        };
        let values = program.scalars().iter().map(value).collect::<Result<_>>()?;
        loaded.executable.run(&buffers, &Scalars { values, seed, unit })
    }
}

fn fault(message: String) -> Error {
    Error::Shape { message, at: "Executor::run".into() }
}

fn no_buffer(name: &str) -> Error {
    Error::Shape { message: format!("there is no buffer `{name}`"), at: "Executor::buffer".into() }
}

#[cfg(test)]
mod tests {
    use pollster::block_on;

    use super::*;
    use crate::{engine::reference::Reference, graph::Graph};

    /// An executor with the program `next`: `x` becomes `x + y`.
    fn executor() -> Executor {
        let g = Graph::new();
        let x = g.input("x", [1]);
        g.update(x, x + g.input("y", [1]));
        load(g)
    }

    fn load(g: Graph) -> Executor {
        let mut exec = Executor::new(Arc::new(Reference::f32()));
        exec.load(Program::new("next", g).expect("a valid graph")).expect("it loads");
        exec
    }

    fn value(exec: &Executor, name: &str) -> f32 {
        block_on(exec.get_f32(name)).expect("it reads")[0]
    }

    fn message(outcome: Result<()>) -> String {
        outcome.expect_err("it is refused").to_string()
    }

    #[test]
    fn a_call_binds_some_slots_and_leaves_the_others() {
        let mut exec = executor();
        exec.ensure("z", Kind::F32, [1]).expect("it fits");
        exec.set_f32("y", &[1.0]).expect("it is there");
        exec.set_f32("z", &[5.0]).expect("it is there");
        exec.run_bound("next", &[("y", "z")], &[]).expect("it runs");
        exec.run("next", &[]).expect("it runs");
        exec.run_bound("next", &[("x", "z")], &[]).expect("it runs");
        assert_eq!(["x", "y", "z"].map(|name| value(&exec, name)), [6.0, 1.0, 6.0]);
    }

    #[test]
    fn names_that_mean_nothing_are_told() {
        let exec = executor();
        assert!(message(exec.run("nxet", &[])).contains("program `nxet` is not loaded"));
        assert!(message(exec.run_bound("next", &[("w", "y")], &[])).contains("no slot `w`"));
        assert!(message(exec.run_bound("next", &[("y", "w")], &[])).contains("no buffer `w`"));
    }

    #[test]
    fn a_buffer_made_anew_serves_the_programs_that_knew_the_old_one() {
        let mut exec = executor();
        exec.set_f32("y", &[1.0]).expect("it is there");
        exec.release("y");
        assert!(exec.buffer("y").is_err());
        assert!(message(exec.run("next", &[])).contains("no buffer `y`"));
        exec.ensure("y", Kind::F32, [1]).expect("it fits");
        exec.set_f32("y", &[2.0]).expect("it is there");
        exec.run("next", &[]).expect("it runs");
        assert_eq!(value(&exec, "x"), 2.0);
        exec.release("ne");
        assert!(!exec.is_loaded("next") && exec.buffer("x").is_ok());
    }

    #[test]
    fn draws_belong_to_the_call() {
        let g = Graph::new();
        g.output("x", g.random_uniform(1, [1]));
        let exec = load(g);
        assert!(message(exec.run("next", &[])).contains("draws random numbers"));
        let draw = |seed, unit| {
            exec.run_drawing("next", &[], &[], Draw { seed, unit }).expect("it runs");
            value(&exec, "x")
        };
        let first = draw(1, 2);
        assert!(draw(1, 3) != first && draw(2, 2) != first);
        assert_eq!(draw(1, 2), first);
    }
}
