//! One pass over bytes of known size: read, write and hash, shared by the workers.
//!
//! The source is a file or memory; the destination is a staged file, memory or nothing. [`Pass::start`] queues
//! one `job` per worker. Each job claims the next block, reads it, writes it and hashes its BLAKE3 leaf, until
//! no block is left. Serial hashes (SHA-256) need the blocks in order: one worker at a time hashes them, and
//! `window` limits how far the jobs run ahead of it. The last job calls back with the digest.
//!
//! `region` is a destination in memory that several jobs fill. `open_file` hashes a file on the calling
//! thread, without other workers.

mod job;
mod open_file;
mod region;
mod window;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::digest::{Algorithm, ContentDigest};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::staged::StagedFile;
use crate::runtime::cancel::CancelToken;
use job::RunningPass;
pub(crate) use open_file::{hash_open_file, hash_open_file_with};
pub(crate) use region::Region;

/// The source of the bytes.
pub(crate) enum Source {
    File(Arc<File>, PathBuf),
    Memory(Arc<dyn AsRef<[u8]> + Send + Sync>),
}

/// The destination of the bytes.
pub(crate) enum Destination {
    Nowhere,
    Staged(StagedFile),
    Memory(Region),
}

/// The result of a pass: the digest and the destination.
pub(crate) struct Passed {
    pub digest: ContentDigest,
    pub destination: Destination,
}

impl Passed {
    /// Returns the digest and the staged file of a pass that wrote one.
    pub(crate) fn into_staged(self) -> Result<(ContentDigest, StagedFile)> {
        match self.destination {
            Destination::Staged(staged) => Ok((self.digest, staged)),
            Destination::Nowhere | Destination::Memory(_) => {
                Err(Error::Closed("the pass wrote no staged file"))
            }
        }
    }
}

type Done = Box<dyn FnOnce(Result<Passed>) + Send>;

/// A pass that has not started.
pub(crate) struct Pass {
    pub source: Source,
    pub destination: Destination,
    pub size: u64,
    pub algorithms: Vec<Algorithm>,
    pub cancel: CancelToken,
}

impl Pass {
    /// Returns a pass that only hashes a file.
    pub(crate) fn hashing(
        file: &Arc<File>,
        path: &Path,
        size: u64,
        algorithms: Vec<Algorithm>,
        cancel: CancelToken,
    ) -> Self {
        let source = Source::File(Arc::clone(file), path.to_owned());
        Self { source, destination: Destination::Nowhere, size, algorithms, cancel }
    }

    /// Starts the pass. A worker calls `done` with the result.
    pub(crate) fn start(self, engine: &'static Engine, done: impl FnOnce(Result<Passed>) + Send + 'static) {
        self.start_counted(engine, None, done);
    }

    /// Starts the pass as [`Pass::start`] does. `counter` counts the bytes.
    pub(crate) fn start_counted(
        self,
        engine: &'static Engine,
        counter: Option<Counter>,
        done: impl FnOnce(Result<Passed>) + Send + 'static,
    ) {
        if let Some(counter) = &counter {
            counter.reset();
        }
        RunningPass::start(self, engine, counter, Box::new(done));
    }
}

/// Counts the bytes that a pass has read. Its clones share one count.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Returns the bytes that the last pass has read: a second pass over the same bytes starts at 0.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self, len: usize) {
        self.0.fetch_add(len as u64, Ordering::Relaxed);
    }

    fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_a_count_that_a_second_pass_resets() {
        let counter = Counter::default();
        let clone = counter.clone();
        clone.add(3);
        clone.add(4);
        assert_eq!(counter.get(), 7);
        counter.reset();
        clone.add(2);
        assert_eq!(counter.get(), 2);
    }
}
