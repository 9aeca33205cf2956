//! Threads that block on fsync.
//!
//! An fsync waits for the disk and needs no core, so on a worker thread it would delay other work. The kernel
//! commits its journal once for all calls that wait at the same time, so more threads make each call cheaper.
//! With 100 durable writes of 4 KiB in flight, 2 threads flush 1 000 objects per second, 32 threads 5 800 and
//! 100 threads 8 100 (ext4). One `syncfs` per 100 objects reaches 11 000, but it also flushes the files of
//! other programs and fails with their errors.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::runtime::open_files::open_files_limit;
use crate::runtime::pool::mark_as_worker;
use crate::runtime::sync::lock;

/// The maximum number of threads.
///
/// A low limit on open files reduces it, because each thread opens one or two directories.
const MAX_THREADS: u64 = 128;
/// One thread per this many files that the process may open.
const FILES_PER_THREAD: u64 = 8;

/// How long an idle thread waits for a job before it exits.
const KEEP_ALIVE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct FsyncPool {
    max_threads: usize,
    state: Mutex<FsyncState>,
    arrived: Condvar,
}

#[derive(Default)]
struct FsyncState {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
}

impl Default for FsyncPool {
    fn default() -> Self {
        let threads = (open_files_limit() / FILES_PER_THREAD).clamp(1, MAX_THREADS);
        let max_threads = usize::try_from(threads).unwrap_or(1);
        Self { max_threads, state: Mutex::default(), arrived: Condvar::new() }
    }
}

impl FsyncPool {
    /// Runs `job` on an idle thread, or on a new one up to the maximum.
    pub(crate) fn spawn(&'static self, job: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.state);
        state.jobs.push_back(Box::new(job));
        if state.idle >= state.jobs.len() || state.threads >= self.max_threads {
            drop(state);
            return self.arrived.notify_one();
        }
        state.threads += 1;
        drop(state);
        let named = thread::Builder::new().name("laboxide-flush".into());
        if named.spawn(|| self.work()).is_err() {
            self.spawn_failed();
        }
    }

    /// Leaves the queue to the existing threads. With none, runs the jobs on the calling thread.
    fn spawn_failed(&self) {
        let mut state = lock(&self.state);
        state.threads -= 1;
        while state.threads == 0
            && let Some(job) = state.jobs.pop_front()
        {
            drop(state);
            run(job);
            state = lock(&self.state);
        }
    }

    fn work(&self) {
        mark_as_worker();
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.jobs.pop_front() {
                drop(state);
                run(job);
                state = lock(&self.state);
                continue;
            }
            state.idle += 1;
            let (woken, wait) =
                self.arrived.wait_timeout(state, KEEP_ALIVE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if wait.timed_out() && state.jobs.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

fn run(job: Job) {
    // Jobs catch their own panics. This keeps the thread alive if reporting one panics.
    let _ = catch_unwind(AssertUnwindSafe(job));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{LazyLock, mpsc};

    static FSYNC_POOL: LazyLock<FsyncPool> = LazyLock::new(FsyncPool::default);

    #[test]
    fn pool_runs_every_job_within_its_maximum_of_threads() {
        let fsync_pool = &*FSYNC_POOL;
        let (sender, receiver) = mpsc::channel();
        for index in 0..10 * fsync_pool.max_threads {
            let sender = sender.clone();
            fsync_pool.spawn(move || {
                assert!(index % 7 > 0, "on purpose");
                sender.send(index).expect("open");
            });
        }
        drop(sender);
        let mut done: Vec<_> = receiver.iter().collect();
        done.sort_unstable();
        assert_eq!(done, (0..10 * fsync_pool.max_threads).filter(|index| index % 7 > 0).collect::<Vec<_>>());
        assert!(lock(&fsync_pool.state).threads <= fsync_pool.max_threads);
    }
}
