//! Hashing that takes the bytes of a stream in order: by one worker at a time, but of two streams at once.
//!
//! Two contents side by side are hashed nearly twice as fast as one after the other
//! (`digest/sha256.rs`). So a stream whose next block has come waits for a second one, if there is
//! another at all, while its worker goes on to what else there is to do.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::digest::{Intake, take_in_both};
use crate::pool::{Engine, lock};

/// After this long a worker lets the queue have its turn.
const TURN: Duration = Duration::from_millis(5);

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
    pub(crate) fn begin(&'static self, engine: &'static Engine, stream: Stream) {
        if self.ready.fetch_add(1, Ordering::Relaxed) == 0 {
            self.work(engine, vec![stream]);
        } else {
            self.find_company(engine, stream);
        }
    }

    fn find_company(&'static self, engine: &'static Engine, stream: Stream) {
        let mut single = lock(&self.single);
        if let Some(other) = single.take() {
            drop(single);
            return self.work(engine, vec![other, stream]);
        }
        *single = Some(stream);
        drop(single);
        // If nobody else comes for it. By then the others have had their turn to bring blocks.
        engine.spawn(move || {
            let single = lock(&self.single).take();
            self.work(engine, Vec::from_iter(single));
        });
    }

    /// Goes on with one or two streams until they have no blocks left, or one alone should not.
    fn work(&'static self, engine: &'static Engine, mut streams: Vec<Stream>) {
        let begun = Instant::now();
        while !streams.is_empty() {
            if streams.len() == 1 {
                streams.extend(lock(&self.single).take());
            }
            step_all(&streams);
            streams.retain(|stream| self.goes_on(stream));
            if streams.len() == 1 && self.ready.load(Ordering::Relaxed) > 1 {
                return streams.into_iter().for_each(|stream| self.find_company(engine, stream));
            }
            if begun.elapsed() > TURN {
                return engine.spawn(move || self.work(engine, streams));
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
