//! Serial hashing: each stream is hashed in order by one worker at a time, and two streams side by side.
//!
//! Two inputs side by side are hashed nearly twice as fast as one after the other (`laboxide_sha256`). So a
//! stream with a block to hash waits for a second stream, if another one is active, while its worker runs
//! other jobs. A job at the end of the queue hashes the stream alone if no partner arrives before.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use laboxide_sha256::update_pair;

use crate::digest::Hasher;
use crate::runtime::pool::{JOB_SLICE, Pool};
use crate::runtime::sync::lock;

/// A stream whose blocks are hashed one after the other. Its methods must not panic.
pub(crate) trait SerialStream: Send + Sync {
    /// Passes the next block to `hash`, or None to skip the block, then releases the block.
    ///
    /// Calls `hash` exactly once.
    fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<HashInput<'_, '_>>));

    /// Returns true if there is another block. Otherwise the arrival of the next one starts the stream again.
    fn has_more(self: Arc<Self>) -> bool;
}

/// The next bytes of one stream, and its hashers.
pub(crate) struct HashInput<'a, 'b> {
    pub hashers: &'a mut [Hasher],
    pub parts: &'a mut (dyn Iterator<Item = &'b [u8]> + 'a),
}

impl HashInput<'_, '_> {
    fn update(self) {
        for part in self.parts {
            self.hashers.iter_mut().for_each(|hasher| hasher.update(part));
        }
    }
}

/// Hashes the inputs of two streams, side by side if both use SHA-256 alone.
fn update_both(mut first: Option<HashInput<'_, '_>>, mut second: Option<HashInput<'_, '_>>) {
    if let (Some(first), Some(second)) = (&mut first, &mut second)
        && let ([one], [other]) = (&mut *first.hashers, &mut *second.hashers)
        && let (Some(one), Some(other)) = (one.as_sha256(), other.as_sha256())
    {
        return update_pair((one, &mut *first.parts), (other, &mut *second.parts));
    }
    first.into_iter().for_each(HashInput::update);
    second.into_iter().for_each(HashInput::update);
}

type Stream = Arc<dyn SerialStream>;

/// Pairs the streams of a process for hashing.
#[derive(Default)]
pub(crate) struct Pairs {
    /// The number of streams with blocks to hash.
    active: AtomicUsize,
    /// A stream that waits for a partner.
    unpaired: Mutex<Option<Stream>>,
}

impl Pairs {
    /// Hashes the blocks of a stream until it has none, here or together with another stream.
    pub(crate) fn begin(&'static self, pool: &'static Pool, stream: Stream) {
        let is_alone = self.active.fetch_add(1, Ordering::Relaxed) == 0;
        self.work(pool, if is_alone { vec![stream] } else { self.pair(pool, stream) });
    }

    /// Returns the stream with its partner. Without one, the stream waits, and nothing is returned.
    fn pair(&'static self, pool: &'static Pool, stream: Stream) -> Vec<Stream> {
        let mut unpaired = lock(&self.unpaired);
        if let Some(other) = unpaired.take() {
            return vec![other, stream];
        }
        *unpaired = Some(stream);
        drop(unpaired);
        // Hashes the stream alone, after the queued jobs, which may bring blocks of another one.
        pool.spawn(move || {
            let unpaired = lock(&self.unpaired).take();
            self.work(pool, Vec::from_iter(unpaired));
        });
        Vec::new()
    }

    /// Hashes one or two streams while they have blocks. A single one may then wait for a partner.
    fn work(&'static self, pool: &'static Pool, mut streams: Vec<Stream>) {
        let begun = Instant::now();
        while !streams.is_empty() {
            if begun.elapsed() > JOB_SLICE {
                return pool.spawn(move || self.work(pool, streams));
            }
            if streams.len() == 1 {
                streams.extend(lock(&self.unpaired).take());
            }
            step_all(&streams);
            streams.retain(|stream| self.has_more(stream));
            if streams.len() == 1 && self.active.load(Ordering::Relaxed) > 1 {
                streams = streams.pop().map_or_else(Vec::new, |stream| self.pair(pool, stream));
            }
        }
    }

    fn has_more(&self, stream: &Stream) -> bool {
        let has_more = Arc::clone(stream).has_more();
        self.active.fetch_sub(usize::from(!has_more), Ordering::Relaxed);
        has_more
    }
}

fn step_all(streams: &[Stream]) {
    match streams {
        [first, second] => Arc::clone(first).step(&mut |mut one| {
            Arc::clone(second).step(&mut |other| update_both(one.take(), other));
        }),
        streams => {
            for stream in streams {
                Arc::clone(stream).step(&mut |block| update_both(block, None));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::digest::{Algorithm, StreamHash, hex, painted};
    use crate::runtime::sequencer::Sequencer;
    use Algorithm::{Blake3, Sha256};

    static PAIRS: Pairs = Pairs { active: AtomicUsize::new(0), unpaired: Mutex::new(None) };
    const BLOCKS: u64 = 500;

    #[derive(Default)]
    struct Numbers {
        sequencer: Sequencer<u64>,
        hashed: Mutex<Vec<u64>>,
    }

    impl SerialStream for Numbers {
        fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<HashInput<'_, '_>>)) {
            let (_, number) = self.sequencer.take().expect("a block");
            hash((number % 3 > 0).then_some(HashInput { hashers: &mut [], parts: &mut std::iter::empty() }));
            lock(&self.hashed).push(number);
        }

        fn has_more(self: Arc<Self>) -> bool {
            self.sequencer.has_more()
        }
    }

    #[test]
    fn every_block_of_paired_streams_is_hashed_in_order() {
        let pool = Pool::leaked();
        let streams: Vec<_> = (0..5).map(|_| Arc::new(Numbers::default())).collect();
        thread::scope(|scope| {
            for stream in &streams {
                scope.spawn(move || {
                    for number in 0..BLOCKS {
                        if stream.sequencer.add(number, number) {
                            PAIRS.begin(pool, Arc::<Numbers>::clone(stream));
                        }
                    }
                });
            }
        });
        let begun = Instant::now();
        while PAIRS.active.load(Ordering::Relaxed) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "a stream was never hashed");
            thread::yield_now();
        }
        assert!(lock(&PAIRS.unpaired).is_none());
        for stream in streams {
            assert!(lock(&stream.hashed).iter().copied().eq(0..BLOCKS));
        }
    }

    #[test]
    fn update_both_hashes_two_inputs_with_any_algorithms() {
        let data = [painted(5000), painted(3002)[1..].to_vec()];
        let choices: [&[Algorithm]; 5] = [&[], &[Sha256], &[Blake3], &[Sha256, Blake3], &[Blake3, Sha256]];
        for algorithms in choices.into_iter().flat_map(|one| choices.map(|other| [one, other])) {
            let mut hashes = algorithms.map(StreamHash::new);
            let [first, second] = &mut hashes;
            let (mut parts, mut other_parts) = (data[0].chunks(700), data[1].chunks(64));
            update_both(
                Some(HashInput { hashers: &mut first.hashers, parts: &mut parts }),
                Some(HashInput { hashers: &mut second.hashers, parts: &mut other_parts }),
            );
            for ((hash, data), algorithms) in hashes.into_iter().zip(&data).zip(algorithms) {
                let digest = hash.finish(data.len() as u64, algorithms);
                for (algorithm, hash) in digest.hashes {
                    assert_eq!(hash, hex(&Hasher::hash(algorithm, data)));
                }
            }
        }
    }
}
