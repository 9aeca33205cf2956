//! The places where the blocks of a stream are written: the interface, and the staged file of a store.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use crate::error::{Context as _, Error, Result};
use crate::fs::kind::preallocate;
use crate::fs::staged::StagedFile;
use crate::runtime::open_files::Permit;
use crate::runtime::sync::{self, lock};
use crate::store::Store;

/// A callback that runs once, with the error if the stream was stopped.
pub type Notify = Box<dyn FnOnce(Result<()>) + Send>;

/// Stores the blocks of a stream, such as a staged file or an upload.
///
/// Workers write several blocks at once and in any order. All blocks of a stream have the same size, except
/// the last one, so a sink with larger parts can compute from an offset which part a block belongs to.
/// A stream that ends within its first block writes nothing: the caller takes that block instead.
///
/// No method may wait for a network, because a blocked worker delays all other streams. A sink that sends its
/// blocks copies them, returns, and reports an error at the next call. It bounds its memory with
/// [`Self::is_full`].
pub trait BlockSink: Send + Sync {
    /// Returns whether the sink needs a permit for an open file before its first block.
    fn needs_permit(&self) -> bool {
        false
    }

    /// Accepts the permit. Returns it if the sink is closed already.
    fn permit(&self, permit: Permit) -> Option<Permit> {
        Some(permit)
    }

    /// Writes the parts of a block of `len` bytes one after the other, starting at `offset`.
    fn write(&self, offset: u64, len: usize, parts: &mut dyn Iterator<Item = &[u8]>) -> Result<()>;

    /// Returns whether the producer has to wait for [`Self::when_room`] after the current block.
    fn is_full(&self) -> bool {
        false
    }

    /// Calls `notify` once the sink has room or is closed, immediately if it is.
    fn when_room(&self, notify: Notify) {
        notify(Ok(()));
    }

    /// Ends the content after `size` bytes. All blocks are written by then.
    fn end(&self, size: u64) -> Result<()>;

    /// Removes everything that was written and refuses further blocks. The space is free afterwards.
    ///
    /// A worker calls this after an error or an abort, also while others write.
    fn discard(&self);

    /// Returns whether the sink was discarded or its content was taken. Called on the loop's thread.
    fn is_closed(&self) -> bool;
}

/// Space is reserved ahead in doubling steps, from this many blocks up to [`STEP_MAX`] bytes.
const BLOCKS_AHEAD: u64 = 4;
const STEP_MAX: u64 = 64 << 20;

/// The staged file of a stream, opened by the first worker that writes a block.
pub(crate) struct FileSink {
    store: Arc<Store>,
    file: RwLock<FileState>,
    taken: AtomicBool,
    /// The end of the reserved space. None once the file system has refused.
    reserved: Mutex<Option<u64>>,
}

enum FileState {
    Unopened(Option<Permit>),
    Open(StagedFile),
    Taken,
}

impl FileSink {
    pub(crate) fn new(store: Arc<Store>) -> Self {
        Self {
            store,
            file: RwLock::new(FileState::Unopened(None)),
            taken: AtomicBool::new(false),
            reserved: Mutex::new(Some(0)),
        }
    }

    pub(crate) fn store(&self) -> Arc<Store> {
        Arc::clone(&self.store)
    }

    fn open(&self) -> Result<()> {
        if !matches!(*sync::read(&self.file), FileState::Unopened(_)) {
            return Ok(());
        }
        let mut state = sync::write(&self.file);
        if let FileState::Unopened(permit) = &mut *state {
            let staged = self.store.stage()?;
            *state = FileState::Open(match permit.take() {
                Some(permit) => staged.with_permit(permit),
                None => staged,
            });
        }
        Ok(())
    }

    fn reserve(&self, staged: &StagedFile, offset: u64, len: u64) {
        if !self.store.file_system().preallocates {
            return;
        }
        let mut reserved = lock(&self.reserved);
        while let Some(until) = reserved.filter(|until| *until < offset + len) {
            let step = until.clamp(BLOCKS_AHEAD * len, STEP_MAX);
            *reserved = preallocate(staged.file(), until, step).then_some(until + step);
        }
    }

    /// Takes the file out of the sink, which is closed afterwards.
    pub(crate) fn take(&self) -> Option<StagedFile> {
        self.taken.store(true, Ordering::Relaxed);
        let mut state = sync::write(&self.file);
        match std::mem::replace(&mut *state, FileState::Taken) {
            FileState::Open(staged) => Some(staged),
            FileState::Unopened(_) | FileState::Taken => None,
        }
    }
}

impl BlockSink for FileSink {
    fn needs_permit(&self) -> bool {
        true
    }

    fn permit(&self, permit: Permit) -> Option<Permit> {
        let mut state = sync::write(&self.file);
        match &mut *state {
            FileState::Unopened(slot) => slot.replace(permit),
            FileState::Open(_) | FileState::Taken => Some(permit),
        }
    }

    fn write(&self, offset: u64, len: usize, parts: &mut dyn Iterator<Item = &[u8]>) -> Result<()> {
        self.open()?;
        let state = sync::read(&self.file);
        let FileState::Open(staged) = &*state else { return Err(Error::Closed("the stream was aborted")) };
        self.reserve(staged, offset, len as u64);
        staged.write(offset, parts)
    }

    /// Truncates the space that was reserved beyond the end.
    fn end(&self, size: u64) -> Result<()> {
        let state = sync::read(&self.file);
        let FileState::Open(staged) = &*state else { return Err(Error::Closed("the stream was aborted")) };
        if *lock(&self.reserved) != Some(0) {
            // Checked first: reserving leaves the size alone, and `set_len` would fill missing bytes.
            staged.check_size(size)?;
            staged.file().set_len(size).context("truncate", staged.path())?;
        }
        Ok(())
    }

    /// Lock-free, because the loop's thread calls it.
    fn is_closed(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// Removes the file and prevents another one from being opened. The space is free on return.
    fn discard(&self) {
        self.taken.store(true, Ordering::Relaxed);
        *sync::write(&self.file) = FileState::Taken;
    }
}
