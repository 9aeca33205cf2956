//! The bytes that a pass has read, for the progress of an operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the bytes that a pass has read. Its clones share one count.
#[derive(Clone, Debug, Default)]
pub struct Counter(Arc<AtomicU64>);

impl Counter {
    /// Returns the bytes that the last pass has read: a second pass over the same bytes starts at 0.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(super) fn add(&self, len: usize) {
        self.0.fetch_add(len as u64, Ordering::Relaxed);
    }

    pub(super) fn reset(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_share_a_count_that_a_second_pass_resets() {
        let counter = Counter::default();
        let clone = counter.clone();
        clone.add(3);
        clone.add(4);
        assert_eq!(counter.get(), 7);
        counter.reset();
        clone.add(2);
        assert_eq!(counter.get(), 2);
    }
}
