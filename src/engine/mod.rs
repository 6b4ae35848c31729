//! Engines: what runs programs. One folder an engine, all behind one trait.
//!
//! An engine loads a [`Program`] once and runs it many times on buffers it owns. A run only queues work; several
//! may be in flight, in order; [`Engine::read`] is the only thing to wait for.

#[cfg(feature = "candle")]
pub mod candle;
#[cfg(feature = "cpu")]
pub mod cpu;
mod device;
mod executor;
pub mod reference;
#[cfg(feature = "webgpu")]
pub mod webgpu;

use std::{
    any::Any,
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

pub use device::{available, open};
pub use executor::{Draw, Executor};

use crate::{
    error::{Error, Result},
    graph::Kind,
    program::Program,
    shape::Shape,
};

/// A device that runs programs.
pub trait Engine: Send + Sync {
    /// The device name that selects this engine, for instance `candle:cpu`.
    fn name(&self) -> &str;

    /// What the device can hold.
    fn limits(&self) -> Limits;

    /// Bytes now held by live buffers and loaded programs, as far as the engine knows.
    fn memory_in_use(&self) -> u64;

    /// Prepares a program for running.
    ///
    /// # Errors
    /// [`Error::Limit`] if a value of the program does not fit the device.
    fn load(&self, program: &Program) -> Result<Arc<dyn Executable>>;

    /// A new buffer of zeros.
    ///
    /// # Errors
    /// [`Error::Limit`] or [`Error::OutOfMemory`] if the device cannot hold it.
    fn buffer(&self, kind: Kind, shape: Shape) -> Result<Buffer>;

    /// Replaces the contents of `buffer`, in order with the runs queued before and after.
    ///
    /// # Errors
    /// [`Error::Shape`] if kind or length differ from the buffer's.
    fn write(&self, buffer: &Buffer, data: Data<'_>) -> Result<()>;

    /// Replaces the contents of `to` by those of `from` (same kind and shape) without passing through the host.
    ///
    /// # Errors
    /// [`Error::Shape`] if kind or shape differ.
    fn copy(&self, from: &Buffer, to: &Buffer) -> Result<()>;

    /// The contents of `buffer` after all that is queued so far.
    fn read(&self, buffer: &Buffer) -> Readback;
}

/// A program loaded into an engine.
pub trait Executable: Send + Sync {
    /// Queues one run on `buffers`, one a slot, in the order of [`Program::slots`], each of the slot's kind and
    /// shape. A buffer that the run writes must not be bound to a second slot. Does not wait for the device.
    fn run(&self, buffers: &[&Buffer], scalars: &Scalars) -> Result<()>;

    /// What the engine made of the program (kernels, memory), for people to read; `None` from an engine that walks the
    /// program as it stands.
    fn explain(&self) -> Option<String> {
        None
    }
}

/// The values of one call that are not in buffers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Scalars {
    /// One word for each of [`Program::scalars`], in order.
    pub values: Vec<f32>,
    /// Key of the program's random draws.
    pub seed: u64,
    /// Counter of the program's random draws: the unit of work this call belongs to.
    pub unit: u32,
}

/// What a device can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the largest buffer.
    pub buffer_bytes: u64,
    /// Bytes of fast memory that the activations of the images passing through a network at once should fit; `None` on a
    /// GPU, which wants many images at once.
    pub cache_bytes: Option<u64>,
}

/// A place in an engine's memory for values of one kind and shape. Clones share the memory.
#[derive(Clone)]
pub struct Buffer {
    kind: Kind,
    shape: Shape,
    storage: Arc<dyn Any + Send + Sync>,
}

impl Buffer {
    /// Wraps an engine's own storage.
    pub fn new(kind: Kind, shape: Shape, storage: impl Any + Send + Sync) -> Buffer {
        Buffer { kind, shape, storage: Arc::new(storage) }
    }

    /// What the elements are.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The sizes of the axes.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The engine's own storage.
    ///
    /// # Errors
    /// [`Error::Engine`] if the buffer belongs to another engine.
    pub fn storage<T: Any>(&self, engine: &str) -> Result<&T> {
        self.storage.downcast_ref().ok_or_else(|| Error::Engine {
            engine: engine.into(),
            message: "a buffer of another engine was bound; make it with this engine's `buffer`".into(),
        })
    }

    /// Whether both are the same memory.
    pub fn same(&self, other: &Buffer) -> bool {
        Arc::ptr_eq(&self.storage, &other.storage)
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({:?} {})", self.kind, self.shape)
    }
}

/// Values on the host, to be written to a buffer: row-major.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Data<'a> {
    F32(&'a [f32]),
    Rows(&'a [u32]),
    Pixels(&'a [u8]),
}

impl Data<'_> {
    /// Checks that this data fills `buffer` exactly.
    ///
    /// # Errors
    /// [`Error::Shape`] if kind or length differ.
    pub fn check(&self, buffer: &Buffer) -> Result<()> {
        let (kind, len) = match self {
            Data::F32(v) => (Kind::F32, v.len()),
            Data::Rows(v) => (Kind::Rows, v.len()),
            Data::Pixels(v) => (Kind::Pixels, v.len()),
        };
        if (kind, len) == (buffer.kind, buffer.shape.elements()) {
            return Ok(());
        }
        Err(Error::Shape {
            message: format!("{len} values of {kind:?} were written to a buffer of {:?} {}", buffer.kind, buffer.shape),
            at: "Engine::write".into(),
        })
    }
}

/// Values on the host, read from a buffer: row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Host {
    F32(Vec<f32>),
    Rows(Vec<u32>),
    Pixels(Vec<u8>),
}

impl Host {
    /// The values of an f32 buffer; empty for another kind.
    pub fn into_f32(self) -> Vec<f32> {
        match self {
            Host::F32(values) => values,
            Host::Rows(_) | Host::Pixels(_) => Vec::new(),
        }
    }

    /// A borrowed view, for writing it back.
    pub fn as_data(&self) -> Data<'_> {
        match self {
            Host::F32(v) => Data::F32(v),
            Host::Rows(v) => Data::Rows(v),
            Host::Pixels(v) => Data::Pixels(v),
        }
    }
}

/// A future of a buffer's contents.
pub struct Readback(Pin<Box<dyn Future<Output = Result<Host>> + Send>>);

impl Readback {
    /// Wraps an engine's own future.
    pub fn new(future: impl Future<Output = Result<Host>> + Send + 'static) -> Readback {
        Readback(Box::pin(future))
    }

    /// Contents that are there already.
    pub fn ready(contents: Result<Host>) -> Readback {
        Readback::new(std::future::ready(contents))
    }
}

impl Future for Readback {
    type Output = Result<Host>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(context)
    }
}

/// Checks what every engine needs of a run: one buffer a slot, of its kind and shape, none of those that the run
/// writes bound twice, and as many scalars as the program names.
pub(crate) fn check_run(program: &Program, buffers: &[&Buffer], scalars: &Scalars) -> Result<()> {
    let fault = |message: String| Err(Error::Shape { message, at: format!("a run of program `{}`", program.name()) });
    if buffers.len() != program.slots().len() || scalars.values.len() != program.scalars().len() {
        return fault(format!(
            "{} buffers and {} scalars were bound to {} slots and {} scalars",
            buffers.len(),
            scalars.values.len(),
            program.slots().len(),
            program.scalars().len(),
        ));
    }
    for (index, (slot, buffer)) in program.slots().iter().zip(buffers).enumerate() {
        if (slot.kind, slot.shape) != (buffer.kind, buffer.shape) {
            return fault(format!("slot `{}` of {:?} {} was bound to {buffer:?}", slot.name, slot.kind, slot.shape));
        }
        let twice = buffers.iter().enumerate().any(|(other, bound)| other != index && bound.same(buffer));
        if slot.role.written().is_some() && twice {
            return fault(format!("the buffer of slot `{}`, which is written, was bound to a second slot", slot.name));
        }
    }
    Ok(())
}

/// Checks that one buffer can be copied over another.
pub(crate) fn check_copy(from: &Buffer, to: &Buffer) -> Result<()> {
    if (from.kind, from.shape) == (to.kind, to.shape) {
        return Ok(());
    }
    Err(Error::Shape { message: format!("{from:?} cannot be copied over {to:?}"), at: "Engine::copy".into() })
}
