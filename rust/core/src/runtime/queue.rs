//! The jobs that wait for a worker.

use std::collections::VecDeque;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::runtime::sync::lock;
use crate::runtime::wake;

/// For so long a worker that was at a small job watches for the next one before it sleeps. Who
/// writes small objects one after the other then waits a third less for each, most of which it takes a
/// virtual machine to wake a sleeping core.
const WATCH: Duration = Duration::from_micros(50);

pub(crate) struct Job {
    pub run: Box<dyn FnOnce() + Send>,
    /// Takes no longer than a loop may wait for its wake-up.
    pub brief: bool,
}

#[derive(Default)]
pub(crate) struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    arrived: Condvar,
    len: AtomicUsize,
    /// Whether a worker watches `len`. One does at the most.
    watched: AtomicBool,
}

impl Queue {
    pub(crate) fn push(&self, job: Job) {
        let mut jobs = lock(&self.jobs);
        jobs.push_back(job);
        let len = jobs.len();
        self.len.store(len, Ordering::Relaxed);
        drop(jobs);
        // The worker that watches ceases to before it looks into the queue a last time, so it finds
        // what was pushed while it did.
        if len > 1 || !self.watched.load(Ordering::SeqCst) {
            self.arrived.notify_one();
        }
    }

    /// Whether no job waited a moment ago.
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// The next job, for a worker that was at a small one or not; waits for it.
    pub(crate) fn next(&self, after_brief: bool) -> Job {
        let mut watched = !after_brief;
        loop {
            let mut jobs = lock(&self.jobs);
            // Whatever is owed is paid, unless another small job is taken in the same moment: once
            // somebody else has it, this worker would sleep and the loop with it.
            if let Some(may_wait) = wake::is_owed()
                && !(may_wait && jobs.front().is_some_and(|job| job.brief))
            {
                drop(jobs);
                wake::pay();
                continue;
            }
            if let Some(job) = jobs.pop_front() {
                self.len.store(jobs.len(), Ordering::Relaxed);
                return job;
            }
            if watched {
                drop(self.arrived.wait(jobs).unwrap_or_else(PoisonError::into_inner));
            } else {
                drop(jobs);
                self.watch();
                watched = true;
            }
        }
    }

    fn watch(&self) {
        if !self.is_empty() || self.watched.swap(true, Ordering::SeqCst) {
            return;
        }
        let begun = Instant::now();
        while self.is_empty() && begun.elapsed() < WATCH {
            hint::spin_loop();
        }
        self.watched.store(false, Ordering::SeqCst);
    }
}

/// Whether a core can be spared to watch.
pub(crate) fn can_watch() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}
