//! One pass over bytes of known size: from a file or memory, to a file, memory or nowhere, hashed
//! on the way. Workers share it block by block.

use std::fs::File;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::cancel::CancelToken;
use crate::digest::{Algorithm, ContentDigest, StreamHash, subtree};
use crate::error::{Error, Result};
use crate::io;
use crate::pool::{Engine, guarded, lock};
use crate::slab::BLOCK;
use crate::write::StagedFile;

/// After this long a strand goes to the end of the queue, so that small objects get their turn.
const TURN: Duration = Duration::from_millis(5);

/// Where the bytes come from.
pub(crate) enum Source {
    File(Arc<File>, PathBuf),
    Memory(Box<dyn AsRef<[u8]> + Send + Sync>),
}

/// Where the bytes go to, besides the hashers.
pub(crate) enum Sink {
    Nowhere,
    Staged(StagedFile),
    Memory(Region),
}

/// Memory that is filled block by block, each block by one worker.
pub(crate) struct Region {
    start: *mut MaybeUninit<u8>,
    len: usize,
}

// SAFETY: a region is memory that nobody else reads or writes until the pass is over (see `new`),
// and within the pass each byte belongs to the one worker that has claimed its block.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// # Safety
    /// The memory stays where it is and is not touched by anyone else until the pass has handed its
    /// result to `done`.
    pub(crate) unsafe fn new(memory: &mut [MaybeUninit<u8>]) -> Self {
        Self { start: memory.as_mut_ptr(), len: memory.len() }
    }

    /// # Safety
    /// At any time each byte is in at most one slice.
    #[allow(clippy::mut_from_ref)]
    unsafe fn slice(&self, offset: u64, len: usize) -> &mut [MaybeUninit<u8>] {
        let offset = usize::try_from(offset).expect("within memory");
        assert!(offset + len <= self.len, "within the region");
        // SAFETY: in bounds by the assertion, exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), len) }
    }
}

/// What a pass gives back: the digest and where the bytes went.
pub(crate) struct Passed {
    pub digest: ContentDigest,
    pub sink: Sink,
}

impl Passed {
    /// The digest and the file of a pass that wrote one.
    pub(crate) fn into_staged(self) -> Result<(ContentDigest, StagedFile)> {
        match self.sink {
            Sink::Staged(staged) => Ok((self.digest, staged)),
            Sink::Nowhere | Sink::Memory(_) => Err(Error::Closed("nothing was written")),
        }
    }
}

type Done = Box<dyn FnOnce(Result<Passed>) + Send>;

/// What to pass over.
pub(crate) struct Pass {
    pub source: Source,
    pub sink: Sink,
    pub size: u64,
    pub algorithms: Vec<Algorithm>,
    pub cancel: CancelToken,
}

impl Pass {
    /// Starts the pass; its result goes to `done`, on a worker thread.
    pub(crate) fn start(self, engine: &'static Engine, done: impl FnOnce(Result<Passed>) + Send + 'static) {
        let blocks = self.size.div_ceil(BLOCK as u64);
        let hash = if blocks > 1 {
            StreamHash::by_units(&self.algorithms)
        } else {
            StreamHash::new(&self.algorithms)
        };
        // A hash that needs the bytes in order is followed by one strand alone.
        let width = if hash.hashers.is_empty() { Engine::width() as u64 } else { 1 };
        let strands = usize::try_from(width.min(blocks).max(1)).unwrap_or(1);
        let running = Arc::new(Running {
            engine,
            ends: RwLock::new(Some((self.source, self.sink))),
            size: self.size,
            blocks,
            algorithms: self.algorithms,
            cancel: self.cancel,
            hash: Mutex::new(hash),
            next: AtomicU64::new(0),
            strands: AtomicUsize::new(strands),
            error: Mutex::new(None),
            done: Mutex::new(Some(Box::new(done))),
        });
        for _ in 1..strands {
            let strand = Arc::clone(&running);
            engine.spawn(move || strand.run());
        }
        running.run();
    }
}

struct Running {
    engine: &'static Engine,
    /// Taken by the last strand; read by all the others.
    ends: RwLock<Option<(Source, Sink)>>,
    size: u64,
    blocks: u64,
    algorithms: Vec<Algorithm>,
    cancel: CancelToken,
    hash: Mutex<StreamHash>,
    next: AtomicU64,
    strands: AtomicUsize,
    error: Mutex<Option<Error>>,
    done: Mutex<Option<Done>>,
}

impl Running {
    fn run(self: Arc<Self>) {
        let begun = Instant::now();
        while self.go_on() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            if index >= self.blocks {
                break;
            }
            if let Err(error) = guarded(|| self.block(index)) {
                lock(&self.error).get_or_insert(error);
            }
            if begun.elapsed() > TURN {
                let engine = self.engine;
                return engine.spawn(move || self.run());
            }
        }
        if self.strands.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.finish();
        }
    }

    fn go_on(&self) -> bool {
        let mut error = lock(&self.error);
        if let (None, Err(cancelled)) = (&*error, self.cancel.check()) {
            *error = Some(cancelled);
        }
        error.is_none()
    }

    fn block(&self, index: u64) -> Result<()> {
        let ends = self.ends.read().unwrap_or_else(PoisonError::into_inner);
        let Some((source, sink)) = &*ends else { return Ok(()) };
        let offset = index * BLOCK as u64;
        let len = usize::try_from(self.size - offset).unwrap_or(usize::MAX).min(BLOCK);
        match (source, sink) {
            (Source::File(file, path), Sink::Memory(region)) => {
                // SAFETY: block `index` was claimed by this strand alone.
                let memory = unsafe { region.slice(offset, len) };
                let filled = io::read_at(file, path, memory, offset)?;
                io::require_full(path, offset, filled, len)?;
                // SAFETY: all of `memory` was initialised by the read, and nobody writes to it now.
                let data = unsafe { &*(std::ptr::from_ref(memory) as *const [u8]) };
                self.hash(index, data);
                Ok(())
            }
            (Source::File(file, path), _) => {
                let mut slab = self.engine.slabs.take();
                let read = io::read_into_slab(file, path, &mut slab, len, offset);
                let result = read.and_then(|()| self.take_in(index, &slab, sink));
                self.engine.slabs.give(slab);
                result
            }
            (Source::Memory(memory), _) => {
                let start = usize::try_from(offset).expect("within memory");
                self.take_in(index, &(**memory).as_ref()[start..start + len], sink)
            }
        }
    }

    fn take_in(&self, index: u64, data: &[u8], sink: &Sink) -> Result<()> {
        // Writing first leaves the data in the cache for the hash: 3-5 % more.
        if let Sink::Staged(staged) = sink {
            let offset = index * BLOCK as u64;
            io::write_all_at(staged.file(), staged.path(), std::iter::once(data), offset)?;
        }
        self.hash(index, data);
        Ok(())
    }

    fn hash(&self, index: u64, data: &[u8]) {
        if self.blocks > 1 && self.algorithms.contains(&Algorithm::Blake3) {
            let value = subtree(index * BLOCK as u64, std::iter::once(data));
            if let Some(tree) = &mut lock(&self.hash).tree {
                tree.insert(index, value);
            }
        }
        // With any of these there is one strand only, so the lock is never waited for.
        lock(&self.hash).hashers.iter_mut().for_each(|hasher| hasher.update(data));
    }

    fn finish(&self) {
        let ends = self.ends.write().unwrap_or_else(PoisonError::into_inner).take();
        let (Some(done), Some((source, sink))) = (lock(&self.done).take(), ends) else { return };
        // Closed, and lent memory let go of, before anyone is told that the pass is over.
        drop(source);
        done(match lock(&self.error).take() {
            Some(error) => {
                // The space is free before anyone learns that it was not enough.
                drop(sink);
                Err(error)
            }
            None => guarded(|| {
                let digest = lock(&self.hash).clone().finish(self.size, &self.algorithms);
                Ok(Passed { digest, sink })
            }),
        });
    }
}
