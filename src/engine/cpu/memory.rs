//! Memory of the engine: buffers, and scratch shared by all loaded programs.
#![expect(unsafe_code, reason = "buffers are reached by pointers; one lock keeps everybody else away")]

use std::{
    alloc::{self, Layout},
    cell::UnsafeCell,
    ptr::NonNull,
    slice,
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

/// f32s in a cache line, which is a vector register too.
pub(super) const LINE: usize = 16;

/// The size of a large page.
const LARGE_PAGE: usize = 2 << 20;

/// f32s that begin with a cache line, and with a page if they fill several large ones. Convolutions walk through
/// planes that are a small page each: with small pages they wait for address translation half of the time, so large
/// ones are asked for.
pub(super) struct Aligned {
    start: NonNull<f32>,
    len: usize,
}

// SAFETY: it owns its memory as a vector does.
unsafe impl Send for Aligned {}
// SAFETY: as above.
unsafe impl Sync for Aligned {}

impl Default for Aligned {
    fn default() -> Aligned {
        Aligned::zeros(0)
    }
}

impl Aligned {
    pub(super) fn zeros(len: usize) -> Aligned {
        if len == 0 {
            return Aligned { start: NonNull::dangling(), len };
        }
        let layout = Aligned::layout(len);
        // SAFETY: the layout is not of size 0.
        let start = unsafe { alloc::alloc(layout) };
        let Some(found) = NonNull::new(start.cast()) else { alloc::handle_alloc_error(layout) };
        prefer_large_pages(start, layout.size());
        // SAFETY: the memory is as long as that, and any bits are f32s.
        unsafe { found.write_bytes(0, len) };
        Aligned { start: found, len }
    }

    fn layout(len: usize) -> Layout {
        let bytes = len.checked_mul(size_of::<f32>()).expect("a length that was checked against the limits");
        let alignment = if bytes >= 2 * LARGE_PAGE { LARGE_PAGE } else { LINE * size_of::<f32>() };
        Layout::from_size_align(bytes, alignment).expect("a power of two, and a length within the limits")
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn as_mut_slice(&mut self) -> &mut [f32] {
        // SAFETY: the memory is this one's, `len` f32s long and was written when it was made.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        // SAFETY: as above.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

impl Drop for Aligned {
    fn drop(&mut self) {
        if self.len > 0 {
            // SAFETY: allocated by the same layout.
            unsafe { alloc::dealloc(self.start.as_ptr().cast(), Aligned::layout(self.len)) };
        }
    }
}

/// Asks the system for large pages, where it wants to be asked.
#[cfg(target_os = "linux")]
fn prefer_large_pages(start: *mut u8, bytes: usize) {
    if bytes >= 2 * LARGE_PAGE {
        // SAFETY: whole pages within the allocation, whose contents it leaves alone. If it fails, pages stay small.
        unsafe { libc::madvise(start.cast(), bytes / LARGE_PAGE * LARGE_PAGE, libc::MADV_HUGEPAGE) };
    }
}

#[cfg(not(target_os = "linux"))]
fn prefer_large_pages(_: *mut u8, _: usize) {}

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

impl Contents {
    fn data(&self) -> Data<'_> {
        match self {
            Contents::Real(values) => Data::F32(values.as_slice()),
            Contents::Rows(rows) => Data::Rows(rows),
            Contents::Pixels(pixels) => Data::Pixels(pixels),
        }
    }

    /// Replaces the values by as many of the same kind.
    fn set(&mut self, data: Data<'_>) {
        match (self, data) {
            (Contents::Real(to), Data::F32(from)) => to.as_mut_slice().copy_from_slice(from),
            (Contents::Rows(to), Data::Rows(from)) => to.copy_from_slice(from),
            (Contents::Pixels(to), Data::Pixels(from)) => to.copy_from_slice(from),
            (Contents::Real(_) | Contents::Rows(_) | Contents::Pixels(_), _) => {
                unreachable!("kind and length were compared")
            }
        }
    }
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
    unsafe { &mut *contents.get() }.set(data);
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
    let (source, target) = unsafe { (&*source.get(), &mut *target.get()) };
    target.set(source.data());
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
