//! Round trips: content of every length and chunking is stored and read unchanged, with the right hash.

mod common;

use std::sync::mpsc;
use std::thread;

use common::{
    expected, feed, files, finish, get, hash, hashes, keep_workers_busy, painted, publication, publish,
    stores, stream, writer,
};
use laboxide_core::BLOCK;
use laboxide_core::digest::Algorithm;
use laboxide_core::write::{Existing, Published};
use proptest::prelude::*;

/// Lengths around every size constant of the engine.
const LENGTHS: [usize; 22] = [
    0,
    1,
    2047,
    2048,
    16_383,
    16_384,
    16_385,
    65_535,
    65_536,
    65_537,
    BLOCK - 1,
    BLOCK,
    BLOCK + 1,
    2 * BLOCK - 1,
    2 * BLOCK,
    2 * BLOCK + 1,
    3 * BLOCK,
    4 * BLOCK + 7,
    7 * BLOCK,
    8 * BLOCK,
    8 * BLOCK + 1,
    17 * BLOCK + 12_345,
];

#[test]
fn stream_round_trips_for_every_algorithm_and_length() {
    let root = tempfile::tempdir().expect("a directory");
    for store in stores(root.path()) {
        for algorithm in Algorithm::ALL {
            for (number, len) in LENGTHS.into_iter().enumerate() {
                let data = painted(len);
                let chunk = [1000, 4096, 60_000, 65_536, BLOCK, 5 * BLOCK][number % 6];
                let writer = writer(Some(&store), &[algorithm]);
                feed(&writer, data.chunks(chunk).map(<[u8]>::to_vec), number % 2 == 0).expect("fed");
                let digest = finish(&writer).expect("written");
                assert_eq!(digest.hashes, [(algorithm, hash(algorithm, &data))], "{len} by {chunk}");
                let key = format!("{algorithm}/{len}");
                let expected = expected(algorithm, &data);
                let staged = writer.take_staged().expect("ended");
                let published = publish(staged, publication(&key, expected.clone(), Existing::Heal));
                assert_eq!(published.expect("published"), Published::Created);
                assert!(get(&store, &key, expected.clone()).expect("read") == data, "{len} as a blob");
                for chunk_size in [BLOCK, 5 * BLOCK, 100_000] {
                    let streamed = stream(&store, &key, expected.clone(), chunk_size).expect("read");
                    assert!(streamed == data, "{len} by {chunk_size}");
                }
            }
        }
        let leftovers =
            files(store.root()).into_iter().filter(|path| path.to_string_lossy().contains("staging"));
        assert_eq!(leftovers.count(), 0);
    }
}

/// In-order hashing pairs any two of these: written streams, read streams and whole objects.
#[test]
fn concurrent_contents_keep_their_own_hashes() {
    let root = tempfile::tempdir().expect("a directory");
    let [store, _] = stores(root.path());
    thread::scope(|scope| {
        let contents = (0..6).map(|number| {
            let store = &store;
            scope.spawn(move || {
                let data = painted((3 + number) * BLOCK + 1000 * number).split_off(number);
                let chunk = [10_000, 65_536, 100_000][number % 3];
                let writer = writer(Some(store), &[Algorithm::Sha256]);
                feed(&writer, data.chunks(chunk).map(<[u8]>::to_vec), true).expect("fed");
                let expected = expected(Algorithm::Sha256, &data);
                assert_eq!(finish(&writer).expect("written").hashes, Vec::from_iter(expected.hash.clone()));
                let (key, staged) = (number.to_string(), writer.take_staged().expect("ended"));
                publish(staged, publication(&key, expected.clone(), Existing::Heal)).expect("published");
                assert!(stream(store, &key, expected.clone(), chunk).expect("verified") == data);
                assert!(get(store, &key, expected).expect("verified") == data);
            })
        });
        for content in contents.collect::<Vec<_>>() {
            content.join().expect("no panic");
        }
    });
}

/// All workers are blocked, so no worker hashes the block.
#[test]
fn digest_of_a_single_block_is_available_while_the_stream_ends() {
    let writer = writer(None, &Algorithm::ALL);
    let data = painted(BLOCK - 1);
    writer.feed(data.clone()).expect("open");
    let busy = keep_workers_busy();
    let (sender, ended) = mpsc::channel();
    let inline = writer.finish(move |result| sender.send(result).expect("awaited")).expect("open");
    assert_eq!(inline, None);
    let hashes = hashes(&data);
    assert_eq!(writer.digest().expect("a digest").hashes, hashes);
    drop(busy);
    ended.recv().expect("a result").expect("hashed");
    assert_eq!(writer.digest().expect("a digest").hashes, hashes);
}

fn chunks() -> impl Strategy<Value = Vec<usize>> {
    let size = prop_oneof![0..3_usize, 900..1100_usize, 16_000..17_000_usize, 1..200_000_usize, 1..3 * BLOCK];
    prop::collection::vec(size, 0..40)
}

proptest! {
    // No `cases` here: a number would override PROPTEST_CASES.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn digest_does_not_depend_on_chunking(
        sizes in chunks(),
        checks in prop::collection::vec(prop::bool::weighted(0.2), 40),
        lend in any::<bool>(),
    ) {
        let writer = writer(None, &Algorithm::ALL);
        let data = painted(sizes.iter().sum());
        let mut fed = 0;
        for (size, check) in sizes.into_iter().zip(checks) {
            feed(&writer, std::iter::once(data[fed..fed + size].to_vec()), lend).expect("fed");
            fed += size;
            if check {
                prop_assert_eq!(writer.digest().expect("a digest").hashes, hashes(&data[..fed]));
            }
        }
        let digest = finish(&writer).expect("hashed");
        prop_assert_eq!(digest.size, fed as u64);
        prop_assert_eq!(digest.hashes, hashes(&data[..fed]));
    }
}
