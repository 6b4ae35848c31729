//! Threads that work through the parts of one job at a time.
#![expect(unsafe_code, reason = "threads that outlive a job borrow it while they take part in it")]

use std::{
    cell::{Cell, UnsafeCell},
    hint,
    ops::Range,
    panic,
    sync::{
        Condvar, Mutex, OnceLock, PoisonError, TryLockError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

type Work<'a> = dyn Fn(usize, usize) + Sync + 'a;

/// How long a thread watches for the next job before it sleeps, in turns of some hundred nanoseconds.
const PATIENCE: usize = 1500;

/// Looks between two pauses. A hypervisor that sees nothing but pauses takes the processor away from the thread for tens
/// of microseconds, which is longer than most kernels take; looks that are far enough apart pass for work.
const LOOKS: usize = 200;

/// The threads of the process, the caller of a job included.
pub(super) struct Team {
    workers: usize,
    /// Held by whoever has a job done.
    leader: Mutex<()>,
    job: UnsafeCell<Job>,
    /// The number of the job in the upper bits, then [`OPEN`], then how many threads take part besides the leader.
    state: AtomicUsize,
    /// The next part of each worker's share.
    shares: Box<[Share]>,
    failed: AtomicBool,
    asleep: AtomicUsize,
    bed: Mutex<()>,
    bell: Condvar,
}

/// What is left of a worker's share, on a cache line of its own.
#[repr(align(128))]
struct Share {
    next: AtomicUsize,
}

/// Threads may join the job.
const OPEN: usize = 1 << 15;
/// One more job.
const JOB: usize = 1 << 16;
const MEMBERS: usize = OPEN - 1;

/// What there is to do. The lifetime is the leader's call of [`Team::for_each`].
#[derive(Clone, Copy)]
struct Job {
    work: *const Work<'static>,
    parts: usize,
}

// SAFETY: the job is written by the leader while nobody takes part, and read by those who do.
unsafe impl Sync for Team {}
// SAFETY: as above.
unsafe impl Send for Team {}

thread_local! {
    static ALONE: Cell<bool> = const { Cell::new(false) };
}

/// Runs `work` with no thread but the caller's.
#[cfg(test)]
pub(super) fn alone<R>(work: impl FnOnce() -> R) -> R {
    ALONE.set(true);
    let result = work();
    ALONE.set(false);
    result
}

/// The team of this process.
pub(super) fn get() -> &'static Team {
    static TEAM: OnceLock<Team> = OnceLock::new();
    static STARTED: OnceLock<()> = OnceLock::new();
    let team = TEAM.get_or_init(|| Team::new(thread::available_parallelism().map_or(1, usize::from)));
    STARTED.get_or_init(|| team.start());
    team
}

impl Team {
    fn new(workers: usize) -> Team {
        fn nothing(_: usize, _: usize) {}
        Team {
            workers,
            leader: Mutex::new(()),
            job: UnsafeCell::new(Job { work: &nothing, parts: 0 }),
            state: AtomicUsize::new(0),
            shares: (0..workers).map(|_| Share { next: AtomicUsize::new(0) }).collect(),
            failed: AtomicBool::new(false),
            asleep: AtomicUsize::new(0),
            bed: Mutex::new(()),
            bell: Condvar::new(),
        }
    }

    fn start(&'static self) {
        for worker in 1..self.workers {
            let name = format!("attar-cpu-{worker}");
            // Without a thread the others do its parts.
            let _ = thread::Builder::new().name(name).spawn(move || self.follow(worker));
        }
    }

    pub(super) fn workers(&self) -> usize {
        self.workers
    }

    pub(super) fn for_each(&self, parts: usize, work: &Work<'_>) {
        let leader = (parts > 1 && self.workers > 1 && !ALONE.get()).then(|| match self.leader.try_lock() {
            Ok(leader) => Some(leader),
            // A panic of an earlier job left nothing behind.
            Err(TryLockError::Poisoned(leader)) => Some(leader.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        });
        let Some(_leader) = leader.flatten() else {
            // Another engine has its job done by the team: the caller does this one by itself.
            (0..parts).for_each(|part| work(0, part));
            return;
        };
        let open = self.open(parts, work);
        self.take_part(0, parts, work);
        drop(open);
        assert!(!self.failed.swap(false, Ordering::Relaxed), "a kernel panicked on another thread");
    }

    /// Publishes a job; nobody takes part any more once the result is dropped.
    fn open(&self, parts: usize, work: &Work<'_>) -> Open<'_> {
        // SAFETY: only the lifetime changes; `Open` waits for all who use the job before its borrow ends.
        let work = unsafe { std::mem::transmute::<*const Work<'_>, *const Work<'static>>(work) };
        // SAFETY: the job is closed and nobody takes part, and the leader is the only one who writes it.
        unsafe { *self.job.get() = Job { work, parts } };
        for (worker, share) in self.shares.iter().enumerate() {
            share.next.store(self.share(worker, parts).start, Ordering::Relaxed);
        }
        let number = self.state.load(Ordering::Relaxed) / JOB;
        self.state.store(number.wrapping_add(1).wrapping_mul(JOB) | OPEN, Ordering::SeqCst);
        if self.asleep.load(Ordering::SeqCst) > 0 {
            drop(self.bed.lock().unwrap_or_else(PoisonError::into_inner));
            self.bell.notify_all();
        }
        Open { team: self }
    }

    /// The parts that a worker begins with. They are the same images in one kernel after another, so that what a thread
    /// reads is what it wrote: its caches have it, which matters most where threads do not share one.
    fn share(&self, worker: usize, parts: usize) -> Range<usize> {
        worker * parts / self.workers..(worker + 1) * parts / self.workers
    }

    /// Does the worker's own share, then helps with the others'.
    fn take_part(&self, worker: usize, parts: usize, work: &Work<'_>) {
        for owner in (worker..self.workers).chain(0..worker) {
            let end = self.share(owner, parts).end;
            loop {
                let part = self.shares[owner].next.fetch_add(1, Ordering::Relaxed);
                if part >= end {
                    break;
                }
                work(worker, part);
            }
        }
    }

    /// The life of a thread: joins every job that it finds open.
    fn follow(&self, worker: usize) {
        let mut last = 0;
        loop {
            let number = self.wait(last);
            if self.join(number) {
                // SAFETY: the job stays as it is while this thread is counted as a member.
                let Job { work, parts } = unsafe { *self.job.get() };
                // SAFETY: as above.
                let work = unsafe { &*work };
                let done = panic::catch_unwind(panic::AssertUnwindSafe(|| self.take_part(worker, parts, work)));
                if done.is_err() {
                    self.failed.store(true, Ordering::Relaxed);
                }
                self.state.fetch_sub(1, Ordering::Release);
            }
            last = number;
        }
    }

    /// Waits for a job after number `last`.
    fn wait(&self, last: usize) -> usize {
        let fresh = || {
            let state = self.state.load(Ordering::SeqCst);
            (state & OPEN != 0 && state / JOB != last).then_some(state / JOB)
        };
        if let Some(number) = (0..PATIENCE).find_map(|_| watch(fresh)) {
            return number;
        }
        let mut bed = self.bed.lock().unwrap_or_else(PoisonError::into_inner);
        self.asleep.fetch_add(1, Ordering::SeqCst);
        let number = loop {
            if let Some(number) = fresh() {
                break number;
            }
            bed = self.bell.wait(bed).unwrap_or_else(PoisonError::into_inner);
        };
        self.asleep.fetch_sub(1, Ordering::SeqCst);
        number
    }

    /// Becomes a member of job `number`, unless it is over.
    fn join(&self, number: usize) -> bool {
        let join = |state: usize| (state & OPEN != 0 && state / JOB == number).then_some(state + 1);
        self.state.fetch_update(Ordering::Acquire, Ordering::Relaxed, join).is_ok()
    }
}

/// Looks for something for a moment.
fn watch<T>(look: impl Fn() -> Option<T>) -> Option<T> {
    let found = (0..LOOKS).find_map(|_| look());
    if found.is_none() {
        hint::spin_loop();
    }
    found
}

/// A job that threads may join.
struct Open<'a> {
    team: &'a Team,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.team.state.fetch_and(!OPEN, Ordering::Relaxed);
        let alone = || (self.team.state.load(Ordering::Acquire) & MEMBERS == 0).then_some(());
        if (0..PATIENCE).find_map(|_| watch(alone)).is_none() {
            // On a machine with more threads than cores, the one waited for may need this one's core.
            while alone().is_none() {
                thread::yield_now();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;

    use super::*;

    #[test]
    fn every_part_is_done_once() {
        for parts in [0, 1, 2, 3, 17, 1000] {
            let done: Vec<AtomicU64> = (0..parts).map(|_| AtomicU64::new(0)).collect();
            for _ in 0..200 {
                get().for_each(parts, &|worker, part| {
                    assert!(worker < get().workers());
                    done[part].fetch_add(1, Ordering::Relaxed);
                });
            }
            assert!(done.iter().all(|count| count.load(Ordering::Relaxed) == 200));
        }
    }

    #[test]
    fn several_callers_do_not_disturb_each_other() {
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for round in 0..200 {
                        let total = AtomicU64::new(0);
                        get().for_each(round, &|_, part| {
                            total.fetch_add(part as u64, Ordering::Relaxed);
                        });
                        assert_eq!(total.into_inner(), (0..round as u64).sum::<u64>());
                    }
                });
            }
        });
    }

    #[test]
    fn a_panic_reaches_the_caller() {
        let parts = 64;
        let outcome = panic::catch_unwind(|| {
            get().for_each(parts, &|_, part| {
                thread::sleep(std::time::Duration::from_micros(50));
                assert!(part != parts - 1, "on purpose");
            });
        });
        assert!(outcome.is_err());
        every_part_is_done_once();
    }
}
