//! The memory budget of all streams. With more streams, each may reserve less.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::memory::slab::BLOCK;

/// The memory for all streams together, beyond the two blocks that each stream needs to progress.
const TOTAL: usize = 64 * BLOCK;
/// The maximum for one stream.
const MAX_SHARE: usize = 8 * BLOCK;
/// A stream with no more bytes than this needs no reservation.
pub(crate) const UNRESERVED: usize = 16 << 10;

#[derive(Default)]
pub(crate) struct Budget {
    streams: AtomicUsize,
    reserved: AtomicUsize,
}

/// The memory that one stream has reserved.
pub(crate) struct Reservation {
    budget: &'static Budget,
    reserved: AtomicUsize,
    /// The size of the stream's blocks, a power of two. The stream may always hold two of them.
    pub block: usize,
}

impl Budget {
    /// Adds a stream, with a reservation of 0 bytes.
    pub(crate) fn join(&'static self) -> Reservation {
        let streams = self.streams.fetch_add(1, Ordering::Relaxed) + 1;
        Reservation { budget: self, reserved: AtomicUsize::new(0), block: block_size(streams) }
    }

    /// Returns the bytes that each stream may reserve now: 0 if the budget is used up.
    pub(crate) fn share(&self) -> usize {
        if self.reserved.load(Ordering::Relaxed) >= TOTAL {
            return 0;
        }
        (TOTAL / self.streams.load(Ordering::Relaxed).max(1)).min(MAX_SHARE)
    }
}

impl Reservation {
    pub(crate) fn reserve(&self, bytes: usize) {
        self.reserved.fetch_add(bytes, Ordering::Relaxed);
        self.budget.reserved.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn release(&self, bytes: usize) {
        self.reserved.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.reserved.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Returns the block size of a new stream: a sixteenth of its share. Earlier streams keep their larger blocks.
///
/// At least eight streams are needed to use up the budget; two blocks for each of 504 more are 28 MiB.
fn block_size(streams: usize) -> usize {
    let sixteenth = (TOTAL / 16 / streams).clamp(UNRESERVED, BLOCK);
    1 << sixteenth.ilog2()
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.release(self.reserved.load(Ordering::Relaxed));
        self.budget.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUDGET: Budget = Budget { streams: AtomicUsize::new(0), reserved: AtomicUsize::new(0) };

    #[test]
    fn more_streams_have_smaller_shares_and_blocks() {
        assert_eq!(BUDGET.share(), MAX_SHARE);
        let early: Vec<_> = (0..16).map(|_| BUDGET.join()).collect();
        assert_eq!(BUDGET.share(), TOTAL / 16);
        let late: Vec<_> = (0..496).map(|_| BUDGET.join()).collect();
        assert_eq!(BUDGET.share(), TOTAL / 512);
        let blocks: Vec<_> = early.iter().chain(&late).map(|stream| stream.block).collect();
        assert_eq!((blocks[0], blocks[511]), (BLOCK, UNRESERVED));
        assert!(blocks.iter().all(|block| block.is_power_of_two()));
        assert_eq!(blocks[8..].iter().map(|block| 2 * block).sum::<usize>(), 28 << 20);
        early[0].reserve(TOTAL);
        assert_eq!(BUDGET.share(), 0);
        drop((early, late));
        assert_eq!(BUDGET.share(), MAX_SHARE);
    }
}
