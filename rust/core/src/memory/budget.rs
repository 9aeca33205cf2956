//! Memory for streams: the more there are at once, the less each may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::memory::slab::BLOCK;

/// For all streams together, and for one. What a stream needs to go on at all it may hold beyond that.
const TOTAL: usize = 64 * BLOCK;
const MOST: usize = 8 * BLOCK;
/// What is less than this is held without a seat.
pub(crate) const UNSEATED: usize = 16 << 10;

#[derive(Default)]
pub(crate) struct Budget {
    streams: AtomicUsize,
    held: AtomicUsize,
}

/// A stream's place among those that share the budget.
pub(crate) struct Seat {
    budget: &'static Budget,
    held: AtomicUsize,
    /// The size of its blocks, of which it may always hold two: a power of two.
    pub block: usize,
}

impl Budget {
    pub(crate) fn join(&'static self) -> Seat {
        let streams = self.streams.fetch_add(1, Ordering::Relaxed) + 1;
        Seat { budget: self, held: AtomicUsize::new(0), block: block_of(streams) }
    }

    /// Bytes that each stream may hold now. None while those who came earlier hold everything.
    pub(crate) fn share(&self) -> usize {
        if self.held.load(Ordering::Relaxed) >= TOTAL {
            return 0;
        }
        (TOTAL / self.streams.load(Ordering::Relaxed).max(1)).min(MOST)
    }
}

impl Seat {
    pub(crate) fn hold(&self, bytes: usize) {
        self.held.fetch_add(bytes, Ordering::Relaxed);
        self.budget.held.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn let_go(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
        self.budget.held.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// A sixteenth of a share. Who came first keeps the larger blocks. It takes eight streams at least to
/// hold the whole budget; two blocks for each of 504 more are 28 MiB.
fn block_of(streams: usize) -> usize {
    let sixteenth = (TOTAL / 16 / streams).clamp(UNSEATED, BLOCK);
    1 << sixteenth.ilog2()
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.let_go(self.held.load(Ordering::Relaxed));
        self.budget.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUDGET: Budget = Budget { streams: AtomicUsize::new(0), held: AtomicUsize::new(0) };

    #[test]
    fn streams_share_what_there_is() {
        assert_eq!(BUDGET.share(), MOST);
        let seats: Vec<_> = (0..16).map(|_| BUDGET.join()).collect();
        assert_eq!(BUDGET.share(), TOTAL / 16);
        let more: Vec<_> = (0..496).map(|_| BUDGET.join()).collect();
        assert_eq!(BUDGET.share(), TOTAL / 512);
        let blocks: Vec<_> = seats.iter().chain(&more).map(|seat| seat.block).collect();
        assert_eq!((blocks[0], blocks[511]), (BLOCK, UNSEATED));
        assert!(blocks.iter().all(|block| block.is_power_of_two()));
        assert_eq!(blocks[8..].iter().map(|block| 2 * block).sum::<usize>(), 28 << 20);
        seats[0].hold(TOTAL);
        assert_eq!(BUDGET.share(), 0);
        drop((seats, more));
        assert_eq!(BUDGET.share(), MOST);
    }
}
