//! How long work that never waits may keep an event loop from its other tasks.

use std::cell::RefCell;
use std::time::{Duration, Instant};

/// By time, not by bytes or chunks: one of those costs between nothing and a millisecond.
const SLICE: Duration = Duration::from_micros(500);

/// The time since the loop was last seen to go on.
#[derive(Debug, Default)]
pub(crate) struct TimeSlice {
    began: Option<Instant>,
}

impl TimeSlice {
    /// Whether the loop should have a turn now. If so, a new one begins with the next call.
    pub(crate) fn is_over(&mut self) -> bool {
        let now = Instant::now();
        let is_over = now - *self.began.get_or_insert(now) > SLICE;
        if is_over {
            self.end();
        }
        is_over
    }

    /// The loop goes on in any case: there is something to wait for.
    pub(crate) fn end(&mut self) {
        self.began = None;
    }
}

/// Whether the loop of this thread should have a turn, for calls that keep no turn of their own.
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
    fn a_turn_is_over_after_its_time_and_then_begins_anew() {
        let mut slice = TimeSlice::default();
        assert!(!slice.is_over());
        std::thread::sleep(2 * SLICE);
        assert!(slice.is_over());
        assert!(!slice.is_over());
    }

    #[test]
    fn a_turn_that_was_ended_begins_anew() {
        let mut slice = TimeSlice::default();
        assert!(!slice.is_over());
        std::thread::sleep(2 * SLICE);
        slice.end();
        assert!(!slice.is_over());
    }
}
