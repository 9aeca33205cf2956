//! The worker threads and the queue of their jobs. They run no Python code and never wait for each other.
//!
//! A worker that ran a short job spins for a moment before it blocks: the next one often arrives soon, and
//! waking a sleeping thread takes longer than such a job. Only one worker spins at a time.

use std::cell::Cell;
use std::collections::VecDeque;
use std::hint;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use super::fork::forks;
use super::priority::lower_priority;
use super::sync::lock;
use super::wake;
use crate::error::{Error, Result};

/// The worker threads of one process and the queue of their jobs.
///
/// A job runs for about one block of work, then appends itself to the queue again, so that a large object
/// never delays a small one.
pub struct Pool {
    /// The number of threads. Computed once: on Linux this reads the files of the control group, which takes
    /// longer than reading a small object.
    width: usize,
    queue: Queue,
    /// The number of forks at creation.
    forks: u64,
}

/// The first thread of a pool, spawned before the pool exists. [`Pool::start`] passes it the pool.
pub(crate) struct FirstWorker(mpsc::Sender<&'static Pool>);

/// How long a job runs before it yields to the jobs in the queue.
pub(crate) const JOB_SLICE: Duration = Duration::from_millis(5);

thread_local! {
    static IS_WORKER: Cell<bool> = const { Cell::new(false) };
}

/// Returns true if this thread is a worker of the engine.
#[must_use]
pub fn is_worker() -> bool {
    IS_WORKER.get()
}

/// Marks this thread as a worker for [`is_worker`].
pub(crate) fn mark_as_worker() {
    IS_WORKER.set(true);
}

impl FirstWorker {
    /// Starts the thread. It waits for its pool.
    pub(crate) fn spawn() -> Result<Self> {
        let (sender, pool) = mpsc::channel::<&'static Pool>();
        start_thread(0, move || pool.iter().for_each(Pool::work))?;
        Ok(Self(sender))
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
    /// Starts the workers. Best effort beyond the first: a worker that cannot be spawned is skipped.
    pub(crate) fn start(&'static self, FirstWorker(sender): FirstWorker) {
        let _ = sender.send(self);
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

    /// Returns true if this pool belongs to the running process, false in a forked child.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.forks == forks()
    }

    /// Returns the number of worker threads.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Returns true if jobs are queued.
    pub(crate) fn has_queued_jobs(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Runs `job` on a worker thread.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        self.queue.push(Job { run: Box::new(job), is_short: false });
    }

    /// Runs a job of about 10 us on a worker thread. Its wake-ups may be deferred.
    pub(crate) fn spawn_short(&self, job: impl FnOnce() + Send + 'static) {
        self.queue.push(Job { run: Box::new(job), is_short: true });
    }

    /// Runs `work` on a worker thread and passes its result to `done`. A panic becomes an error.
    pub fn run<T>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.spawn(move || done(guarded(work)));
    }

    fn work(&self) {
        mark_as_worker();
        lower_priority();
        let can_spin = can_spin();
        let mut was_short = false;
        loop {
            let job = self.queue.next(can_spin && was_short);
            was_short = job.is_short;
            wake::begin_job(job.is_short);
            // Jobs catch their own panics. This keeps the thread alive if reporting one panics.
            let _ = catch_unwind(AssertUnwindSafe(job.run));
        }
    }
}

/// How long a worker spins after a short job.
///
/// Sequential small writes take a third less time; a virtual machine needs most of that to wake a sleeping core.
const SPIN: Duration = Duration::from_micros(50);

struct Job {
    run: Box<dyn FnOnce() + Send>,
    /// Whether the job is short enough to defer the wake-ups of earlier jobs.
    is_short: bool,
}

#[derive(Default)]
struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    arrived: Condvar,
    len: AtomicUsize,
    /// Whether a worker spins on `len`. At most one does.
    spinning: AtomicBool,
}

impl Queue {
    fn push(&self, job: Job) {
        let mut jobs = lock(&self.jobs);
        jobs.push_back(job);
        let len = jobs.len();
        self.len.store(len, Ordering::Relaxed);
        drop(jobs);
        // A spinning worker clears the flag before it checks the queue once more, so it finds this job.
        if len > 1 || !self.spinning.load(Ordering::SeqCst) {
            self.arrived.notify_one();
        }
    }

    /// Returns true if the queue is empty. The result may be outdated.
    fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Pops the next job, blocking. Spins first if `spin` is set.
    fn next(&self, mut spin: bool) -> Job {
        loop {
            let mut jobs = lock(&self.jobs);
            // The lock is held from this check until the pop: if another worker took the short job, this
            // one would go to sleep with wake-ups unsent.
            if wake::must_send(jobs.front().is_some_and(|job| job.is_short)) {
                drop(jobs);
                wake::send_deferred();
                continue;
            }
            if let Some(job) = jobs.pop_front() {
                self.len.store(jobs.len(), Ordering::Relaxed);
                return job;
            }
            if spin {
                drop(jobs);
                self.spin();
                spin = false;
            } else {
                drop(self.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    fn spin(&self) {
        if !self.is_empty() || self.spinning.swap(true, Ordering::SeqCst) {
            return;
        }
        let begun = Instant::now();
        while self.is_empty() && begun.elapsed() < SPIN {
            hint::spin_loop();
        }
        self.spinning.store(false, Ordering::SeqCst);
    }
}

/// Returns true if a worker may spin, which needs a second core.
fn can_spin() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}

fn start_thread(index: usize, work: impl FnOnce() + Send + 'static) -> Result<()> {
    let named = thread::Builder::new().name(format!("laboxide-{index}"));
    named.spawn(work).map(drop).map_err(|error| Error::spawn_failed("a worker thread", error))
}

/// Runs `work` and converts a panic to an error.
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
    fn panicking_job_is_an_error_and_keeps_the_thread() {
        let pool = Pool::leaked();
        for _ in 0..2 * pool.width() {
            let (sender, receiver) = mpsc::channel();
            pool.run::<()>(|| panic!("on purpose"), move |r| sender.send(r).expect("open"));
            assert!(matches!(receiver.recv(), Ok(Err(Error::Panicked(text))) if text == "on purpose"));
        }
    }
}
