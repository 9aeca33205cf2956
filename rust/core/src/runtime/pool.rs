//! The worker threads. They know nothing of Python and never wait for each other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::digest::ordered::Pairs;
use crate::error::{Error, Result};
use crate::memory::budget::Budget;
use crate::memory::slab::Slabs;
use crate::mutant;
use crate::runtime::fsync_pool::Flushers;
use crate::runtime::open_files::Descriptors;
use crate::runtime::priority::yield_to_loops;
use crate::runtime::queue::{Job, Queue, can_watch};
use crate::runtime::wake;
use crate::store::Visited;

/// The worker threads of this process and the memory that they share.
///
/// A job is short (about one block of work) and puts itself at the end of the queue when there is
/// more to do, so that a large object never keeps a small one waiting.
pub struct Engine {
    /// How many threads work at once. Asked for once: on Linux that reads files of the process's control
    /// group, which takes longer than reading a small object.
    width: usize,
    queue: Queue,
    pub(crate) slabs: Slabs,
    pub(crate) budget: Budget,
    pub(crate) reading: Descriptors,
    pub(crate) writing: Descriptors,
    pub(crate) passing: Descriptors,
    pub(crate) pairs: Pairs,
    pub(crate) visited: Visited,
    flushers: Flushers,
}

/// After this long a job goes to the end of the queue, so that small objects get their turn.
pub(crate) const TURN: Duration = Duration::from_millis(5);

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is one of an engine's.
#[must_use]
pub fn is_worker() -> bool {
    IS_WORKER.get()
}

/// Says that this thread is one.
pub(crate) fn become_worker() {
    IS_WORKER.set(true);
}

/// Null until first used, and again in a forked child, which has none of its parent's threads.
static CURRENT: AtomicPtr<Engine> = AtomicPtr::new(ptr::null_mut());

/// On the way to this process.
static FORKS: AtomicU64 = AtomicU64::new(0);

impl Engine {
    /// The engine of this process, started on first use. It has one thread at least: without any, an
    /// operation would never end.
    pub fn current() -> Result<&'static Self> {
        let existing = CURRENT.load(Ordering::Acquire);
        if existing.is_null() {
            return Self::start();
        }
        // SAFETY: what is stored there came from a box, and is never freed.
        Ok(unsafe { &*existing })
    }

    /// The first thread is there before anybody can find the engine, and waits until it is found.
    fn start() -> Result<&'static Self> {
        let (hand_over, engine) = mpsc::channel::<&'static Self>();
        start_thread(0, move || engine.iter().for_each(Self::work))?;
        let fresh = Box::into_raw(Box::new(Self::new()));
        match CURRENT.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: as above.
                let engine = unsafe { &*fresh };
                let _ = hand_over.send(engine);
                engine.start_others();
                Ok(engine)
            }
            Err(winner) => {
                // SAFETY: another thread was first, and nobody has seen ours.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: as above.
                Ok(unsafe { &*winner })
            }
        }
    }

    /// To be called in a forked child: the old engine's locks may be held by threads that the child
    /// does not have, so it is left as it is and the next use starts a new one.
    pub fn forget_after_fork() {
        FORKS.fetch_add(1, Ordering::Relaxed);
        if mutant::is_on("engine-kept-after-fork") {
            return;
        }
        CURRENT.store(ptr::null_mut(), Ordering::Release);
    }

    /// How many forks there were on the way to this process. Tells a lock that was made before one.
    #[must_use]
    pub fn forks() -> u64 {
        FORKS.load(Ordering::Relaxed)
    }

    /// Whether this is still the engine of the running process, which it is not after a fork.
    #[must_use]
    pub fn is_current(&self) -> bool {
        ptr::eq(CURRENT.load(Ordering::Acquire), self)
    }

    /// How many threads work at once.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    fn new() -> Self {
        Self {
            width: thread::available_parallelism().map_or(2, usize::from).clamp(2, 16),
            queue: Queue::default(),
            slabs: Slabs::default(),
            budget: Budget::default(),
            reading: Descriptors::default(),
            writing: Descriptors::default(),
            passing: Descriptors::default(),
            pairs: Pairs::default(),
            visited: Visited::default(),
            flushers: Flushers::default(),
        }
    }

    /// Those that are not to be had are done without.
    fn start_others(&'static self) {
        let _: Result<()> = (1..self.width).try_for_each(|index| start_thread(index, || self.work()));
    }

    /// Whether jobs wait for a worker.
    pub(crate) fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Runs `job` on a worker thread.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        self.queue.push(Job { run: Box::new(job), brief: false });
    }

    /// Runs a job of some 10 us on a worker thread. Of several, the loop may be told at once.
    pub(crate) fn spawn_brief(&self, job: impl FnOnce() + Send + 'static) {
        self.queue.push(Job { run: Box::new(job), brief: true });
    }

    /// Runs the job that publishes: here, or where it waits for the device if it does.
    pub(crate) fn publish(&'static self, durable: bool, job: impl FnOnce() + Send + 'static) {
        if durable { self.flushers.spawn(job) } else { job() }
    }

    /// Runs `work` on a worker thread and hands its result, or its panic as an error, to `done`.
    pub fn run<T>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.spawn(move || done(guarded(work)));
    }

    fn work(&self) {
        become_worker();
        yield_to_loops();
        let can_watch = can_watch();
        let mut was_brief = false;
        loop {
            let job = self.queue.next(can_watch && was_brief);
            was_brief = job.brief;
            wake::begin_job(job.brief);
            // Jobs guard themselves; this keeps the thread when even that fails.
            let _ = catch_unwind(AssertUnwindSafe(job.run));
        }
    }
}

fn start_thread(index: usize, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let named = thread::Builder::new().name(format!("laboxide-{index}"));
    named.spawn(work).map(drop).map_err(|error| Error::no_thread("a worker thread", error))
}

/// Runs `work`, turning a panic into an error.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(ToString::to_string);
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        Err(Error::Panicked(text.unwrap_or_else(|| "a worker panicked".into())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_error_and_the_threads_go_on() {
        let engine = Engine::current().expect("threads");
        for _ in 0..2 * engine.width() {
            let (sender, receiver) = mpsc::channel();
            engine.run::<()>(|| panic!("on purpose"), move |r| sender.send(r).expect("open"));
            assert!(matches!(receiver.recv(), Ok(Err(Error::Panicked(text))) if text == "on purpose"));
        }
    }
}
