//! The producer's side of a stream: takes in chunks on the event loop's thread.

use std::sync::{Arc, Mutex, MutexGuard};

use super::block::{Block, LENT_MIN};
use super::pipeline::Pipeline;
use super::sink::{BlockSink, FileSink};
use super::{Content, Staged};
use crate::digest::{Algorithm, ContentDigest};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::runtime::pool::is_worker;
use crate::runtime::sync::lock;
use crate::runtime::time_slice::TimeSlice;
use crate::store::Store;

/// Content up to this size is hashed inline when it ends: at most 40 us, less than queueing a job.
const INLINE_HASH: usize = 64 << 10;

/// The producer's next step before it feeds another chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// Feed the next chunk.
    Go,
    /// Yield to the event loop first.
    Pause,
    /// Wait for [`StreamWriter::room`].
    Full,
}

/// Hashes the chunks of a stream and, with a store, writes them to a staged file.
///
/// `P` is a chunk that can be kept by reference. While chunks are fed, workers never drop one: the next call
/// to [`Self::feed`] does, on the feeding thread.
pub struct StreamWriter<P: AsRef<[u8]> + Send + Sync + 'static> {
    front: Mutex<Front<P>>,
    pipeline: Arc<Pipeline<P>>,
    /// The sink, if it is a staged file.
    file: Option<Arc<FileSink>>,
}

/// The state that only the producer uses.
struct Front<P> {
    /// The block being filled. Submitted only when more bytes follow: a single block is hashed as a whole.
    block: Block<P>,
    index: u64,
    size: u64,
    open: bool,
    slice: TimeSlice,
}

impl<P> Front<P> {
    fn flow(&mut self, full: bool) -> Flow {
        if full {
            self.slice.end();
            return Flow::Full;
        }
        if self.slice.is_over() { Flow::Pause } else { Flow::Go }
    }
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> StreamWriter<P> {
    /// Returns a stream that is hashed with `algorithms` and, with a store, written.
    #[must_use]
    pub fn new(engine: &'static Engine, store: Option<Arc<Store>>, algorithms: Vec<Algorithm>) -> Self {
        let file = store.map(|store| Arc::new(FileSink::new(store)));
        let sink = file.clone().map(|file| -> Arc<dyn BlockSink> { file });
        let mut writer = Self::with_sink(engine, sink, algorithms);
        writer.file = file;
        writer
    }

    /// Returns a stream that is hashed with `algorithms` and written to `sink`, if any.
    ///
    /// The caller keeps the sink and takes the content from there, or from [`Self::take_block`].
    #[must_use]
    pub fn with_sink(
        engine: &'static Engine,
        sink: Option<Arc<dyn BlockSink>>,
        algorithms: Vec<Algorithm>,
    ) -> Self {
        let pipeline = Pipeline::new(engine, sink, algorithms);
        let front =
            Front { block: Block::default(), index: 0, size: 0, open: true, slice: TimeSlice::default() };
        Self { front: Mutex::new(front), pipeline: Arc::new(pipeline), file: None }
    }

    /// Takes in a chunk, which must not change while it is kept.
    pub fn feed(&self, chunk: P) -> Result<Flow> {
        let mut front = self.open_front()?;
        let len = chunk.as_ref().len();
        front.block.join_if_large(&self.pipeline.engine.budget, len);
        if len < LENT_MIN && len <= front.block.room() {
            front.block.copy(chunk.as_ref(), &self.pipeline.engine.slabs);
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
        front.block.join_if_large(&self.pipeline.engine.budget, data.len());
        Ok(self.append(&mut front, data.len(), |block, range, slabs| block.copy(&data[range], slabs)))
    }

    fn append(
        &self,
        front: &mut Front<P>,
        len: usize,
        mut put: impl FnMut(&mut Block<P>, std::ops::Range<usize>, &crate::memory::slab::Slabs),
    ) -> Flow {
        let mut taken = 0;
        let mut full = false;
        while taken < len {
            if front.block.room() == 0 {
                let next = front.block.next();
                full = self.submit(front, next);
            }
            let end = len.min(taken + front.block.room());
            put(&mut front.block, taken..end, &self.pipeline.engine.slabs);
            taken = end;
        }
        front.size += len as u64;
        front.flow(full)
    }

    fn open_front(&self) -> Result<MutexGuard<'_, Front<P>>> {
        if !self.pipeline.engine.is_current() {
            return Err(Error::Forked);
        }
        let front = lock(&self.front);
        self.pipeline.gate.check()?;
        if front.open { Ok(front) } else { Err(Error::Closed("the stream has ended")) }
    }

    /// Queues the current block for the workers. Returns whether the producer has to wait.
    fn submit(&self, front: &mut Front<P>, next: Block<P>) -> bool {
        let block = std::mem::replace(&mut front.block, next);
        let index = front.index;
        front.index += 1;
        self.pipeline.drop_used();
        block.hold();
        let full = self.pipeline.gate.enter(block.len()) >= self.pipeline.in_flight(block.size());
        self.pipeline.enter(index, block);
        full || self.pipeline.sink.as_ref().is_some_and(|sink| sink.is_full())
    }

    /// Calls `notify` once there is room for another chunk, immediately if there is.
    pub fn room(&self, notify: impl FnOnce(Result<()>) + Send + 'static) -> Result<()> {
        let in_flight = self.pipeline.in_flight(self.open_front()?.block.size());
        let limit = self.pipeline.resume_at(in_flight, self.pipeline.engine.width());
        let sink = self.pipeline.sink.clone();
        let proceed = move |result| match (result, sink) {
            (Ok(()), Some(sink)) => sink.when_room(Box::new(notify)),
            (result, _) => notify(result),
        };
        self.pipeline.gate.wait_for(limit, Box::new(proceed));
        Ok(())
    }

    /// Ends the stream. Returns the digest if the content is small enough to be hashed inline.
    ///
    /// Otherwise calls `notify` once everything is hashed and written.
    pub fn finish(&self, notify: impl FnOnce(Result<()>) + Send + 'static) -> Result<Option<ContentDigest>> {
        let mut front = self.open_front()?;
        front.open = false;
        let pipeline = Arc::clone(&self.pipeline);
        let size = front.size;
        self.pipeline.stop_keeping_used();
        if front.index > 0 {
            self.submit(&mut front, Block::default());
            drop(front);
            self.pipeline.gate.wait_for(
                0,
                Box::new(move |result| {
                    let (engine, in_order) = (pipeline.engine, pipeline.sequencer.is_some());
                    let end = move || notify(result.and_then(|()| pipeline.end(size)));
                    // Truncating the file waits for the disk. This callback may run on the loop's thread,
                    // if the workers finished first, or on a worker that holds the in-order hashers of
                    // up to two streams.
                    if is_worker() && !in_order { end() } else { engine.spawn(end) }
                }),
            );
            return Ok(None);
        }
        let inline = size <= INLINE_HASH as u64 || pipeline.algorithms.is_empty();
        *lock(&pipeline.only) = Some(std::mem::take(&mut front.block));
        if inline {
            return pipeline.hash_only_block().map(Some);
        }
        self.pipeline.engine.run(move || pipeline.hash_only_block().map(drop), notify);
        Ok(None)
    }

    /// Returns the digest of everything fed so far.
    ///
    /// Blocks in flight (at most 8 MiB) are hashed on this thread, because the workers may be blocked by a
    /// hung disk.
    pub fn digest(&self) -> Result<ContentDigest> {
        let pipeline = &self.pipeline;
        if let Some(digest) = pipeline.digest.get() {
            return Ok(digest.clone());
        }
        if !pipeline.engine.is_current() {
            return Err(Error::Forked);
        }
        let front = lock(&self.front);
        // A stopped stream has no digest: blocks queued after the stop were not hashed, and waiting ones
        // were dropped.
        pipeline.gate.check()?;
        let digest = match front.index {
            0 if !front.open => return pipeline.hash_only_block(),
            0 => ContentDigest::of(&pipeline.algorithms, front.block.parts()),
            index => {
                let mut hash = pipeline.hash_so_far();
                if front.block.len() > 0 {
                    let offset = front.block.offset(index);
                    hash.add_missing(index, false, || front.block.parts(), offset);
                }
                hash.finish(front.size, &pipeline.algorithms)
            }
        };
        pipeline.gate.check().map(|()| digest)
    }

    /// Takes the content, ready to be published. Possible once, after the end of the stream.
    pub fn take_staged(&self) -> Result<Staged<P>> {
        let pipeline = &self.pipeline;
        if !pipeline.engine.is_current() {
            return Err(Error::Forked);
        }
        // After an abort the staged file may still exist for a moment.
        pipeline.gate.check()?;
        let (Some(digest), Some(sink)) = (pipeline.digest.get(), &self.file) else {
            return Err(Error::Closed("the stream has not ended"));
        };
        let content = if let Some(file) = sink.take() {
            Content::File(file)
        } else {
            let taken = Error::Closed("the content was taken already");
            Content::Block(lock(&pipeline.only).take().ok_or(taken)?)
        };
        Ok(Staged::new(pipeline.engine, sink.store(), content, digest.clone()))
    }

    /// Takes the content of a stream that ended within its first block, once.
    ///
    /// Returns None if the content is in the sink, or if the stream has not ended.
    pub fn take_block(&self) -> Result<Option<Block<P>>> {
        let pipeline = &self.pipeline;
        if !pipeline.engine.is_current() {
            return Err(Error::Forked);
        }
        pipeline.gate.check()?;
        let is_ended = pipeline.digest.get().is_some();
        Ok(is_ended.then(|| lock(&pipeline.only).take()).flatten())
    }

    /// Stops the workers and removes the staged file, both without waiting. Taken content stays valid.
    pub fn abort(&self) {
        if !self.pipeline.engine.is_current() {
            return;
        }
        self.pipeline.gate.stop();
        let waiting = self.pipeline.admission.take_queued();
        for (index, block) in waiting {
            self.pipeline.retire(index, block);
        }
        self.pipeline.stop_keeping_used();
        if let Ok(mut front) = self.front.try_lock() {
            front.open = false;
            front.block = Block::default();
        }
        if let Ok(mut only) = self.pipeline.only.try_lock() {
            *only = None;
        }
        if self.pipeline.sink.as_ref().is_none_or(|sink| sink.is_closed()) {
            return;
        }
        let pipeline = Arc::clone(&self.pipeline);
        // Closing an unnamed file of 256 MiB takes 15-30 ms, so a worker does it. Another worker may be
        // about to open the file, so the sink is discarded even if no file exists yet.
        self.pipeline.engine.spawn(move || pipeline.discard());
    }
}

impl<P: AsRef<[u8]> + Send + Sync + 'static> Drop for StreamWriter<P> {
    fn drop(&mut self) {
        self.abort();
    }
}
