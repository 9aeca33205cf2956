//! The queue of jobs for the worker threads.
//!
//! A worker that ran a short job spins for a moment before it blocks: the next one often arrives soon, and
//! waking a sleeping thread takes longer than such a job. Only one worker spins at a time.

use std::collections::VecDeque;
use std::hint;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::runtime::sync::lock;
use crate::runtime::wake;

/// How long a worker spins after a short job.
///
/// Sequential small writes take a third less time; a virtual machine needs most of that to wake a sleeping core.
const SPIN: Duration = Duration::from_micros(50);

pub(crate) struct Job {
    pub run: Box<dyn FnOnce() + Send>,
    /// Whether the job is short enough to defer the wake-ups of earlier jobs.
    pub is_short: bool,
}

#[derive(Default)]
pub(crate) struct Queue {
    jobs: Mutex<VecDeque<Job>>,
    arrived: Condvar,
    len: AtomicUsize,
    /// Whether a worker spins on `len`. At most one does.
    spinning: AtomicBool,
}

impl Queue {
    pub(crate) fn push(&self, job: Job) {
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
    pub(crate) fn is_empty(&self) -> bool {
        self.len.load(Ordering::Relaxed) == 0
    }

    /// Pops the next job, blocking. Spins first if `spin` is set.
    pub(crate) fn next(&self, mut spin: bool) -> Job {
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
pub(crate) fn can_spin() -> bool {
    thread::available_parallelism().is_ok_and(|cores| cores.get() > 1)
}
