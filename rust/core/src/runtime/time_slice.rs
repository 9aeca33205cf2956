//! The time for which calls that never block may occupy an event loop.
//!
//! A task that only makes such calls would starve the loop's other tasks, so it pauses after each time slice.

use std::cell::RefCell;
use std::time::{Duration, Instant};

/// A time and not a number of bytes or chunks: a chunk takes between almost no time and 1 ms.
const SLICE: Duration = Duration::from_micros(500);

/// A time slice. It starts with the first check after the loop ran other tasks.
#[derive(Debug, Default)]
pub(crate) struct TimeSlice {
    began: Option<Instant>,
}

impl TimeSlice {
    /// Returns true if the task should pause now. The next call then starts a new slice.
    pub(crate) fn is_over(&mut self) -> bool {
        let now = Instant::now();
        let is_over = now - *self.began.get_or_insert(now) > SLICE;
        if is_over {
            self.end();
        }
        is_over
    }

    /// Ends the slice early, because the task is about to wait anyway.
    pub(crate) fn end(&mut self) {
        self.began = None;
    }
}

/// Returns true if a task should pause. For calls without a [`TimeSlice`] of their own, one per thread.
#[must_use]
pub fn pause_due() -> bool {
    thread_local! {
        static CURRENT: RefCell<TimeSlice> = RefCell::default();
    }
    CURRENT.with_borrow_mut(TimeSlice::is_over)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slice_is_over_after_its_time_and_then_restarts() {
        let mut slice = TimeSlice::default();
        assert!(!slice.is_over());
        std::thread::sleep(2 * SLICE);
        assert!(slice.is_over());
        assert!(!slice.is_over());
    }

    #[test]
    fn ended_slice_restarts() {
        let mut slice = TimeSlice::default();
        assert!(!slice.is_over());
        std::thread::sleep(2 * SLICE);
        slice.end();
        assert!(!slice.is_over());
    }
}
