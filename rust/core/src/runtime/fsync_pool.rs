//! Threads that wait for the device.
//!
//! A flush is waiting, not work: on a worker it would keep a core from everyone else's work. And the
//! kernel makes one commit of its journal for all flushes that wait at once, so the more of them wait
//! together, the less each costs: of 4 KiB objects, 100 in flight, 1 000 a second are flushed by
//! two threads, 5 800 by 32, 8 100 by 100 (ext4; `syncfs` for a hundred at a time makes it 11 000,
//! but it flushes what everybody else has written, too, and fails for their errors).

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::runtime::open_files::open_files_limit;
use crate::runtime::pool::become_worker;
use crate::runtime::sync::lock;

/// Each opens a directory or two for a moment: a process that may have few files open gets fewer.
const MOST: u64 = 128;
const FILES_FOR_ONE: u64 = 8;

/// How long a thread stays when there is nothing to flush.
const LINGER: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

pub(crate) struct FsyncPool {
    most: usize,
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
        let most = (open_files_limit() / FILES_FOR_ONE).clamp(1, MOST);
        let most = usize::try_from(most).unwrap_or(1);
        Self { most, state: Mutex::default(), arrived: Condvar::new() }
    }
}

impl FsyncPool {
    /// Runs `job` on one of the threads, which are started as they are needed.
    pub(crate) fn spawn(&'static self, job: impl FnOnce() + Send + 'static) {
        let mut state = lock(&self.state);
        state.jobs.push_back(Box::new(job));
        if state.idle >= state.jobs.len() || state.threads >= self.most {
            drop(state);
            return self.arrived.notify_one();
        }
        state.threads += 1;
        drop(state);
        let named = thread::Builder::new().name("laboxide-flush".into());
        if named.spawn(|| self.work()).is_err() {
            self.do_without();
        }
    }

    /// No thread is to be had: those that there are do it, or else this one.
    fn do_without(&self) {
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
        become_worker();
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
                self.arrived.wait_timeout(state, LINGER).unwrap_or_else(PoisonError::into_inner);
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
    // Jobs guard themselves; this keeps the thread when even that fails.
    let _ = catch_unwind(AssertUnwindSafe(job));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{LazyLock, mpsc};

    static FSYNC_POOL: LazyLock<FsyncPool> = LazyLock::new(FsyncPool::default);

    #[test]
    fn every_job_is_done_by_no_more_threads_than_there_may_be() {
        let fsync_pool = &*FSYNC_POOL;
        let (sender, receiver) = mpsc::channel();
        for index in 0..10 * fsync_pool.most {
            let sender = sender.clone();
            fsync_pool.spawn(move || {
                assert!(index % 7 > 0, "a job that panics takes no other with it");
                sender.send(index).expect("open");
            });
        }
        drop(sender);
        let mut done: Vec<_> = receiver.iter().collect();
        done.sort_unstable();
        assert_eq!(done, (0..10 * fsync_pool.most).filter(|index| index % 7 > 0).collect::<Vec<_>>());
        assert!(lock(&fsync_pool.state).threads <= fsync_pool.most);
    }
}
