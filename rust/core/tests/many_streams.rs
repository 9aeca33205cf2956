//! The memory budget: with more concurrent streams, blocks get smaller and the total stays bounded.

mod common;

use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::{
    Chunk, Memory, engine, expected, feed, finish, hashes, keep_workers_busy, painted, publication, publish,
    put, stores, writer,
};
use laboxide_core::Error;
use laboxide_core::digest::Algorithm;
use laboxide_core::read::StreamReader;
use laboxide_core::store::Key;
use laboxide_core::write::{Existing, Flow, StreamWriter};

const CHUNK: usize = 20_000;

/// Serializes the tests, because all streams of a process share one budget.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns open streams that hold one chunk each.
fn open_streams(count: usize) -> Vec<StreamWriter<Chunk>> {
    let new = |_| {
        let writer = writer(None, &[Algorithm::Blake3]);
        writer.feed_copy(&painted(CHUNK)).expect("open");
        writer
    };
    (0..count).map(new).collect()
}

#[test]
fn memory_of_writers_is_bounded_while_workers_are_blocked() {
    let _alone = alone();
    let busy = keep_workers_busy();
    let writers = open_streams(512);
    let mut held = 0;
    for writer in &writers {
        let mut chunks = 2;
        while writer.feed_copy(&painted(CHUNK)).expect("open") != Flow::Full {
            chunks += 1;
        }
        held += chunks * CHUNK;
    }
    drop(busy);
    // Chunks are taken in whole, so each stream may exceed its share by one chunk.
    assert!(held <= (96 << 20) + writers.len() * CHUNK, "{held} bytes");
    assert!(held >= 48 << 20, "{held} bytes");
}

#[test]
fn ended_stream_counts_while_its_content_is_held() {
    let _alone = alone();
    let root = tempfile::tempdir().expect("a directory");
    let [store, _] = stores(root.path());
    let ended = |_| {
        let writer = writer(Some(&store), &[]);
        let mut held = 0;
        while held < 900_000 && writer.feed_copy(&painted(CHUNK)).expect("open") != Flow::Full {
            held += CHUNK;
        }
        writer.finish(drop).expect("open");
        (writer, held + CHUNK)
    };
    let busy = keep_workers_busy();
    let writers: Vec<_> = (0..512).map(ended).collect();
    drop(busy);
    let held: usize = writers.iter().map(|(_, held)| held).sum();
    assert!(held <= (96 << 20) + writers.len() * CHUNK, "{held} bytes");
}

#[test]
fn memory_of_read_ahead_is_bounded() {
    let _alone = alone();
    let root = tempfile::tempdir().expect("a directory");
    let [store, _] = stores(root.path());
    let data = painted(4 << 20);
    let expected = expected(Algorithm::Blake3, &data);
    put(&store, &data, publication("object", expected.clone(), Existing::Heal)).expect("published");
    let mut ahead = 0;
    let reader = |_| {
        let (store, key) = (Arc::clone(&store), Key::parse("object").expect("a key"));
        let reader = StreamReader::new(engine(), move || store.open(&key), expected.clone(), 64 << 10);
        while let Some(len) = reader.next_buffer_size() {
            reader.supply(Memory::new(len));
            ahead += len;
        }
        reader
    };
    let readers: Vec<_> = (0..512).map(reader).collect();
    // Each reader may hold one chunk beyond the budget.
    assert!(ahead <= (64 << 20) + readers.len() * (64 << 10), "{ahead} bytes");
    drop(readers);
    let alone = StreamReader::<Memory>::new(engine(), || unreachable!(), expected, 64 << 10);
    assert_eq!(alone.next_buffer_size(), Some(64 << 10));
}

#[test]
fn number_of_tiny_chunks_read_ahead_is_bounded() {
    let _alone = alone();
    let expected = expected(Algorithm::Blake3, &painted(1 << 20));
    let missing = || Err(Error::Closed("no such object"));
    let reader = StreamReader::new(engine(), missing, expected, 1);
    let supplied =
        std::iter::from_fn(|| reader.next_buffer_size().map(|len| reader.supply(Memory::new(len)))).count();
    assert!(supplied <= 1024, "{supplied} of 1 byte");
}

#[test]
fn content_written_in_smaller_blocks_is_the_same() {
    let _alone = alone();
    let root = tempfile::tempdir().expect("a directory");
    let sizes = [16_384, 16_385, 65_536, 1_000_000, (5 << 20) + 7];
    for store in stores(root.path()) {
        for others in [0, 30, 200, 800] {
            let others = open_streams(others);
            for (size, chunk) in sizes.into_iter().zip([1000, 65_536, 3 << 20].into_iter().cycle()) {
                let (data, key) = (painted(size), format!("{}/{size}", others.len()));
                let writer = writer(Some(&store), &Algorithm::ALL);
                feed(&writer, data.chunks(chunk).map(<[u8]>::to_vec), size % 2 == 0).expect("fed");
                let digest = finish(&writer).expect("finished");
                assert_eq!(digest.hashes, hashes(&data), "{key}");
                let expected = expected(Algorithm::Blake3, &data);
                publish(writer.take_staged().expect("once"), publication(&key, expected, Existing::Heal))
                    .expect("published");
                assert!(fs::read(store.root().join(&key)).expect("there") == data, "{key}");
            }
        }
    }
}
