//! The workers' side of a stream: fills and hashes chunks ahead of the consumer.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::opened::Opened;
use super::{Buffer, check_read};
use crate::digest::serial::{HashInput, SerialStream};
use crate::digest::{Algorithm, Expected, StreamHash, subtree};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::io;
use crate::memory::slab::BLOCK;
use crate::runtime::open_files::{Admission, Permit, PermitHolder};
use crate::runtime::pool::guarded;
use crate::runtime::sequencer::Sequencer;
use crate::runtime::sync::lock;

type Notify = Box<dyn FnOnce(Result<()>) + Send>;

pub(crate) struct ReadAhead<B> {
    pub(super) engine: &'static Engine,
    pub(super) expected: Expected,
    pub(super) chunk_size: u64,
    pub(super) chunks: u64,
    /// The size of the aligned units of each chunk, if they can be hashed independently.
    unit: Option<usize>,
    hash: Mutex<StreamHash>,
    /// Orders the chunks, if they have to be hashed in order.
    sequencer: Option<Sequencer<Result<B>>>,
    /// Holds back buffers until there is a permit to open the object.
    pub(super) admission: Admission<(u64, B)>,
    object: Opened,
    permit: Mutex<Option<Permit>>,
    pub(super) ready: Mutex<Ready<B>>,
    pub(super) stopped: AtomicBool,
}

pub(super) struct Ready<B> {
    pub(super) chunks: BTreeMap<u64, Result<B>>,
    /// The index of the chunk that the consumer waits for, and its callback.
    pub(super) waiter: Option<(u64, Notify)>,
}

impl<B: Buffer> ReadAhead<B> {
    pub(super) fn new(
        admission: Admission<(u64, B)>,
        engine: &'static Engine,
        object: Opened,
        expected: Expected,
        chunk_size: usize,
    ) -> Self {
        let chunk_size = chunk_size.max(1) as u64;
        let chunks = expected.size.div_ceil(chunk_size).max(1);
        let unit = unit_of(chunk_size, chunks, &expected);
        let algorithms = expected.algorithms();
        let hash =
            if unit.is_some() { StreamHash::by_units(&algorithms) } else { StreamHash::new(&algorithms) };
        Self {
            engine,
            expected,
            chunk_size,
            chunks,
            unit,
            sequencer: (!hash.hashers.is_empty()).then(Sequencer::default),
            hash: Mutex::new(hash),
            admission,
            permit: Mutex::default(),
            object,
            ready: Mutex::new(Ready { chunks: BTreeMap::new(), waiter: None }),
            stopped: AtomicBool::new(false),
        }
    }

    pub(super) fn chunk_len(&self, index: u64) -> usize {
        let rest = self.expected.size.saturating_sub(index * self.chunk_size);
        usize::try_from(rest.min(self.chunk_size)).unwrap_or(usize::MAX)
    }

    pub(super) fn enter(self: &Arc<Self>, index: u64, buffer: B) {
        let request = || {
            let ahead = Arc::clone(self);
            self.engine.reading.admit(&self.engine.pool, move |permit| ahead.admitted(permit));
        };
        if let Some((index, buffer)) = self.admission.enter((index, buffer), request) {
            self.spawn(index, buffer);
        }
    }

    /// Stores the permit and queues the buffers that waited for it.
    fn admitted(self: &Arc<Self>, permit: Permit) {
        *lock(&self.permit) = Some(permit);
        if self.stopped.load(Ordering::Relaxed) {
            // Dropped in a job of its own: dropping a permit admits the next waiter, and many streams that
            // were stopped while waiting would recurse on one stack.
            let permit = lock(&self.permit).take();
            return self.engine.spawn(move || drop(permit));
        }
        for (index, buffer) in self.admission.open() {
            self.spawn(index, buffer);
        }
    }

    fn spawn(self: &Arc<Self>, index: u64, buffer: B) {
        let ahead = Arc::clone(self);
        self.engine.spawn(move || ahead.fill(index, buffer));
    }

    pub(super) fn close(&self) {
        self.object.close();
        drop(lock(&self.permit).take());
    }

    /// Offers the idle descriptor to other streams.
    ///
    /// The consumer may be slow or wait for another stream, and the task that needs the permit may be the
    /// consumer itself.
    fn offer(self: &Arc<Self>) {
        let holder: Weak<dyn PermitHolder> =
            Arc::downgrade(&(Arc::<Self>::clone(self) as Arc<dyn PermitHolder>));
        if self.engine.reading.offer(holder) {
            self.release_idle();
        }
    }

    fn fill(self: &Arc<Self>, index: u64, mut buffer: B) {
        let filled = guarded(|| {
            self.read(index, buffer.memory())?;
            Ok(buffer)
        });
        if self.admission.leave() {
            self.offer();
        }
        match &self.sequencer {
            None => self.deliver(index, filled),
            Some(sequencer) if sequencer.add(index, filled) => {
                self.engine.pairs.begin(&self.engine.pool, Arc::<Self>::clone(self));
            }
            Some(_) => {}
        }
    }

    fn read(&self, index: u64, memory: &mut [MaybeUninit<u8>]) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::Closed("the stream is closed"));
        }
        let object = self.object.get(&self.expected)?;
        let offset = index * self.chunk_size;
        let filled = io::read_at(&object.file, &object.path, memory, offset)?;
        io::require_full(&object.path, offset, filled, memory.len())?;
        if let Some(unit) = self.unit {
            let first = offset / unit as u64;
            for (index, part) in (first..).zip(initialised(memory).chunks(unit)) {
                let value = subtree(index * unit as u64, std::iter::once(part));
                if let Some(tree) = &mut lock(&self.hash).tree {
                    tree.insert(index, value);
                }
            }
        }
        Ok(())
    }

    fn deliver(&self, index: u64, chunk: Result<B>) {
        let mut ready = lock(&self.ready);
        if self.stopped.load(Ordering::Relaxed) && ready.waiter.is_none() {
            return;
        }
        ready.chunks.insert(index, chunk);
        if let Some((_, notify)) = ready.waiter.take_if(|(awaited, _)| *awaited == index) {
            drop(ready);
            notify(Ok(()));
        }
    }

    /// Compares the hash of the whole content with the expected one, after the last chunk.
    pub(super) fn check(&self) -> Result<()> {
        let algorithms = self.expected.algorithms();
        let digest = lock(&self.hash).clone().finish(self.expected.size, &algorithms);
        check_read(&self.object.path(), &self.expected, &digest)
    }
}

impl<B: Buffer> PermitHolder for ReadAhead<B> {
    /// Closes the file if no read is in flight. The next buffer waits for admission again.
    fn release_idle(&self) -> bool {
        let given_up = self.admission.close_if_idle(|| (self.object.give_up(), lock(&self.permit).take()));
        given_up.is_some_and(|(object, permit)| {
            drop(object);
            permit.is_some()
        })
    }
}

impl<B: Buffer> SerialStream for ReadAhead<B> {
    fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<HashInput<'_, '_>>)) {
        let Some((index, mut filled)) = self.sequencer.as_ref().and_then(Sequencer::take) else {
            return hash(None);
        };
        if let Ok(buffer) = &mut filled {
            let hashers = &mut lock(&self.hash).hashers;
            hash(Some(HashInput { hashers, parts: &mut std::iter::once(initialised(buffer.memory())) }));
        } else {
            hash(None);
        }
        self.deliver(index, filled);
    }

    fn has_more(self: Arc<Self>) -> bool {
        self.sequencer.as_ref().is_some_and(Sequencer::has_more)
    }
}

/// Returns the size of the units in which the chunks can be hashed independently.
///
/// BLAKE3 allows this if each chunk consists of whole units of a power of two. Units below 16 KiB are not used,
/// because joining them would cost too much.
fn unit_of(chunk_size: u64, chunks: u64, expected: &Expected) -> Option<usize> {
    let blake3 = matches!(expected.hash, Some((Algorithm::Blake3, _)));
    let unit = BLOCK.min(1 << chunk_size.trailing_zeros().min(63));
    (blake3 && chunks > 1 && unit >= 16 << 10).then_some(unit)
}

/// Returns the bytes of a buffer that a read has filled.
fn initialised(memory: &mut [MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: callers pass only buffers that `io::read_at` has filled to the end.
    unsafe { &*(std::ptr::from_mut(memory) as *const [u8]) }
}
