//! What workers do with the blocks of a stream: hash and write them, in any order as far as possible.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use super::block::Block;
use super::gate::Gate;
use super::sink::BlockSink;
use crate::digest::serial::{HashInput, SerialStream};
use crate::digest::{Algorithm, ContentDigest, StreamHash, Tree, subtree};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::memory::slab::BLOCK;
use crate::runtime::admission::{Admission, Entry};
use crate::runtime::open_files::Permit;
use crate::runtime::pool::guarded;
use crate::runtime::sequencer::Sequencer;
use crate::runtime::sync::lock;

pub(crate) struct Pipeline<P> {
    pub(super) engine: &'static Engine,
    pub(super) algorithms: Vec<Algorithm>,
    pub(super) sink: Option<Arc<dyn BlockSink>>,
    /// Blocks wait here for the right to open the file.
    pub(super) admission: Admission<Numbered<P>>,
    /// All that are not hashed and written yet.
    in_flight: Mutex<BTreeMap<u64, Arc<Block<P>>>>,
    tree: Option<Mutex<Tree>>,
    serial: Mutex<Serial>,
    /// Whether there are hashers that need the bytes in order, at work on `sequencer`.
    in_order: bool,
    sequencer: Sequencer<Arc<Block<P>>>,
    pub(super) gate: Gate,
    pub(super) digest: OnceLock<ContentDigest>,
    /// The block of a stream that has no other.
    pub(super) only: Mutex<Option<Block<P>>>,
    /// Lent chunks of blocks that are done, until the producer comes by; None once it does no more.
    used: Mutex<Option<Vec<Arc<P>>>>,
}

/// A block and its place among those of the stream.
pub(super) type Numbered<P> = (u64, Arc<Block<P>>);

/// Hashers that need the bytes in order. Locked for as long as a block takes.
struct Serial {
    hash: StreamHash,
    /// How many blocks they have taken in.
    blocks: u64,
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Pipeline<P> {
    pub(super) fn new(
        engine: &'static Engine,
        sink: Option<Arc<dyn BlockSink>>,
        algorithms: Vec<Algorithm>,
    ) -> Self {
        let hash = StreamHash::by_units(&algorithms);
        Self {
            engine,
            algorithms,
            admission: Admission::new(!sink.as_ref().is_some_and(|sink| sink.needs_permit())),
            sink,
            tree: hash.tree.clone().map(Mutex::new),
            in_order: !hash.hashers.is_empty(),
            serial: Mutex::new(Serial { hash, blocks: 0 }),
            in_flight: Mutex::default(),
            sequencer: Sequencer::default(),
            gate: Gate::default(),
            digest: OnceLock::new(),
            only: Mutex::default(),
            used: Mutex::new(Some(Vec::new())),
        }
    }

    pub(super) fn enter(self: &Arc<Self>, index: u64, block: Block<P>) {
        let block = Arc::new(block);
        lock(&self.in_flight).insert(index, Arc::clone(&block));
        match self.admission.enter((index, block)) {
            Entry::Admitted((index, block)) => self.spawn(index, block),
            Entry::QueuedFirst => {
                let pipeline = Arc::clone(self);
                self.engine.writing.admit(&self.engine.pool, move |permit| pipeline.open(permit));
            }
            Entry::Queued => {}
        }
    }

    /// The file may be opened: what has waited for it is worked on.
    fn open(self: &Arc<Self>, permit: Permit) {
        if let Some(unwanted) = self.sink.as_ref().and_then(|sink| sink.permit(permit)) {
            // By a job of its own, as by readers: one stack is not enough for all that were stopped.
            self.engine.spawn(move || drop(unwanted));
        }
        for (index, block) in self.admission.open() {
            self.spawn(index, block);
        }
    }

    fn spawn(self: &Arc<Self>, index: u64, block: Arc<Block<P>>) {
        let pipeline = Arc::clone(self);
        self.engine.spawn(move || pipeline.process(index, block));
    }

    fn process(self: &Arc<Self>, index: u64, block: Arc<Block<P>>) {
        if !self.gate.is_stopped()
            && let Err(error) = guarded(|| self.hash_and_write(index, &block))
        {
            self.gate.fail(error, || self.discard());
        }
        if !self.in_order {
            return self.retire(index, block);
        }
        if self.sequencer.add(index, block) {
            self.engine.pairs.begin(&self.engine.pool, Arc::<Self>::clone(self));
        }
    }

    fn hash_and_write(&self, index: u64, block: &Block<P>) -> Result<()> {
        let offset = block.offset(index);
        // Writing first leaves the block in the cache for the hash: 3-5 % more.
        if let Some(sink) = &self.sink {
            sink.write(offset, block.len(), &mut block.parts())?;
        }
        if let Some(tree) = &self.tree {
            let value = subtree(offset, block.parts());
            lock(tree).insert(index, value);
        }
        Ok(())
    }

    /// Bytes in flight from which on the producer has to wait: its share but for the block that is
    /// being filled, and at least one block.
    pub(super) fn in_flight(&self, block: usize) -> usize {
        self.engine.budget.share().max(2 * block) - block
    }

    /// Bytes in flight at which a producer that waits for room comes back. Its loop takes a core then, and
    /// a block is left for each of the others. On two cores, against coming back as soon as there is room
    /// for three blocks, a stream is 1.04 to 1.24 times as fast and four are 1.1 times: the loop's turns
    /// bring more chunks each. With many cores it is about half, and so it is for hashers that need the
    /// bytes in order: the next block has to be written by the time they want it.
    pub(super) fn left_at_return(&self, in_flight: usize, cores: usize) -> usize {
        let half = in_flight * 4 / 7;
        if self.in_order { half } else { half.min((cores - 1) * BLOCK) }
    }

    /// Removes what was written.
    pub(super) fn discard(&self) {
        self.sink.iter().for_each(|sink| sink.discard());
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.in_order
    }

    pub(super) fn retire(&self, index: u64, block: Arc<Block<P>>) {
        let len = block.len();
        block.let_go();
        lock(&self.in_flight).remove(&index);
        // Unless its bytes are just being looked at for a digest, which then lets go of them.
        if let Some(block) = Arc::into_inner(block) {
            self.recycle(block);
        }
        self.gate.leave(len);
    }

    fn recycle(&self, block: Block<P>) {
        block.recycle(&self.engine.slabs, |chunks| {
            if let Some(used) = &mut *lock(&self.used) {
                used.extend(chunks);
            }
        });
    }

    /// On the thread that feeds: chunks are dropped where they came from.
    pub(super) fn let_go_of_used(&self) {
        let used = lock(&self.used).as_mut().map(std::mem::take);
        drop(used);
    }

    /// The same for the last time: from now on whoever is done with a block drops its chunks.
    pub(super) fn keep_no_more(&self) {
        let used = lock(&self.used).take();
        drop(used);
    }

    pub(super) fn hash_only_block(&self) -> Result<ContentDigest> {
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

    /// The hash of all that was handed over so far, whatever has become of it: nobody is waited for.
    /// Meanwhile nothing is handed over.
    pub(super) fn hash_so_far(&self) -> StreamHash {
        // Before the hashers: what they have not taken in is still in flight then.
        let in_flight = lock(&self.in_flight).clone();
        let (mut hash, blocks) = {
            let serial = lock(&self.serial);
            (serial.hash.clone(), serial.blocks)
        };
        hash.tree = self.tree.as_ref().map(|tree| lock(tree).clone());
        for (index, block) in in_flight {
            hash.add_missing(index, index < blocks, || block.parts(), block.offset(index));
            // Its worker may have been done with it meanwhile, and left it to whoever is last.
            if let Some(block) = Arc::into_inner(block) {
                self.recycle(block);
            }
        }
        hash
    }

    /// After the last block: the digest, and the file at its size.
    pub(super) fn end(&self, size: u64) -> Result<()> {
        guarded(|| {
            self.gate.check()?;
            let digest = self.hash_so_far().finish(size, &self.algorithms);
            if let Some(sink) = &self.sink {
                sink.end(size)?;
            }
            self.digest.get_or_init(|| digest);
            Ok(())
        })
    }
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> SerialStream for Pipeline<P> {
    fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<HashInput<'_, '_>>)) {
        let Some((index, block)) = self.sequencer.take() else { return hash(None) };
        if self.gate.is_stopped() {
            hash(None);
        } else {
            let mut serial = lock(&self.serial);
            serial.blocks += 1;
            hash(Some(HashInput { hashers: &mut serial.hash.hashers, parts: &mut block.parts() }));
        }
        self.retire(index, block);
    }

    fn has_more(self: Arc<Self>) -> bool {
        self.sequencer.has_more()
    }
}
