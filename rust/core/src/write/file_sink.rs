//! The staged file of a stream, opened by the first worker that writes a block.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, RwLock};

use super::sink::BlockSink;
use crate::error::{Context as _, Error, Result};
use crate::fs::kind::preallocate;
use crate::fs::staged::StagedFile;
use crate::runtime::open_files::Permit;
use crate::runtime::sync::{self, lock};
use crate::store::Store;

/// Space is reserved ahead in doubling steps, from this many blocks up to [`STEP_MAX`] bytes.
const BLOCKS_AHEAD: u64 = 4;
const STEP_MAX: u64 = 64 << 20;

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
