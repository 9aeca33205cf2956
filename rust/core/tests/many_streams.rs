//! The more streams there are at once, the smaller are their blocks.

mod common;

use std::fs;
use std::sync::Arc;

use common::{Chunk, expected, feed, finish, hash, keep_workers_busy, painted, publication, publish, stores};
use laboxide_core::digest::Algorithm;
use laboxide_core::pool::Engine;
use laboxide_core::write::{Existing, Flow, StreamWriter};

const CHUNK: usize = 20_000;

/// Streams that have begun, and wait for more.
fn begun(count: usize) -> Vec<StreamWriter<Chunk>> {
    let new = |_| {
        let writer = StreamWriter::new(Engine::current(), None, vec![Algorithm::Blake3]);
        writer.feed_copy(&painted(CHUNK)).expect("open");
        writer
    };
    (0..count).map(new).collect()
}

#[test]
fn what_they_hold_while_nothing_is_done_has_a_cap() {
    let busy = keep_workers_busy();
    let writers = begun(512);
    let mut held = 0;
    for writer in &writers {
        let mut chunks = 2;
        while writer.feed_copy(&painted(CHUNK)).expect("open") != Flow::Full {
            chunks += 1;
        }
        held += chunks * CHUNK;
    }
    drop(busy);
    // A chunk is taken in whole: of the last one, there may be as much too many in each stream.
    assert!(held <= (96 << 20) + writers.len() * CHUNK, "{held} bytes");
    assert!(held >= 48 << 20, "{held} bytes");
}

#[test]
fn what_is_written_in_smaller_blocks_is_the_same() {
    let root = tempfile::tempdir().expect("a directory");
    let sizes = [16_384, 16_385, 65_536, 1_000_000, (5 << 20) + 7];
    for store in stores(root.path()) {
        for others in [0, 30, 200, 800] {
            let others = begun(others);
            for (size, chunk) in sizes.into_iter().zip([1000, 65_536, 3 << 20].into_iter().cycle()) {
                let (data, key) = (painted(size), format!("{}/{size}", others.len()));
                let writer =
                    StreamWriter::new(Engine::current(), Some(Arc::clone(&store)), Algorithm::ALL.to_vec());
                feed(&writer, data.chunks(chunk).map(<[u8]>::to_vec), size % 2 == 0).expect("fed");
                let digest = finish(&writer).expect("finished");
                assert_eq!(digest.hashes, Algorithm::ALL.map(|a| (a, hash(a, &data))), "{key}");
                let expected = expected(Algorithm::Blake3, &data);
                publish(writer.take_staged().expect("once"), publication(&key, expected, Existing::Heal))
                    .expect("published");
                assert!(fs::read(store.root().join(&key)).expect("there") == data, "{key}");
            }
        }
    }
}
