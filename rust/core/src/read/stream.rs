//! The consumer's side of a stream: supplies empty buffers and takes filled ones.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use super::Buffer;
use super::ahead::ReadAhead;
use super::opened::Opened;
use crate::digest::Expected;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::memory::budget::Reservation;
use crate::memory::slab::BLOCK;
use crate::runtime::open_files::Admission;
use crate::runtime::sync::lock;
use crate::runtime::time_slice::TimeSlice;
use crate::store::Object;

/// The number of chunks read ahead even beyond three quarters of the stream's share of the memory budget,
/// but never beyond the whole share. One chunk is always read ahead.
const AHEAD_CHUNKS: u64 = 4;
/// The maximum number of chunks read ahead: supplying each takes about 5 us of the event loop's thread.
const AHEAD_MAX: u64 = 512;

/// The result of [`StreamReader::take`].
pub enum Taken<B> {
    /// The next chunk.
    Chunk(B),
    /// The next chunk is not ready.
    Pending,
    /// The content has ended and was verified.
    End,
}

/// Reads an object chunk by chunk into buffers that the consumer supplies.
///
/// If a hash is expected, each chunk is hashed before it is handed out, and the last one is handed out only
/// if the hash of the whole content matches.
pub struct StreamReader<B: Buffer> {
    ahead: Arc<ReadAhead<B>>,
    front: Mutex<Front>,
}

#[derive(Default)]
struct Front {
    supplied: u64,
    taken: u64,
    slice: TimeSlice,
    closed: bool,
    /// Taken with the first buffer, released with the last.
    reservation: Option<Reservation>,
}

impl Front {
    /// Closes the reader. Returns whether it was closed already.
    fn close(&mut self) -> bool {
        self.reservation = None;
        std::mem::replace(&mut self.closed, true)
    }
}

impl<B: Buffer> StreamReader<B> {
    /// Returns a reader of the object that `open` returns.
    ///
    /// Workers call `open`, and call it again if the file was closed because other streams needed a permit.
    pub fn new(
        engine: &'static Engine,
        open: impl Fn() -> Result<Object> + Send + Sync + 'static,
        expected: Expected,
        chunk_size: usize,
    ) -> Self {
        let object = Opened::new(Box::new(open));
        Self::through(Admission::new(false), engine, object, expected, chunk_size)
    }

    /// Returns a reader of an open object, which holds its own permit.
    #[must_use]
    pub fn of(engine: &'static Engine, object: Object, expected: Expected, chunk_size: usize) -> Self {
        Self::through(Admission::new(true), engine, Opened::of(object), expected, chunk_size)
    }

    fn through(
        admission: Admission<(u64, B)>,
        engine: &'static Engine,
        object: Opened,
        expected: Expected,
        chunk_size: usize,
    ) -> Self {
        let ahead = ReadAhead::new(admission, engine, object, expected, chunk_size);
        Self { ahead: Arc::new(ahead), front: Mutex::default() }
    }

    /// Returns the size of the next buffer to supply, or None while enough chunks are read ahead.
    pub fn next_buffer_size(&self) -> Option<usize> {
        if !self.ahead.engine.is_current() {
            return None;
        }
        let front = lock(&self.front);
        let ahead = &self.ahead;
        let count = front.supplied - front.taken;
        let bytes = count * ahead.chunk_size;
        let share = ahead.engine.budget.share() as u64;
        let enough = (bytes >= share / 4 * 3 && count >= AHEAD_CHUNKS)
            || (count > 0 && bytes + ahead.chunk_size > share)
            || count >= AHEAD_MAX;
        if front.closed || front.supplied == ahead.chunks || enough {
            return None;
        }
        Some(ahead.chunk_len(front.supplied))
    }

    /// Supplies a buffer of the size that [`Self::next_buffer_size`] returned.
    pub fn supply(&self, buffer: B) {
        let mut front = lock(&self.front);
        let index = front.supplied;
        front.supplied += 1;
        let reservation = front.reservation.get_or_insert_with(|| self.ahead.engine.budget.join());
        reservation.reserve(self.ahead.chunk_len(index));
        self.ahead.enter(index, buffer);
    }

    /// Takes the next chunk, if it is ready.
    pub fn take(&self) -> Result<Taken<B>> {
        if !self.ahead.engine.is_current() {
            return Err(Error::Forked);
        }
        let mut front = lock(&self.front);
        let ahead = &self.ahead;
        if front.closed || front.taken == ahead.chunks {
            front.reservation = None;
            return Ok(Taken::End);
        }
        let Some(chunk) = lock(&ahead.ready).chunks.remove(&front.taken) else {
            front.slice.end();
            return Ok(Taken::Pending);
        };
        front.reservation.iter().for_each(|reservation| reservation.release(ahead.chunk_len(front.taken)));
        front.taken += 1;
        let last = front.taken == ahead.chunks;
        let checked = chunk.and_then(|chunk| if last { ahead.check().map(|()| chunk) } else { Ok(chunk) });
        if checked.is_err() {
            ahead.stopped.store(true, Ordering::Relaxed);
        }
        if ahead.expected.size == 0 { checked.map(|_| Taken::End) } else { checked.map(Taken::Chunk) }
    }

    /// Returns whether the consumer should yield to the event loop.
    pub fn pause_due(&self) -> bool {
        lock(&self.front).slice.is_over()
    }

    /// Calls `notify` once [`Self::take`] returns a chunk, immediately if it does.
    ///
    /// Small chunks are grouped up to the size of a block, because each wake-up of an event loop costs as
    /// much as hashing 100 KiB.
    pub fn wait(&self, notify: impl FnOnce(Result<()>) + Send + 'static) {
        let (first, supplied) = {
            let front = lock(&self.front);
            (front.taken, front.supplied)
        };
        let group = (BLOCK as u64 / self.ahead.chunk_size).max(1);
        let mut ready = lock(&self.ahead.ready);
        let missing = |index: &u64| !ready.chunks.contains_key(index);
        let last_missing = (first..supplied.min(first + group)).rev().find(missing);
        if let Some(last) = last_missing.filter(|_| missing(&first)) {
            ready.waiter = Some((last, Box::new(notify)));
            return;
        }
        drop(ready);
        notify(Ok(()));
    }

    /// Stops reading ahead. Workers drop the buffers that they are filling.
    pub fn close(&self) {
        if !self.ahead.engine.is_current() || lock(&self.front).close() {
            return;
        }
        self.ahead.stopped.store(true, Ordering::Relaxed);
        let (unread, waiter) = {
            let mut ready = lock(&self.ahead.ready);
            (std::mem::take(&mut ready.chunks), ready.waiter.take())
        };
        drop((unread, self.ahead.admission.take_queued()));
        // Usually there is no waiter. While there is one, `deliver` keeps chunks for it.
        if let Some((_, notify)) = waiter {
            notify(Ok(()));
        }
        let ahead = Arc::clone(&self.ahead);
        // Closing the last descriptor of a deleted file frees its blocks, which takes milliseconds, so a
        // worker does it.
        self.ahead.engine.spawn(move || ahead.close());
    }
}

impl<B: Buffer> Drop for StreamReader<B> {
    fn drop(&mut self) {
        self.close();
    }
}
