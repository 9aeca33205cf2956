//! One pass over bytes of known size: from a file or memory, to a file, memory or nowhere, hashed
//! on the way. Workers share it block by block.
//!
//! Each `strand` runs on a worker and claims the next block. A hash that needs the bytes in order follows, and
//! `window` limits how far the strands run ahead of it. `region` is memory that several strands fill, and
//! `open_file` hashes on the calling thread alone.

mod open_file;
mod region;
mod strand;
mod window;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use crate::digest::{Algorithm, ContentDigest};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::staged::StagedFile;
use crate::runtime::cancel::CancelToken;
pub(crate) use open_file::{hash_open_file, hash_open_file_by};
pub(crate) use region::Region;
use strand::RunningPass;

/// Where the bytes come from.
pub(crate) enum Source {
    File(Arc<File>, PathBuf),
    Memory(Box<dyn AsRef<[u8]> + Send + Sync>),
}

/// Where the bytes go to, besides the hashers.
pub(crate) enum Destination {
    Nowhere,
    Staged(StagedFile),
    Memory(Region),
}

/// What a pass gives back: the digest and where the bytes went.
pub(crate) struct Passed {
    pub digest: ContentDigest,
    pub destination: Destination,
}

impl Passed {
    /// The digest and the file of a pass that wrote one.
    pub(crate) fn into_staged(self) -> Result<(ContentDigest, StagedFile)> {
        match self.destination {
            Destination::Staged(staged) => Ok((self.digest, staged)),
            Destination::Nowhere | Destination::Memory(_) => Err(Error::Closed("nothing was written")),
        }
    }
}

type Done = Box<dyn FnOnce(Result<Passed>) + Send>;

/// What to pass over.
pub(crate) struct Pass {
    pub source: Source,
    pub destination: Destination,
    pub size: u64,
    pub algorithms: Vec<Algorithm>,
    pub cancel: CancelToken,
}

impl Pass {
    /// Starts the pass; its result goes to `done`, on a worker thread.
    pub(crate) fn start(self, engine: &'static Engine, done: impl FnOnce(Result<Passed>) + Send + 'static) {
        let strands = RunningPass::strands(&self, engine);
        let running = Arc::new(RunningPass::new(self, engine, strands, Box::new(done)));
        for _ in 1..strands {
            let strand = Arc::clone(&running);
            engine.spawn(move || strand.run());
        }
        running.run();
    }
}
