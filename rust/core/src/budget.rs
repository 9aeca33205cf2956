//! Memory for streams: the more there are at once, the less each may hold.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::slab::BLOCK;

/// For all streams together, as far as [`LEAST`] allows, and for one.
const TOTAL: usize = 64 * BLOCK;
const MOST: usize = 8 * BLOCK;
/// One block being filled and one on its way.
const LEAST: usize = 2 * BLOCK;

#[derive(Default)]
pub(crate) struct Budget {
    streams: AtomicUsize,
}

/// A stream's place among those that share the budget.
pub(crate) struct Seat(&'static Budget);

impl Budget {
    pub(crate) fn join(&'static self) -> Seat {
        self.streams.fetch_add(1, Ordering::Relaxed);
        Seat(self)
    }

    /// Bytes that each stream may hold now.
    pub(crate) fn share(&self) -> usize {
        (TOTAL / self.streams.load(Ordering::Relaxed).max(1)).clamp(LEAST, MOST)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.streams.fetch_sub(1, Ordering::Relaxed);
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
        let more: Vec<_> = (0..100).map(|_| BUDGET.join()).collect();
        assert_eq!(BUDGET.share(), LEAST);
        drop((seats, more));
        assert_eq!(BUDGET.share(), MOST);
    }
}
