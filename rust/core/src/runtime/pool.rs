//! The worker threads. They know nothing of Python and never wait for each other.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::fork::forks;
use super::priority::yield_to_loops;
use super::queue::{Job, Queue, can_watch};
use super::wake;
use crate::error::{Error, Result};

/// The worker threads of one process and the queue of their jobs.
///
/// A job is short (about one block of work) and puts itself at the end of the queue when there is
/// more to do, so that a large object never keeps a small one waiting.
pub struct Pool {
    /// How many threads work at once. Asked for once: on Linux that reads files of the process's control
    /// group, which takes longer than reading a small object.
    width: usize,
    queue: Queue,
    /// The number of forks when it was made.
    forks: u64,
}

/// The first thread of a pool, spawned before the pool exists. [`Pool::start`] hands it its work.
pub(crate) struct FirstWorker(mpsc::Sender<&'static Pool>);

/// After this long a job goes to the end of the queue, so that small objects get their turn.
pub(crate) const JOB_SLICE: Duration = Duration::from_millis(5);

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

impl FirstWorker {
    /// Starts the thread. A pool is worth making only when it has one.
    pub(crate) fn spawn() -> Result<Self> {
        let (hand_over, pool) = mpsc::channel::<&'static Pool>();
        start_thread(0, move || pool.iter().for_each(Pool::work))?;
        Ok(Self(hand_over))
    }
}

impl Default for Pool {
    fn default() -> Self {
        Self {
            width: thread::available_parallelism().map_or(2, usize::from).clamp(2, 16),
            queue: Queue::default(),
            forks: forks(),
        }
    }
}

impl Pool {
    /// Starts the work: with the first thread, and with others as far as they can be spawned.
    pub(crate) fn start(&'static self, FirstWorker(hand_over): FirstWorker) {
        let _ = hand_over.send(self);
        let _: Result<()> = (1..self.width).try_for_each(|index| start_thread(index, || self.work()));
    }

    /// Returns a pool that is never freed, for tests.
    #[cfg(test)]
    pub(crate) fn leaked() -> &'static Self {
        let first = FirstWorker::spawn().expect("threads");
        let pool: &Self = Box::leak(Box::default());
        pool.start(first);
        pool
    }

    /// Whether it belongs to the running process, which it does not after a fork.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.forks == forks()
    }

    /// How many threads work at once.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
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
        let pool = Pool::leaked();
        for _ in 0..2 * pool.width() {
            let (sender, receiver) = mpsc::channel();
            pool.run::<()>(|| panic!("on purpose"), move |r| sender.send(r).expect("open"));
            assert!(matches!(receiver.recv(), Ok(Err(Error::Panicked(text))) if text == "on purpose"));
        }
    }
}
