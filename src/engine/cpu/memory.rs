//! Memory of the engine: buffers, and scratch shared by all loaded programs.
#![expect(unsafe_code, reason = "buffers are reached by pointers; one lock keeps everybody else away")]

use std::{
    cell::UnsafeCell,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use crate::{
    engine::{Buffer, Data, Host},
    error::{Error, Result},
    graph::Kind,
};

/// f32s that begin at a multiple of 64 bytes, a cache line and a vector register.
#[derive(Default)]
pub(super) struct Aligned {
    lines: Vec<Line>,
    len: usize,
}

/// f32s in a [`Line`].
pub(super) const LINE: usize = 16;

#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; LINE]);

impl Aligned {
    pub(super) fn zeros(len: usize) -> Aligned {
        Aligned { lines: vec![Line([0.0; LINE]); len.div_ceil(LINE)], len }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: lines are nothing but f32s without gaps, and there are at least `len` of them.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        // SAFETY: as above.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

/// What the buffers and programs of one engine share.
#[derive(Default)]
pub(super) struct Shared {
    /// Whoever reads or writes a buffer, or runs a program, holds this.
    lock: Mutex<Common>,
    held: AtomicU64,
}

/// Memory that no program keeps between runs, so that all may use the same.
#[derive(Default)]
pub(super) struct Common {
    /// Values that pass from one kernel to another.
    pub(super) arena: Aligned,
    /// What kernels need while they run.
    pub(super) scratch: Aligned,
}

impl Common {
    /// Makes room for a program; returns the bytes that this took.
    fn reserve(&mut self, arena: usize, scratch: usize) -> u64 {
        let mut grown = 0;
        for (memory, needed) in [(&mut self.arena, arena), (&mut self.scratch, scratch)] {
            if memory.len() < needed {
                grown += 4 * (needed - memory.len()) as u64;
                // The old memory is given back first.
                *memory = Aligned::default();
                *memory = Aligned::zeros(needed);
            }
        }
        grown
    }
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, Common> {
        // A panic elsewhere leaves numbers behind that are wrong at worst.
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Makes room for a program of such an arena and scratch.
    pub(super) fn reserve(&self, arena: usize, scratch: usize) {
        let grown = self.lock().reserve(arena, scratch);
        self.held.fetch_add(grown, Ordering::Relaxed);
    }

    pub(super) fn hold(&self, bytes: u64) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn free(&self, bytes: u64) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// The contents of a buffer.
pub(super) enum Contents {
    Real(Aligned),
    Rows(Vec<u32>),
    Pixels(Vec<u8>),
}

/// The memory of a buffer.
pub(super) struct Storage {
    contents: UnsafeCell<Contents>,
    bytes: u64,
    shared: Arc<Shared>,
}

// SAFETY: the contents are reached only through `contents`, whose caller holds the lock.
unsafe impl Sync for Storage {}

impl Storage {
    pub(super) fn zeros(kind: Kind, len: usize, shared: Arc<Shared>) -> Storage {
        let (contents, size) = match kind {
            Kind::F32 => (Contents::Real(Aligned::zeros(len)), 4),
            Kind::Rows => (Contents::Rows(vec![0; len]), 4),
            Kind::Pixels => (Contents::Pixels(vec![0; len]), 1),
        };
        let bytes = (len * size) as u64;
        shared.hold(bytes);
        Storage { contents: UnsafeCell::new(contents), bytes, shared }
    }

    /// The contents, reached by a pointer.
    ///
    /// # Errors
    /// [`Error::Engine`] if the buffer belongs to another engine than the one of `shared`.
    pub(super) fn of<'a>(buffer: &'a Buffer, shared: &Arc<Shared>) -> Result<&'a UnsafeCell<Contents>> {
        let storage: &Storage = buffer.storage(super::NAME)?;
        if Arc::ptr_eq(&storage.shared, shared) {
            return Ok(&storage.contents);
        }
        Err(Error::Engine {
            engine: super::NAME.into(),
            message: "a buffer of another engine was bound; make it with this engine's `buffer`".into(),
        })
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        self.shared.free(self.bytes);
    }
}

/// Replaces what a buffer holds.
pub(super) fn write(buffer: &Buffer, data: Data<'_>, shared: &Arc<Shared>) -> Result<()> {
    data.check(buffer)?;
    let contents = Storage::of(buffer, shared)?;
    let _common = shared.lock();
    // SAFETY: the lock keeps everybody else away.
    match (unsafe { &mut *contents.get() }, data) {
        (Contents::Real(to), Data::F32(from)) => to.as_mut_slice().copy_from_slice(from),
        (Contents::Rows(to), Data::Rows(from)) => to.copy_from_slice(from),
        (Contents::Pixels(to), Data::Pixels(from)) => to.copy_from_slice(from),
        _ => unreachable!("the kinds were compared"),
    }
    Ok(())
}

/// Replaces what `to` holds by what `from` holds.
pub(super) fn copy(from: &Buffer, to: &Buffer, shared: &Arc<Shared>) -> Result<()> {
    crate::engine::check_copy(from, to)?;
    let (source, target) = (Storage::of(from, shared)?, Storage::of(to, shared)?);
    if from.same(to) {
        return Ok(());
    }
    let _common = shared.lock();
    // SAFETY: the lock keeps everybody else away, and the buffers are two.
    match unsafe { (&*source.get(), &mut *target.get()) } {
        (Contents::Real(from), Contents::Real(to)) => to.as_mut_slice().copy_from_slice(from.as_slice()),
        (Contents::Rows(from), Contents::Rows(to)) => to.copy_from_slice(from),
        (Contents::Pixels(from), Contents::Pixels(to)) => to.copy_from_slice(from),
        _ => unreachable!("the kinds were compared"),
    }
    Ok(())
}

/// What a buffer holds.
pub(super) fn read(buffer: &Buffer, shared: &Arc<Shared>) -> Result<Host> {
    let contents = Storage::of(buffer, shared)?;
    let _common = shared.lock();
    // SAFETY: the lock keeps everybody else away.
    Ok(match unsafe { &*contents.get() } {
        Contents::Real(values) => Host::F32(values.as_slice().to_vec()),
        Contents::Rows(rows) => Host::Rows(rows.clone()),
        Contents::Pixels(pixels) => Host::Pixels(pixels.clone()),
    })
}
