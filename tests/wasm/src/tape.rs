//! Checks that cannot wait, on an engine that has to be waited for.
//!
//! A check runs twice. The first time, what it asks of its engine is put on a tape, and the f32 reference answers; then
//! all of that is asked of the real engine and its answers are awaited; the second time, these are what the check gets.
//! That is sound because what a check asks does not depend on the answers.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use attar::{
    Error, Result,
    engine::{Buffer, Data, Engine, Executable, Host, Limits, Readback, Scalars, reference::Reference},
    graph::Kind,
    program::Program,
    shape::Shape,
};

/// The engine that a check is given.
pub struct Tape {
    name: &'static str,
    reference: Arc<dyn Engine>,
    mode: Arc<Mutex<Mode>>,
}

enum Mode {
    Recording(Recording),
    /// The answers to all reads, in order.
    Replaying(VecDeque<Host>),
}

/// What was asked, with buffers and programs by the order in which they were made.
#[derive(Default)]
pub struct Recording {
    requests: Vec<Request>,
    buffers: usize,
    programs: usize,
}

enum Request {
    Load(Program),
    Buffer(Kind, Shape),
    Write { buffer: usize, data: Host },
    Copy { from: usize, to: usize },
    Run { program: usize, buffers: Vec<usize>, scalars: Scalars },
    Read(usize),
}

/// A buffer's place on the tape, and the reference's buffer.
struct Numbered {
    number: usize,
    buffer: Buffer,
}

struct Loaded {
    number: usize,
    executable: Arc<dyn Executable>,
    name: &'static str,
    mode: Arc<Mutex<Mode>>,
}

impl Tape {
    /// A tape for what is asked of the engine of this name.
    pub fn recording(name: &'static str) -> Tape {
        Tape::new(name, Mode::Recording(Recording::default()))
    }

    /// A tape with the answers of the engine of this name.
    pub fn replaying(name: &'static str, answers: Vec<Host>) -> Tape {
        Tape::new(name, Mode::Replaying(answers.into()))
    }

    fn new(name: &'static str, mode: Mode) -> Tape {
        Tape { name, reference: Arc::new(Reference::f32()), mode: Arc::new(Mutex::new(mode)) }
    }

    /// What was asked since it was made or last taken.
    pub fn take(&self) -> Recording {
        match &mut *lock(&self.mode) {
            Mode::Recording(recording) => std::mem::take(recording),
            Mode::Replaying(_) => Recording::default(),
        }
    }

    fn note(&self, request: impl FnOnce(&mut Recording) -> Request) {
        note(&self.mode, request);
    }

    fn numbered<'b>(&self, buffer: &'b Buffer) -> Result<&'b Numbered> {
        buffer.storage(self.name)
    }
}

fn lock(mode: &Mutex<Mode>) -> MutexGuard<'_, Mode> {
    mode.lock().unwrap_or_else(PoisonError::into_inner)
}

fn note(mode: &Mutex<Mode>, request: impl FnOnce(&mut Recording) -> Request) {
    if let Mode::Recording(recording) = &mut *lock(mode) {
        let request = request(recording);
        recording.requests.push(request);
    }
}

fn owned(data: Data<'_>) -> Host {
    match data {
        Data::F32(values) => Host::F32(values.to_vec()),
        Data::Rows(values) => Host::Rows(values.to_vec()),
        Data::Pixels(values) => Host::Pixels(values.to_vec()),
    }
}

impl Engine for Tape {
    fn name(&self) -> &str {
        self.name
    }

    fn limits(&self) -> Limits {
        self.reference.limits()
    }

    fn memory_in_use(&self) -> u64 {
        self.reference.memory_in_use()
    }

    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>> {
        let mut number = 0;
        self.note(|recording| {
            number = recording.programs;
            recording.programs += 1;
            Request::Load(program.clone())
        });
        let executable = self.reference.load(program)?;
        Ok(Arc::new(Loaded { number, executable, name: self.name, mode: Arc::clone(&self.mode) }))
    }

    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer> {
        let mut number = 0;
        self.note(|recording| {
            number = recording.buffers;
            recording.buffers += 1;
            Request::Buffer(kind, shape)
        });
        Ok(Buffer::new(kind, shape, Numbered { number, buffer: self.reference.buffer(kind, shape)? }))
    }

    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()> {
        let Numbered { number, buffer } = self.numbered(buffer)?;
        self.note(|_| Request::Write { buffer: *number, data: owned(data) });
        self.reference.write(buffer, data)
    }

    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()> {
        let (from, to) = (self.numbered(from)?, self.numbered(to)?);
        self.note(|_| Request::Copy { from: from.number, to: to.number });
        self.reference.copy(&from.buffer, &to.buffer)
    }

    fn read(&self, buffer: &Buffer) -> Readback {
        let Numbered { number, buffer } = match self.numbered(buffer) {
            Ok(numbered) => numbered,
            Err(error) => return Readback::ready(Err(error)),
        };
        if let Mode::Replaying(answers) = &mut *lock(&self.mode) {
            let missing = || Error::Engine { engine: self.name.into(), message: "more was read than before".into() };
            return Readback::ready(answers.pop_front().ok_or_else(missing));
        }
        self.note(|_| Request::Read(*number));
        self.reference.read(buffer)
    }
}

impl Executable for Loaded {
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
        let bound: Vec<&Numbered> = buffers.iter().map(|buffer| buffer.storage(self.name)).collect::<Result<_>>()?;
        note(&self.mode, |_| Request::Run {
            program: self.number,
            buffers: bound.iter().map(|numbered| numbered.number).collect(),
            scalars: scalars.clone(),
        });
        if matches!(*lock(&self.mode), Mode::Replaying(_)) {
            return Ok(());
        }
        self.executable.run(&bound.iter().map(|numbered| &numbered.buffer).collect::<Vec<_>>(), scalars)
    }
}

impl Recording {
    /// Asks `engine` for all of it; what the reads gave.
    pub async fn play(self, engine: &dyn Engine) -> Result<Vec<Host>> {
        let (mut programs, mut buffers, mut answers) = (Vec::new(), Vec::new(), Vec::new());
        for request in self.requests {
            match request {
                Request::Load(program) => programs.push(engine.load(&program)?),
                Request::Buffer(kind, shape) => buffers.push(engine.buffer(kind, shape)?),
                Request::Write { buffer, data } => engine.write(&buffers[buffer], data.as_data())?,
                Request::Copy { from, to } => engine.copy(&buffers[from], &buffers[to])?,
                Request::Run { program, buffers: bound, scalars } => {
                    let bound: Vec<&Buffer> = bound.into_iter().map(|buffer| &buffers[buffer]).collect();
                    programs[program].run(&bound, &scalars)?;
                }
                Request::Read(buffer) => answers.push(engine.read(&buffers[buffer]).await?),
            }
        }
        Ok(answers)
    }
}
