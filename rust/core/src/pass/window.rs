//! How far strands may run ahead of a hash that needs the bytes in order.

use std::sync::Mutex;

use crate::runtime::sync::lock;

/// Blocks that may be held for the hash, and the distance from which a strand goes on.
const AHEAD: u64 = 8;
const RESUME: u64 = 4;

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
    /// Whether a strand may claim a block after `claimed` were. If not, it has to leave: it counts as
    /// parked.
    pub(super) fn enter(&self, claimed: u64) -> bool {
        let mut state = lock(&self.state);
        let may = state.closed || claimed < state.hashed + AHEAD;
        state.parked += usize::from(!may);
        may
    }

    /// One more block is hashed, of `claimed`. Tells how many parked strands go on now.
    pub(super) fn advance(&self, claimed: u64) -> usize {
        let mut state = lock(&self.state);
        state.hashed += 1;
        if claimed < state.hashed + RESUME { std::mem::take(&mut state.parked) } else { 0 }
    }

    /// Nobody has to wait any more. Tells how many parked strands go on now.
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
    fn strands_park_when_they_are_ahead_and_go_on_when_the_hash_has_caught_up() {
        let window = Window::default();
        assert!(window.enter(AHEAD - 1));
        assert!(!window.enter(AHEAD));
        assert!(!window.enter(AHEAD));
        let woken: Vec<_> = (0..AHEAD).map(|_| window.advance(AHEAD)).collect();
        let first = usize::try_from(AHEAD - RESUME).expect("small");
        assert_eq!((woken[first], woken.iter().sum::<usize>()), (2, 2));
    }

    #[test]
    fn nobody_parks_after_the_end() {
        let window = Window::default();
        assert!(!window.enter(AHEAD));
        assert_eq!(window.close(), 1);
        assert!(window.enter(AHEAD));
        assert_eq!(window.close(), 0);
    }
}
