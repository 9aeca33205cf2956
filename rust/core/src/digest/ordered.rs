//! Hashing that takes the bytes of a stream in order: by one worker at a time, but of two streams at once.
//!
//! Two contents side by side are hashed nearly twice as fast as one after the other
//! (`laboxide_sha256`). So a stream whose next block has come waits for a second one, if there is
//! another at all, while its worker goes on to what else there is to do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use crate::digest::{Intake, take_in_both};
use crate::runtime::pool::{JOB_SLICE, Pool};
use crate::runtime::sync::lock;

/// A stream whose blocks are hashed one after the other. Nothing of it panics.
pub(crate) trait InOrder: Send + Sync {
    /// Hands the next block to `hash`, or nothing if the block is to be passed over; then lets go of it.
    /// `hash` is called once.
    fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<Intake<'_, '_>>));

    /// Whether there is another block. If not, whoever brings it begins anew.
    fn goes_on(self: Arc<Self>) -> bool;
}

type Stream = Arc<dyn InOrder>;

#[derive(Default)]
pub(crate) struct Pairs {
    /// Streams of which a block waits or is hashed.
    ready: AtomicUsize,
    /// One of them that waits for another.
    single: Mutex<Option<Stream>>,
}

impl Pairs {
    /// Hashes what is there of a stream, and what comes meanwhile: here, or where it finds company.
    pub(crate) fn begin(&'static self, pool: &'static Pool, stream: Stream) {
        let is_alone = self.ready.fetch_add(1, Ordering::Relaxed) == 0;
        self.work(pool, if is_alone { vec![stream] } else { self.with_company(pool, stream) });
    }

    /// A stream and the one that waits for it. Nothing if there is none: then it is the one that waits.
    fn with_company(&'static self, pool: &'static Pool, stream: Stream) -> Vec<Stream> {
        let mut single = lock(&self.single);
        if let Some(other) = single.take() {
            return vec![other, stream];
        }
        *single = Some(stream);
        drop(single);
        // If nobody else comes for it. By then the others have had their turn to bring blocks.
        pool.spawn(move || {
            let single = lock(&self.single).take();
            self.work(pool, Vec::from_iter(single));
        });
        Vec::new()
    }

    /// Goes on with one or two streams until they have no blocks left, or one alone should not.
    fn work(&'static self, pool: &'static Pool, mut streams: Vec<Stream>) {
        let begun = Instant::now();
        while !streams.is_empty() {
            if begun.elapsed() > JOB_SLICE {
                return pool.spawn(move || self.work(pool, streams));
            }
            if streams.len() == 1 {
                streams.extend(lock(&self.single).take());
            }
            step_all(&streams);
            streams.retain(|stream| self.goes_on(stream));
            if streams.len() == 1 && self.ready.load(Ordering::Relaxed) > 1 {
                streams = streams.pop().map_or_else(Vec::new, |stream| self.with_company(pool, stream));
            }
        }
    }

    fn goes_on(&self, stream: &Stream) -> bool {
        let goes_on = Arc::clone(stream).goes_on();
        self.ready.fetch_sub(usize::from(!goes_on), Ordering::Relaxed);
        goes_on
    }
}

fn step_all(streams: &[Stream]) {
    match streams {
        [first, second] => Arc::clone(first).step(&mut |mut one| {
            Arc::clone(second).step(&mut |other| take_in_both(one.take(), other));
        }),
        streams => {
            for stream in streams {
                Arc::clone(stream).step(&mut |block| take_in_both(block, None));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::runtime::sequencer::Sequencer;

    static PAIRS: Pairs = Pairs { ready: AtomicUsize::new(0), single: Mutex::new(None) };
    const BLOCKS: u64 = 500;

    #[derive(Default)]
    struct Numbers {
        sequencer: Sequencer<u64>,
        hashed: Mutex<Vec<u64>>,
    }

    impl InOrder for Numbers {
        fn step(self: Arc<Self>, hash: &mut dyn FnMut(Option<Intake<'_, '_>>)) {
            let (_, number) = self.sequencer.take().expect("a block");
            hash((number % 3 > 0).then_some(Intake { hashers: &mut [], parts: &mut std::iter::empty() }));
            lock(&self.hashed).push(number);
        }

        fn goes_on(self: Arc<Self>) -> bool {
            self.sequencer.goes_on()
        }
    }

    #[test]
    fn every_block_has_its_turn_whoever_it_is_hashed_beside() {
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
        while PAIRS.ready.load(Ordering::Relaxed) > 0 {
            assert!(begun.elapsed() < Duration::from_secs(20), "somebody waits for ever");
            thread::yield_now();
        }
        assert!(lock(&PAIRS.single).is_none());
        for stream in streams {
            assert!(lock(&stream.hashed).iter().copied().eq(0..BLOCKS));
        }
    }
}
