//! A stream being written: chunks go in on the loop's thread, blocks are hashed and written by workers.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};

use super::block::{Block, LENT_MIN};
use super::sink::FileSink;
use super::{Content, Staged};
use crate::descriptors::Permit;
use crate::digest::{Algorithm, ContentDigest, StreamHash, Tree, subtree};
use crate::entrance::{Entrance, Entry};
use crate::error::{Error, Result};
use crate::lane::Lane;
use crate::mutant;
use crate::pool::{Engine, guarded, lock};
use crate::store::Store;
use crate::turn::Turn;

/// Content up to this size is hashed at once when it ends: 40 us at the most, less than handing it over.
const INLINE_HASH: usize = 64 << 10;

/// What the producer should do before it feeds the next chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Nothing.
    Go,
    /// Let the event loop have a turn.
    Pause,
    /// Wait for [`StreamWriter::room`].
    Full,
}

type Notify = Box<dyn FnOnce(Result<()>) + Send>;

/// Takes in chunks, hashes them and, with a store, writes them to a staged file.
///
/// `P` is a chunk that can be kept by reference. Workers never drop one: the next call does, on the
/// thread that feeds.
pub struct StreamWriter<P: AsRef<[u8]> + Send + Sync + 'static> {
    front: Mutex<Front<P>>,
    shared: Arc<Shared<P>>,
}

/// What only the producer touches.
struct Front<P> {
    /// Not handed over before more bytes follow it: a first and only block is hashed as a whole.
    block: Block<P>,
    index: u64,
    size: u64,
    open: bool,
    turn: Turn,
}

impl<P> Front<P> {
    fn flow(&mut self, full: bool) -> Flow {
        if full {
            self.turn.end();
            return Flow::Full;
        }
        if self.turn.is_over() { Flow::Pause } else { Flow::Go }
    }
}

struct Shared<P> {
    engine: &'static Engine,
    algorithms: Vec<Algorithm>,
    sink: Option<FileSink>,
    /// Blocks wait here for the right to open the file.
    entrance: Entrance<(u64, Block<P>)>,
    tree: Option<Mutex<Tree>>,
    /// Hashers that need the bytes in order, at work on `lane`. Locked for as long as a block takes.
    serial: Mutex<StreamHash>,
    /// Whether there are any.
    in_order: bool,
    lane: Lane<Block<P>>,
    gate: Mutex<Gate>,
    idle: Condvar,
    stopped: AtomicBool,
    digest: OnceLock<ContentDigest>,
    /// The block of a stream that has no other.
    only: Mutex<Option<Block<P>>>,
    used: Mutex<Vec<Arc<P>>>,
}

#[derive(Default)]
struct Gate {
    bytes: usize,
    blocks: usize,
    error: Option<Error>,
    /// How many bytes may be in flight when this is called.
    waiter: Option<(usize, Notify)>,
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> StreamWriter<P> {
    /// A stream that is hashed with `algorithms` and, with a store, written.
    #[must_use]
    pub fn new(engine: &'static Engine, store: Option<Arc<Store>>, algorithms: Vec<Algorithm>) -> Self {
        let hash = StreamHash::by_units(&algorithms);
        let shared = Shared {
            engine,
            algorithms,
            entrance: Entrance::new(store.is_none()),
            sink: store.map(FileSink::new),
            tree: hash.tree.clone().map(Mutex::new),
            in_order: !hash.hashers.is_empty(),
            serial: Mutex::new(hash),
            lane: Lane::default(),
            gate: Mutex::default(),
            idle: Condvar::new(),
            stopped: AtomicBool::new(false),
            digest: OnceLock::new(),
            only: Mutex::default(),
            used: Mutex::default(),
        };
        let front = Front { block: Block::default(), index: 0, size: 0, open: true, turn: Turn::default() };
        Self { front: Mutex::new(front), shared: Arc::new(shared) }
    }

    /// Takes in a chunk that stays as it is for as long as it is kept.
    pub fn feed(&self, chunk: P) -> Result<Flow> {
        let mut front = self.open_front()?;
        let len = chunk.as_ref().len();
        front.block.take_seat(&self.shared.engine.budget, len);
        if len < LENT_MIN && len <= front.block.room() {
            front.block.copy(chunk.as_ref(), &self.shared.engine.slabs);
            front.size += len as u64;
            return Ok(front.flow(false));
        }
        let chunk = Arc::new(chunk);
        Ok(self.append(&mut front, len, |block, range, slabs| {
            if range.len() >= LENT_MIN {
                block.lend(&chunk, range);
            } else {
                block.copy(&(*chunk).as_ref()[range], slabs);
            }
        }))
    }

    /// Takes in a copy of `data`.
    pub fn feed_copy(&self, data: &[u8]) -> Result<Flow> {
        let mut front = self.open_front()?;
        front.block.take_seat(&self.shared.engine.budget, data.len());
        Ok(self.append(&mut front, data.len(), |block, range, slabs| block.copy(&data[range], slabs)))
    }

    fn append(
        &self,
        front: &mut Front<P>,
        len: usize,
        mut put: impl FnMut(&mut Block<P>, std::ops::Range<usize>, &crate::slab::Slabs),
    ) -> Flow {
        let mut taken = 0;
        let mut full = false;
        while taken < len {
            if front.block.room() == 0 {
                let next = front.block.next();
                full = self.hand_over(front, next);
            }
            let end = len.min(taken + front.block.room());
            put(&mut front.block, taken..end, &self.shared.engine.slabs);
            taken = end;
        }
        front.size += len as u64;
        front.flow(full)
    }

    fn open_front(&self) -> Result<MutexGuard<'_, Front<P>>> {
        if !self.shared.engine.is_current() {
            return Err(Error::Forked);
        }
        let front = lock(&self.front);
        self.shared.check()?;
        if front.open { Ok(front) } else { Err(Error::Closed("the stream has ended")) }
    }

    /// Gives the block to the workers; tells whether the producer has to wait.
    fn hand_over(&self, front: &mut Front<P>, next: Block<P>) -> bool {
        let block = std::mem::replace(&mut front.block, next);
        let index = front.index;
        front.index += 1;
        self.shared.let_go_of_used();
        block.hold();
        let full = {
            let mut gate = lock(&self.shared.gate);
            gate.bytes += block.len();
            gate.blocks += 1;
            gate.bytes >= self.shared.in_flight(block.size())
        };
        self.shared.enter(index, block);
        full
    }

    /// Calls `notify` once there is room for more, at once if there is.
    pub fn room(&self, notify: impl FnOnce(Result<()>) + Send + 'static) -> Result<()> {
        let in_flight = self.shared.in_flight(self.open_front()?.block.size());
        // Below the half the workers could run out of blocks before the producer is back.
        self.shared.wait_for(in_flight * 4 / 7, Box::new(notify));
        Ok(())
    }

    /// Ends the stream. Content that is small enough has its digest now, which is then returned;
    /// otherwise `notify` is called once everything is hashed and written.
    pub fn finish(&self, notify: impl FnOnce(Result<()>) + Send + 'static) -> Result<Option<ContentDigest>> {
        let mut front = self.open_front()?;
        front.open = false;
        let shared = Arc::clone(&self.shared);
        let size = front.size;
        if front.index > 0 {
            self.hand_over(&mut front, Block::default());
            drop(front);
            self.shared.wait_for(0, Box::new(move |result| notify(result.and_then(|()| shared.end(size)))));
            return Ok(None);
        }
        let at_once = size <= INLINE_HASH as u64 || shared.algorithms.is_empty();
        *lock(&shared.only) = Some(std::mem::take(&mut front.block));
        if at_once {
            return shared.hash_only_block().map(Some);
        }
        self.shared.engine.run(move || shared.hash_only_block().map(drop), notify);
        Ok(None)
    }

    /// The digest of everything fed so far; waits for what is in flight (8 MiB at the most).
    pub fn digest(&self) -> Result<ContentDigest> {
        if let Some(digest) = self.shared.digest.get() {
            return Ok(digest.clone());
        }
        if !self.shared.engine.is_current() {
            return Err(Error::Forked);
        }
        let front = lock(&self.front);
        let waiting = self.shared.digest_of_waiting(&front.block);
        if waiting.is_none() {
            // What was stopped has none, and its last blocks may wait for a disk that does not answer.
            self.shared.check()?;
            self.shared.wait_idle();
        }
        // Blocks that came after the stop were not hashed, and those that waited are gone.
        self.shared.check()?;
        if let Some(digest) = waiting {
            return Ok(digest);
        }
        let algorithms = &self.shared.algorithms;
        if front.index == 0 && !front.open {
            return self.shared.hash_only_block();
        }
        if front.index == 0 {
            return Ok(ContentDigest::of(algorithms, front.block.parts()));
        }
        let mut hash = lock(&self.shared.serial).clone();
        hash.tree = self.shared.tree.as_ref().map(|tree| lock(tree).clone());
        if let Some(tree) = hash.tree.as_mut().filter(|_| front.block.len() > 0) {
            tree.insert(front.index, subtree(front.block.offset(front.index), front.block.parts()));
        }
        for part in front.block.parts() {
            hash.hashers.iter_mut().for_each(|hasher| hasher.update(part));
        }
        Ok(hash.finish(front.size, algorithms))
    }

    /// What was written, ready to be published. Only after the end, and once.
    pub fn take_staged(&self) -> Result<Staged<P>> {
        let shared = &self.shared;
        if !shared.engine.is_current() {
            return Err(Error::Forked);
        }
        // What was written before the stream was aborted may still be there, for a moment.
        shared.check()?;
        let (Some(digest), Some(sink)) = (shared.digest.get(), &shared.sink) else {
            return Err(Error::Closed("the stream has not ended"));
        };
        let content = match sink.take() {
            Some(file) => Content::File(file),
            None => Content::Block(lock(&shared.only).take().ok_or(Error::Closed("the content is taken"))?),
        };
        Ok(Staged::new(shared.engine, sink.store(), content, digest.clone()))
    }

    /// Stops the work and removes what was written, both without waiting. What was taken stays.
    pub fn abort(&self) {
        if !self.shared.engine.is_current() {
            return;
        }
        self.shared.stopped.store(true, Ordering::Relaxed);
        let waiting = self.shared.entrance.take_waiting();
        for (_, block) in waiting {
            self.shared.retire(block);
        }
        self.shared.let_go_of_used();
        if let Ok(mut front) = self.front.try_lock() {
            front.open = false;
            front.block = Block::default();
        }
        if let Ok(mut only) = self.shared.only.try_lock() {
            *only = None;
        }
        if self.shared.sink.as_ref().is_none_or(FileSink::is_taken) || mutant::is_on("abort-keeps-file") {
            return;
        }
        let shared = Arc::clone(&self.shared);
        // Closing an unnamed file of 256 MiB takes 15-30 ms: not on the loop's thread. A worker may
        // be about to open the file, so it is discarded whether it is there yet or not.
        self.shared.engine.spawn(move || shared.sink.iter().for_each(FileSink::discard));
    }
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Drop for StreamWriter<P> {
    fn drop(&mut self) {
        self.abort();
    }
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Shared<P> {
    fn enter(self: &Arc<Self>, index: u64, block: Block<P>) {
        match self.entrance.enter((index, block)) {
            Entry::Passed((index, block)) => self.spawn(index, block),
            Entry::First => {
                let shared = Arc::clone(self);
                self.engine.writing.admit(self.engine, move |permit| shared.open(permit));
            }
            Entry::Kept => {}
        }
    }

    /// The file may be opened: what has waited for it is worked on.
    fn open(self: &Arc<Self>, permit: Permit) {
        if let Some(sink) = &self.sink {
            sink.permit(permit);
        }
        for (index, block) in self.entrance.open() {
            self.spawn(index, block);
        }
    }

    fn spawn(self: &Arc<Self>, index: u64, block: Block<P>) {
        let shared = Arc::clone(self);
        self.engine.spawn(move || shared.process(index, block));
    }

    /// While no block was let in, waiting for them could take forever: whoever asks may be the one
    /// for whom the descriptors wait.
    fn digest_of_waiting(&self, last: &Block<P>) -> Option<ContentDigest> {
        self.entrance.look(|waiting| {
            let blocks = waiting.iter().map(|(_, block)| block).chain([last]);
            ContentDigest::of(&self.algorithms, blocks.flat_map(Block::parts))
        })
    }

    fn process(&self, index: u64, block: Block<P>) {
        if !self.stopped.load(Ordering::Relaxed)
            && let Err(error) = guarded(|| self.hash_and_write(index, &block))
        {
            self.fail(error);
        }
        if !self.in_order {
            return self.retire(block);
        }
        self.lane.pass(index, block, |_, block| {
            if !self.stopped.load(Ordering::Relaxed) {
                let mut hash = lock(&self.serial);
                block.parts().for_each(|part| hash.hashers.iter_mut().for_each(|hasher| hasher.update(part)));
            }
            self.retire(block);
        });
    }

    fn hash_and_write(&self, index: u64, block: &Block<P>) -> Result<()> {
        let offset = block.offset(index);
        // Writing first leaves the block in the cache for the hash: 3-5 % more.
        if let Some(sink) = &self.sink {
            sink.write(offset, block.len(), block.parts())?;
        }
        if let Some(tree) = &self.tree {
            let value = subtree(offset, block.parts());
            lock(tree).insert(index, value);
        }
        Ok(())
    }

    /// Bytes in flight from which on the producer has to wait: its share but for the block that is
    /// being filled, and at least one block.
    fn in_flight(&self, block: usize) -> usize {
        self.engine.budget.share().max(2 * block) - block
    }

    fn retire(&self, block: Block<P>) {
        let len = block.len();
        block.let_go();
        self.recycle(block);
        let mut gate = lock(&self.gate);
        gate.bytes -= len;
        gate.blocks -= 1;
        self.wake(gate);
    }

    fn recycle(&self, block: Block<P>) {
        block.recycle(&self.engine.slabs, |used| lock(&self.used).extend(used));
    }

    /// On the thread that feeds: chunks are dropped where they came from.
    fn let_go_of_used(&self) {
        let used = std::mem::take(&mut *lock(&self.used));
        drop(used);
    }

    /// The error shows only after the file is gone: whoever sees it may use the space.
    fn fail(&self, error: Error) {
        lock(&self.gate).error.get_or_insert(error);
        self.sink.iter().for_each(FileSink::discard);
        self.stopped.store(true, Ordering::Release);
    }

    /// Why the work was stopped, if it was.
    fn check(&self) -> Result<()> {
        if !self.stopped.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(lock(&self.gate).error.clone().unwrap_or(Error::Closed("the stream was aborted")))
    }

    fn wait_for(&self, bytes: usize, notify: Notify) {
        let mut gate = lock(&self.gate);
        gate.waiter = Some((bytes, notify));
        self.wake(gate);
    }

    fn wake(&self, mut gate: MutexGuard<'_, Gate>) {
        if gate.blocks == 0 {
            self.idle.notify_all();
        }
        let bytes = gate.bytes;
        let failing = gate.error.is_some() && !self.stopped.load(Ordering::Acquire);
        if let Some((_, notify)) = gate.waiter.take_if(|(limit, _)| bytes <= *limit && !failing) {
            let result = gate.error.clone().map_or(Ok(()), Err);
            drop(gate);
            notify(result);
        }
    }

    fn wait_idle(&self) {
        let mut gate = lock(&self.gate);
        while gate.blocks > 0 {
            gate = self.idle.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn hash_only_block(&self) -> Result<ContentDigest> {
        let mut only = lock(&self.only);
        if let Some(digest) = self.digest.get() {
            return Ok(digest.clone());
        }
        let block = only.as_ref().ok_or(Error::Closed("the stream was aborted"))?;
        let digest = ContentDigest::of(&self.algorithms, block.parts());
        if self.sink.is_none() {
            only.take().into_iter().for_each(|block| self.recycle(block));
        }
        Ok(self.digest.get_or_init(|| digest).clone())
    }

    /// After the last block: the digest, and the file at its size.
    fn end(&self, size: u64) -> Result<()> {
        guarded(|| {
            self.check()?;
            let mut hash = lock(&self.serial).clone();
            hash.tree = self.tree.as_ref().map(|tree| lock(tree).clone());
            let digest = hash.finish(size, &self.algorithms);
            if let Some(sink) = &self.sink {
                sink.end(size)?;
            }
            self.digest.get_or_init(|| digest);
            Ok(())
        })
    }
}
