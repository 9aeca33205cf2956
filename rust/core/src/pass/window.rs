//! The limit on blocks that the jobs hold ahead of a serial hash.

use std::sync::Mutex;

use crate::runtime::sync::lock;

/// The most blocks claimed ahead of the hash.
const AHEAD: u64 = 8;
/// The distance below which parked jobs resume.
const RESUME: u64 = 4;

/// Parks jobs that are too far ahead of the hash, by counting them: a parked job has returned.
#[derive(Default)]
pub(super) struct Window {
    state: Mutex<WindowState>,
}

#[derive(Default)]
struct WindowState {
    hashed: u64,
    parked: usize,
    closed: bool,
}

impl Window {
    /// Returns whether a job may claim another block after `claimed` blocks.
    ///
    /// If not, the job counts as parked and must return.
    pub(super) fn enter(&self, claimed: u64) -> bool {
        let mut state = lock(&self.state);
        let admitted = state.closed || claimed < state.hashed + AHEAD;
        state.parked += usize::from(!admitted);
        admitted
    }

    /// Counts a hashed block, and returns the number of parked jobs to spawn again.
    pub(super) fn advance(&self, claimed: u64) -> usize {
        let mut state = lock(&self.state);
        state.hashed += 1;
        if claimed < state.hashed + RESUME { std::mem::take(&mut state.parked) } else { 0 }
    }

    /// Lifts the limit, and returns the number of parked jobs to spawn again.
    pub(super) fn close(&self) -> usize {
        let mut state = lock(&self.state);
        state.closed = true;
        std::mem::take(&mut state.parked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_park_at_the_limit_and_resume_when_the_hash_catches_up() {
        let window = Window::default();
        assert!(window.enter(AHEAD - 1));
        assert!(!window.enter(AHEAD));
        assert!(!window.enter(AHEAD));
        let woken: Vec<_> = (0..AHEAD).map(|_| window.advance(AHEAD)).collect();
        let first = usize::try_from(AHEAD - RESUME).expect("small");
        assert_eq!((woken[first], woken.iter().sum::<usize>()), (2, 2));
    }

    #[test]
    fn closed_window_parks_no_job() {
        let window = Window::default();
        assert!(!window.enter(AHEAD));
        assert_eq!(window.close(), 1);
        assert!(window.enter(AHEAD));
        assert_eq!(window.close(), 0);
    }
}
