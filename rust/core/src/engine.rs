//! The engine of a process: its threads, its memory and its limits.
//!
//! One [`Engine`] serves all streams and objects of a process. It starts at its first use and is never freed.
//! A forked child starts its own.

use std::collections::HashSet;
use std::path::{self, Path, PathBuf};
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicPtr, Ordering};

use crate::digest::serial::Pairs;
use crate::error::Result;
use crate::memory::budget::Budget;
use crate::memory::slab::Slabs;
use crate::runtime::fork::count_fork;
use crate::runtime::fsync_pool::FsyncPool;
use crate::runtime::open_files::{OpenFiles, Permit};
use crate::runtime::pool::{FirstWorker, Pool};
use crate::runtime::sync::lock;

/// The worker threads of a process and the resources that they share.
#[derive(Default)]
pub struct Engine {
    pub(crate) pool: Pool,
    pub(crate) slabs: Slabs,
    pub(crate) budget: Budget,
    pub(crate) reading: OpenFiles,
    pub(crate) writing: OpenFiles,
    pub(crate) passing: OpenFiles,
    pub(crate) pairs: Pairs,
    pub(crate) export_directories: SeenDirectories,
    fsync_pool: FsyncPool,
}

/// Null before the first use. Null again in a forked child, which has no threads of its parent.
static CURRENT: AtomicPtr<Engine> = AtomicPtr::new(ptr::null_mut());

impl Engine {
    /// Returns the engine of this process. Starts it at the first use.
    ///
    /// Fails if no worker thread can be started: without workers, operations would never complete.
    pub fn current() -> Result<&'static Self> {
        let existing = CURRENT.load(Ordering::Acquire);
        if existing.is_null() {
            return Self::start();
        }
        // SAFETY: the stored pointer came from a box that is never freed.
        Ok(unsafe { &*existing })
    }

    /// Spawns the first worker before it publishes the engine, so a visible engine always has one.
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
                // SAFETY: another thread published its engine first, so this pointer was never shared.
                drop(unsafe { Box::from_raw(fresh) });
                // SAFETY: as above.
                Ok(unsafe { &*winner })
            }
        }
    }

    /// Abandons the engine of the parent process. Call this in a forked child.
    ///
    /// Threads that do not exist in the child may hold the locks of the old engine, so the old engine is
    /// neither used nor freed, and the next use starts a new one.
    pub fn forget_after_fork() {
        count_fork();
        CURRENT.store(ptr::null_mut(), Ordering::Release);
    }

    /// Returns the worker threads of this process. Starts the engine if this is its first use.
    pub fn pool() -> Result<&'static Pool> {
        Self::current().map(|engine| &engine.pool)
    }

    /// Returns true if this engine belongs to the running process, false in a forked child.
    #[must_use]
    pub fn is_current(&self) -> bool {
        self.pool.is_current()
    }

    /// Returns the number of worker threads.
    #[must_use]
    pub fn width(&self) -> usize {
        self.pool.width()
    }

    /// Runs `job` on a worker thread.
    pub fn spawn(&self, job: impl FnOnce() + Send + 'static) {
        self.pool.spawn(job);
    }

    /// Runs `work` on a worker thread and passes its result to `done`. A panic becomes an error.
    pub fn run<T>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
        done: impl FnOnce(Result<T>) + Send + 'static,
    ) {
        self.pool.run(work, done);
    }

    /// Runs `job` on a worker, with a permit to keep an object open for reading.
    pub(crate) fn spawn_reading(&'static self, job: impl FnOnce(Permit) + Send + 'static) {
        self.reading.admit(&self.pool, move |permit| self.spawn(move || job(permit)));
    }

    /// Runs `job` on a worker, with a permit to process a whole file.
    pub(crate) fn spawn_passing(&'static self, job: impl FnOnce(Permit) + Send + 'static) {
        self.passing.admit(&self.pool, move |permit| self.spawn(move || job(permit)));
    }

    /// Runs a job that publishes an object: on the fsync pool if `durable`, otherwise on this thread.
    pub(crate) fn publish(&'static self, durable: bool, job: impl FnOnce() + Send + 'static) {
        if durable { self.fsync_pool.spawn(job) } else { job() }
    }
}

/// The number of directories after which [`SeenDirectories`] starts over.
const MAX_DIRECTORIES: usize = 4096;

/// The directories that received exported files from this process.
///
/// The first export to a directory removes stale temporary files there.
#[derive(Default)]
pub(crate) struct SeenDirectories(Mutex<HashSet<PathBuf>>);

impl SeenDirectories {
    /// Adds `directory`. Returns true if it was not in the set.
    pub(crate) fn insert(&self, directory: &Path) -> bool {
        let directory = path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let mut seen = lock(&self.0);
        if seen.len() >= MAX_DIRECTORIES {
            seen.clear();
        }
        seen.insert(directory)
    }
}
