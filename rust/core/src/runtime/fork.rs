//! Detects that the process was forked.
//!
//! A forked child has a copy of all memory, but none of its parent's threads. So a lock may stay held for
//! ever, and a queue has no worker. Values that own threads or locks store the number of forks at their
//! creation and compare it before use.

use std::sync::atomic::{AtomicU64, Ordering};

static FORKS: AtomicU64 = AtomicU64::new(0);

/// Returns the number of forks between the first process and this one.
#[must_use]
pub fn forks() -> u64 {
    FORKS.load(Ordering::Relaxed)
}

/// Counts a fork. Called once in each child, before any other thread runs there.
pub(crate) fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}
