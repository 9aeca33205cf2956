//! The engine of a process: its threads, its memory and its limits, put together.
//!
//! One [`Engine`] serves all streams and objects of a process. It starts at its first use, is never freed, and
//! a forked child starts its own.

use std::collections::HashSet;
use std::path::{self, Path, PathBuf};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::digest::ordered::Pairs;
use crate::error::Result;
use crate::memory::budget::Budget;
use crate::memory::slab::Slabs;
use crate::runtime::fork::count_fork;
use crate::runtime::fsync_pool::FsyncPool;
use crate::runtime::open_files::{OpenFiles, Permit};
use crate::runtime::pool::{FirstWorker, Pool};
use crate::runtime::sync::lock;

/// The worker threads of this process and the memory that they share.
#[derive(Default)]
pub struct Engine {
    pub(crate) pool: Pool,
    pub(crate) slabs: Slabs,
    pub(crate) budget: Budget,
    pub(crate) reading: OpenFiles,
    pub(crate) writing: OpenFiles,
    pub(crate) passing: OpenFiles,
    pub(crate) pairs: Pairs,
    pub(crate) visited: Visited,
    fsync_pool: FsyncPool,
}

/// Null until first used, and again in a forked child, which has none of its parent's threads.
static CURRENT: AtomicPtr<Engine> = AtomicPtr::new(ptr::null_mut());

impl Engine {
    /// The engine of this process, started on first use. It has one thread at least: without any, an
    /// operation would never end.
    pub fn current() -> Result<&'static Self> {
        let existing = CURRENT.load(Ordering::Acquire);
        if existing.is_null() {
            return Self::start();
        }
        // SAFETY: the stored pointer came from a box that is never freed.
        Ok(unsafe { &*existing })
    }

    /// The first thread is there before anybody can find the engine, and waits until it is found.
    fn start() -> Result<&'static Self> {
        let first = FirstWorker::spawn()?;
        let fresh = Box::into_raw(Box::<Self>::default());
        match CURRENT.compare_exchange(ptr::null_mut(), fresh, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => {
                // SAFETY: as above.
                let engine = unsafe { &*fresh };
                engine.pool.start(first);
                Ok(engine)
            }
            Err(winner) => {
                // SAFETY: another thread was first, so no other thread has this pointer.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: as above.
                Ok(unsafe { &*winner })
            }
        }
    }

    /// To be called in a forked child: the old engine's locks may be held by threads that the child
    /// does not have, so it is left as it is and the next use starts a new one.
    pub fn forget_after_fork() {
        count_fork();
        CURRENT.store(ptr::null_mut(), Ordering::Release);
    }

    /// Returns the worker threads of this process. Starts the engine if this is its first use.
    pub fn pool() -> Result<&'static Pool> {
        Self::current().map(|engine| &engine.pool)
    }

    /// Whether this is still the engine of the running process, which it is not after a fork.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pool.is_current()
    }

    /// How many threads work at once.
    #[must_use]
    pub fn width(&self) -> usize {
        self.pool.width()
    }

    /// Runs `job` on a worker thread.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        self.pool.spawn(job);
    }

    /// Runs `work` on a worker thread and hands its result, or its panic as an error, to `done`.
    pub fn run<T>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.pool.run(work, done);
    }

    /// Runs `job`, which reads an object that stays open, on a worker.
    pub(crate) fn spawn_reading(&'static self, job: impl FnOnce(Permit) + Send + 'static) {
        self.reading.admit(&self.pool, move |permit| self.spawn(move || job(permit)));
    }

    /// Runs `job`, which is done with a file in one go, on a worker.
    pub(crate) fn spawn_passing(&'static self, job: impl FnOnce(Permit) + Send + 'static) {
        self.passing.admit(&self.pool, move |permit| self.spawn(move || job(permit)));
    }

    /// Runs the job that publishes: here, or where it waits for the device if it does.
    pub(crate) fn publish(&'static self, durable: bool, job: impl FnOnce() + Send + 'static) {
        if durable { self.fsync_pool.spawn(job) } else { job() }
    }
}

/// How many directories of exports are remembered.
const REMEMBERED: usize = 4096;

/// The directories in which exports of this process have had temporary names.
#[derive(Default)]
pub(crate) struct Visited(Mutex<HashSet<PathBuf>>);

impl Visited {
    /// Whether this is the first time that one is needed in `directory`.
    pub(crate) fn is_first(&self, directory: &Path) -> bool {
        let directory = path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let mut visited = lock(&self.0);
        if visited.len() >= REMEMBERED {
            visited.clear();
        }
        visited.insert(directory)
    }
}
