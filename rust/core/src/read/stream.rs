//! A stream being read: workers fill and hash chunks ahead of the consumer.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::{Buffer, check_read};
use crate::budget::Seat;
use crate::descriptors::Permit;
use crate::digest::{Algorithm, Expected, StreamHash, subtree};
use crate::entrance::{Entrance, Entry};
use crate::error::{Error, Result};
use crate::io;
use crate::lane::Lane;
use crate::mutant;
use crate::pool::{Engine, guarded, lock};
use crate::slab::BLOCK;
use crate::store::Object;
use crate::turn::Turn;

/// Chunks that are read ahead even if that is more than three quarters of what the stream may hold,
/// but not if it is more than all. One chunk always is.
const AHEAD_CHUNKS: u64 = 4;

/// What there is for the consumer.
pub enum Taken<B> {
    /// The next chunk.
    Chunk(B),
    /// Nothing yet: wait.
    Pending,
    /// The content has ended, and all of it was right.
    End,
}

type Notify = Box<dyn FnOnce(Result<()>) + Send>;
type Open = Box<dyn FnOnce() -> Result<Object> + Send>;

/// Reads an object chunk by chunk into buffers that the consumer supplies.
///
/// If a hash is expected, each chunk is hashed before it is handed out, and the last one is handed
/// out only when the hash of the whole is right.
pub struct StreamReader<B: Buffer> {
    shared: Arc<Shared<B>>,
    front: Mutex<Front>,
}

struct Front {
    supplied: u64,
    taken: u64,
    turn: Turn,
    closed: bool,
    /// Taken with the first buffer, given up with the last.
    seat: Option<Seat>,
}

impl Front {
    /// Tells whether it was closed already.
    fn close(&mut self) -> bool {
        self.seat = None;
        std::mem::replace(&mut self.closed, true)
    }
}

struct Shared<B> {
    engine: &'static Engine,
    expected: Expected,
    chunk_size: u64,
    chunks: u64,
    /// The size of the aligned units that make up each chunk, if they can be hashed apart.
    unit: Option<usize>,
    hash: Mutex<StreamHash>,
    /// Whether chunks have to be hashed one after the other, on `lane`.
    in_order: bool,
    lane: Lane<Result<B>>,
    /// Buffers wait here for the right to open the object.
    entrance: Entrance<(u64, B)>,
    object: Mutex<Opened>,
    permit: Mutex<Option<Permit>>,
    ready: Mutex<Ready<B>>,
    stopped: AtomicBool,
}

enum Opened {
    NotYet(Open),
    Done(Result<Object>),
    Closed,
}

struct Ready<B> {
    chunks: BTreeMap<u64, Result<B>>,
    /// The chunk that the consumer waits for.
    waiter: Option<(u64, Notify)>,
}

impl<B: Buffer> StreamReader<B> {
    /// A reader of the object that `open` gives, which the first worker calls.
    pub fn new(
        engine: &'static Engine,
        open: impl FnOnce() -> Result<Object> + Send + 'static,
        expected: Expected,
        chunk_size: usize,
    ) -> Self {
        Self::through(Entrance::new(false), engine, Box::new(open), expected, chunk_size)
    }

    /// A reader of an object that is open, and may be.
    #[must_use]
    pub fn of(engine: &'static Engine, object: Object, expected: Expected, chunk_size: usize) -> Self {
        let open =
            move || if mutant::is_on("verified-path-reopened") { object.reopened() } else { Ok(object) };
        Self::through(Entrance::new(true), engine, Box::new(open), expected, chunk_size)
    }

    fn through(
        entrance: Entrance<(u64, B)>,
        engine: &'static Engine,
        open: Open,
        expected: Expected,
        chunk_size: usize,
    ) -> Self {
        let chunk_size = chunk_size.max(1) as u64;
        let chunks = expected.size.div_ceil(chunk_size).max(1);
        let unit = unit_of(chunk_size, chunks, &expected);
        let algorithms = expected.algorithms();
        let hash =
            if unit.is_some() { StreamHash::by_units(&algorithms) } else { StreamHash::new(&algorithms) };
        let in_order = !hash.hashers.is_empty();
        let shared = Shared {
            engine,
            in_order,
            expected,
            chunk_size,
            chunks,
            unit,
            hash: Mutex::new(hash),
            lane: Lane::default(),
            entrance,
            permit: Mutex::default(),
            object: Mutex::new(Opened::NotYet(open)),
            ready: Mutex::new(Ready { chunks: BTreeMap::new(), waiter: None }),
            stopped: AtomicBool::new(false),
        };
        let front = Front { supplied: 0, taken: 0, turn: Turn::default(), closed: false, seat: None };
        Self { shared: Arc::new(shared), front: Mutex::new(front) }
    }

    /// The size of the next buffer to supply, or None while enough are on their way.
    pub fn wants(&self) -> Option<usize> {
        if !self.shared.engine.is_current() {
            return None;
        }
        let front = lock(&self.front);
        let shared = &self.shared;
        let ahead = front.supplied - front.taken;
        let bytes = ahead * shared.chunk_size;
        let share = shared.engine.budget.share() as u64;
        let enough = (bytes >= share / 4 * 3 && ahead >= AHEAD_CHUNKS)
            || (ahead > 0 && bytes + shared.chunk_size > share);
        if front.closed || front.supplied == shared.chunks || enough {
            return None;
        }
        Some(shared.chunk_len(front.supplied))
    }

    /// Gives a buffer of the size that [`Self::wants`] told.
    pub fn supply(&self, buffer: B) {
        let mut front = lock(&self.front);
        let index = front.supplied;
        front.supplied += 1;
        let seat = front.seat.get_or_insert_with(|| self.shared.engine.budget.join());
        seat.hold(self.shared.chunk_len(index));
        self.shared.enter(index, buffer);
    }

    /// The next chunk, if it is ready.
    pub fn take(&self) -> Result<Taken<B>> {
        if !self.shared.engine.is_current() {
            return Err(Error::Forked);
        }
        let mut front = lock(&self.front);
        let shared = &self.shared;
        if front.closed || front.taken == shared.chunks {
            front.seat = None;
            return Ok(Taken::End);
        }
        let Some(chunk) = lock(&shared.ready).chunks.remove(&front.taken) else {
            front.turn.end();
            return Ok(Taken::Pending);
        };
        front.seat.iter().for_each(|seat| seat.let_go(shared.chunk_len(front.taken)));
        front.taken += 1;
        let last = front.taken == shared.chunks;
        let checked = chunk.and_then(|chunk| if last { shared.check().map(|()| chunk) } else { Ok(chunk) });
        if checked.is_err() {
            shared.stopped.store(true, Ordering::Relaxed);
        }
        if shared.expected.size == 0 { checked.map(|_| Taken::End) } else { checked.map(Taken::Chunk) }
    }

    /// Whether the consumer should let the event loop have a turn.
    pub fn pause_due(&self) -> bool {
        lock(&self.front).turn.is_over()
    }

    /// Calls `notify` once [`Self::take`] has something, at once if it has. Of small chunks it waits
    /// for as many as make up a block: each time that a loop is woken costs as much as hashing 100 KiB.
    pub fn wait(&self, notify: impl FnOnce(Result<()>) + Send + 'static) {
        let (first, supplied) = {
            let front = lock(&self.front);
            (front.taken, front.supplied)
        };
        let group = (BLOCK as u64 / self.shared.chunk_size).max(1);
        let mut ready = lock(&self.shared.ready);
        let missing = |index: &u64| !ready.chunks.contains_key(index);
        let last_missing = (first..supplied.min(first + group)).rev().find(missing);
        if let Some(last) = last_missing.filter(|_| missing(&first)) {
            ready.waiter = Some((last, Box::new(notify)));
            return;
        }
        drop(ready);
        notify(Ok(()));
    }

    /// Stops reading ahead. Buffers that are being filled are let go of by their workers.
    pub fn close(&self) {
        if !self.shared.engine.is_current() || lock(&self.front).close() {
            return;
        }
        self.shared.stopped.store(true, Ordering::Relaxed);
        let unread = std::mem::take(&mut lock(&self.shared.ready).chunks);
        drop((unread, self.shared.entrance.take_waiting()));
        let shared = Arc::clone(&self.shared);
        // The file may have been deleted meanwhile; closing the last descriptor then frees its
        // blocks, which takes milliseconds: not on the loop's thread.
        self.shared.engine.spawn(move || shared.close());
    }
}

impl<B: Buffer> Drop for StreamReader<B> {
    fn drop(&mut self) {
        self.close();
    }
}

/// BLAKE3 can be hashed in units apart if each chunk is made up of whole ones: powers of two, and
/// not so small that joining them would be felt.
fn unit_of(chunk_size: u64, chunks: u64, expected: &Expected) -> Option<usize> {
    let blake3 = matches!(expected.hash, Some((Algorithm::Blake3, _)));
    let unit = BLOCK.min(1 << chunk_size.trailing_zeros().min(63));
    (blake3 && chunks > 1 && unit >= 16 << 10).then_some(unit)
}

impl<B: Buffer> Shared<B> {
    fn chunk_len(&self, index: u64) -> usize {
        let rest = self.expected.size.saturating_sub(index * self.chunk_size);
        usize::try_from(rest.min(self.chunk_size)).unwrap_or(usize::MAX)
    }

    fn enter(self: &Arc<Self>, index: u64, buffer: B) {
        match self.entrance.enter((index, buffer)) {
            Entry::Passed((index, buffer)) => self.spawn(index, buffer),
            Entry::First => {
                let shared = Arc::clone(self);
                self.engine.reading.admit(self.engine, move |permit| shared.admitted(permit));
            }
            Entry::Kept => {}
        }
    }

    /// The object may be opened: the buffers that have waited for it are filled.
    fn admitted(self: &Arc<Self>, permit: Permit) {
        *lock(&self.permit) = Some(permit);
        if self.stopped.load(Ordering::Relaxed) {
            return self.give_permit_back();
        }
        for (index, buffer) in self.entrance.open() {
            self.spawn(index, buffer);
        }
    }

    fn spawn(self: &Arc<Self>, index: u64, buffer: B) {
        let shared = Arc::clone(self);
        self.engine.spawn(move || shared.fill(index, buffer));
    }

    fn close(&self) {
        *lock(&self.object) = Opened::Closed;
        self.give_permit_back();
    }

    fn give_permit_back(&self) {
        let permit = lock(&self.permit).take();
        drop(permit);
    }

    fn fill(&self, index: u64, mut buffer: B) {
        let filled = guarded(|| {
            self.read(index, buffer.memory())?;
            Ok(buffer)
        });
        if !self.in_order {
            return self.deliver(index, filled);
        }
        self.lane.pass(index, filled, |index, filled| {
            self.deliver(
                index,
                filled.map(|mut buffer| {
                    self.hash_in_order(buffer.memory());
                    buffer
                }),
            );
        });
    }

    fn read(&self, index: u64, memory: &mut [MaybeUninit<u8>]) -> Result<()> {
        if self.stopped.load(Ordering::Relaxed) {
            return Err(Error::Closed("the stream is closed"));
        }
        let object = self.open()?;
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

    fn hash_in_order(&self, memory: &mut [MaybeUninit<u8>]) {
        let mut hash = lock(&self.hash);
        hash.hashers.iter_mut().for_each(|hasher| hasher.update(initialised(memory)));
    }

    /// The object, opened by whichever worker is first.
    fn open(&self) -> Result<Object> {
        let mut object = lock(&self.object);
        if matches!(*object, Opened::NotYet(_))
            && let Opened::NotYet(open) = std::mem::replace(&mut *object, Opened::Closed)
        {
            *object = Opened::Done(guarded(|| {
                let object = open()?;
                object.check_size(&self.expected)?;
                Ok(object)
            }));
        }
        match &*object {
            Opened::Done(result) => result.clone(),
            _ => Err(Error::Closed("the stream is closed")),
        }
    }

    fn deliver(&self, index: u64, chunk: Result<B>) {
        let mut ready = lock(&self.ready);
        if self.stopped.load(Ordering::Relaxed) && ready.waiter.is_none() {
            return;
        }
        ready.chunks.insert(index, chunk);
        if let Some((_, notify)) = ready.waiter.take_if(|(wanted, _)| *wanted == index) {
            drop(ready);
            notify(Ok(()));
        }
    }

    /// All chunks are hashed by now: each was before it was handed out.
    fn check(&self) -> Result<()> {
        let algorithms = self.expected.algorithms();
        let digest = lock(&self.hash).clone().finish(self.expected.size, &algorithms);
        check_read(self.open()?.path(), &self.expected, &digest)
    }
}

/// The bytes of memory that a read has filled.
fn initialised(memory: &mut [MaybeUninit<u8>]) -> &[u8] {
    // SAFETY: called only with buffers that `io::read_at` has filled to the end.
    unsafe { &*(std::ptr::from_mut(memory) as *const [u8]) }
}
