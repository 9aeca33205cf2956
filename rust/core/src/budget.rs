//! Memory for streams: the more there are at once, the less each may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::slab::BLOCK;

/// For all streams together, as far as blocks allow, and for one.
const TOTAL: usize = 64 * BLOCK;
const MOST: usize = 8 * BLOCK;
/// What is less than this is held without a seat.
pub(crate) const UNSEATED: usize = 16 << 10;

#[derive(Default)]
pub(crate) struct Budget {
    streams: AtomicUsize,
}

/// A stream's place among those that share the budget.
pub(crate) struct Seat {
    budget: &'static Budget,
    /// The size of its blocks: a power of two, and no stream holds less than two of them.
    pub block: usize,
}

impl Budget {
    pub(crate) fn join(&'static self) -> Seat {
        let streams = self.streams.fetch_add(1, Ordering::Relaxed) + 1;
        Seat { budget: self, block: block_of(streams) }
    }

    /// Bytes that each stream may hold now, if a block is no more than that.
    pub(crate) fn share(&self) -> usize {
        (TOTAL / self.streams.load(Ordering::Relaxed).max(1)).min(MOST)
    }
}

/// An eighth of a share. Who came first keeps the larger blocks: 512 streams that come one after the
/// other hold 96 MiB, if each holds as much as it may.
fn block_of(streams: usize) -> usize {
    let eighth = (TOTAL / 8 / streams).clamp(UNSEATED, BLOCK);
    1 << eighth.ilog2()
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.budget.streams.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    static BUDGET: Budget = Budget { streams: AtomicUsize::new(0) };

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
        let held: usize = blocks.iter().map(|block| BUDGET.share().max(2 * block)).sum();
        assert!(held <= 96 << 20, "{held}");
        drop((seats, more));
        assert_eq!(BUDGET.share(), MOST);
    }
}
