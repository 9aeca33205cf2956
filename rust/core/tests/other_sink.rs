//! Streams written to a sink of the caller.

mod common;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Instant;

use common::{Chunk, PATIENCE, engine, feed, finish, hash, painted, wait};
use laboxide_core::digest::Algorithm;
use laboxide_core::write::{BlockSink, Flow, Notify, StreamWriter};
use laboxide_core::{BLOCK, Error, Result};

const CHUNK: usize = 64 << 10;

/// Keeps the blocks in memory.
#[derive(Default)]
struct MemorySink {
    state: Mutex<MemoryState>,
    closed: AtomicBool,
    full: AtomicBool,
    /// Refuses the block at this offset.
    fails_at: Option<u64>,
}

#[derive(Default)]
struct MemoryState {
    blocks: BTreeMap<u64, Vec<u8>>,
    size: Option<u64>,
    waiter: Option<Notify>,
}

impl MemorySink {
    fn state(&self) -> MutexGuard<'_, MemoryState> {
        self.state.lock().expect("no panic")
    }

    fn content(&self) -> Vec<u8> {
        self.state().blocks.values().flatten().copied().collect()
    }

    fn make_room(&self) {
        let waiter = {
            let mut state = self.state();
            self.full.store(false, Ordering::Relaxed);
            state.waiter.take()
        };
        waiter.expect("the producer waits")(Ok(()));
    }
}

impl BlockSink for MemorySink {
    fn write(&self, offset: u64, len: usize, parts: &mut dyn Iterator<Item = &[u8]>) -> Result<()> {
        let mut state = self.state();
        if self.is_closed() || self.fails_at == Some(offset) {
            return Err(Error::Closed("refused by the sink"));
        }
        let block: Vec<u8> = parts.flatten().copied().collect();
        assert_eq!(block.len(), len);
        assert!(state.blocks.insert(offset, block).is_none(), "each block is written once");
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.full.load(Ordering::Relaxed)
    }

    fn when_room(&self, notify: Notify) {
        let mut state = self.state();
        if self.is_full() {
            state.waiter = Some(notify);
            return;
        }
        drop(state);
        notify(Ok(()));
    }

    fn end(&self, size: u64) -> Result<()> {
        self.state().size = Some(size);
        Ok(())
    }

    fn discard(&self) {
        let mut state = self.state();
        self.closed.store(true, Ordering::Relaxed);
        state.blocks.clear();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}

fn writer_to(sink: &Arc<MemorySink>, algorithms: Vec<Algorithm>) -> StreamWriter<Chunk> {
    let sink: Arc<dyn BlockSink> = Arc::<MemorySink>::clone(sink);
    StreamWriter::with_sink(engine(), Some(sink), algorithms)
}

fn feed_all(writer: &StreamWriter<Chunk>, data: &[u8]) -> Result<()> {
    feed(writer, data.chunks(CHUNK).map(<[u8]>::to_vec), true)
}

#[test]
fn sink_receives_every_block_at_its_offset() {
    for algorithm in Algorithm::ALL {
        let (sink, data) = (Arc::new(MemorySink::default()), painted(20 * BLOCK + 5));
        let writer = writer_to(&sink, vec![algorithm]);
        feed_all(&writer, &data).expect("open");
        let digest = finish(&writer).expect("written");
        assert_eq!(digest.hashes, [(algorithm, hash(algorithm, &data))]);
        assert!(sink.content() == data);
        assert_eq!(sink.state().size, Some(data.len() as u64));
        assert!(writer.take_block().expect("ended").is_none());
        assert!(writer.take_staged().is_err());
    }
}

#[test]
fn single_block_is_taken_from_the_writer_and_not_written() {
    let (sink, data) = (Arc::new(MemorySink::default()), painted(BLOCK));
    let writer = writer_to(&sink, vec![Algorithm::Blake3]);
    feed_all(&writer, &data).expect("open");
    assert!(writer.take_block().expect("open").is_none(), "the stream has not ended");
    finish(&writer).expect("hashed");
    let block = writer.take_block().expect("ended").expect("a block");
    assert!(block.parts().flatten().copied().eq(data));
    assert!(writer.take_block().expect("ended").is_none(), "the block is taken once");
    assert_eq!((sink.content().len(), sink.state().size), (0, None));
}

#[test]
fn sink_error_stops_the_stream_and_discards_the_content() {
    let sink = Arc::new(MemorySink { fails_at: Some(2 * BLOCK as u64), ..MemorySink::default() });
    let writer = writer_to(&sink, vec![Algorithm::Blake3]);
    let outcome = feed_all(&writer, &painted(20 * BLOCK)).and_then(|()| finish(&writer).map(drop));
    assert!(matches!(outcome, Err(Error::Closed("refused by the sink"))), "{outcome:?}");
    assert!(sink.is_closed() && sink.content().is_empty());
}

#[test]
fn full_sink_blocks_the_producer_until_there_is_room() {
    let sink = Arc::new(MemorySink { full: AtomicBool::new(true), ..MemorySink::default() });
    let writer = writer_to(&sink, vec![Algorithm::Blake3]);
    let data = painted(2 * BLOCK);
    let flows: Vec<_> = data.chunks(CHUNK).map(|chunk| writer.feed_copy(chunk).expect("open")).collect();
    assert_eq!(flows.iter().filter(|flow| **flow == Flow::Full).count(), 1, "after the first block");
    let (sender, called) = mpsc::channel();
    writer.room(move |result| sender.send(result).expect("the test waits")).expect("open");
    let begun = Instant::now();
    while sink.state().waiter.is_none() && begun.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert!(called.try_recv().is_err(), "the sink is full");
    sink.make_room();
    called.recv_timeout(PATIENCE).expect("called").expect("no error");
    wait(|done| writer.room(done).expect("open")).expect("there is room");
    finish(&writer).expect("written");
    assert!(sink.content() == data);
}

#[test]
fn abort_discards_the_content_of_the_sink() {
    let sink = Arc::new(MemorySink::default());
    let writer = writer_to(&sink, vec![Algorithm::Blake3]);
    feed_all(&writer, &painted(3 * BLOCK)).expect("open");
    drop(writer);
    let begun = Instant::now();
    while !sink.is_closed() && begun.elapsed() < PATIENCE {
        std::thread::yield_now();
    }
    assert!(sink.is_closed());
}
