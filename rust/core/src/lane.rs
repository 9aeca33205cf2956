//! Work that must be done in order, by whichever worker is there.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::pool::lock;

/// Items arrive in any order and are handled by number, one at a time.
pub(crate) struct Lane<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
    busy: bool,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { state: Mutex::new(State { next: 0, waiting: BTreeMap::new(), busy: false }) }
    }
}

impl<T> Lane<T> {
    /// Adds item number `index`. If nobody is at work, this thread handles everything whose turn
    /// has come, and what arrives meanwhile; otherwise the one at work will. `handle` does not panic.
    pub(crate) fn pass(&self, index: u64, item: T, mut handle: impl FnMut(u64, T)) {
        let mut state = lock(&self.state);
        state.waiting.insert(index, item);
        if state.busy {
            return;
        }
        state.busy = true;
        loop {
            let turn = state.next;
            let Some(item) = state.waiting.remove(&turn) else { break };
            state.next += 1;
            drop(state);
            handle(turn, item);
            state = lock(&self.state);
        }
        state.busy = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn items_are_handled_by_number_whoever_brings_them() {
        let lane = Arc::new(Lane::default());
        let handled = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let (lane, handled) = (Arc::clone(&lane), Arc::clone(&handled));
                thread::spawn(move || {
                    for index in (0..1000).rev().filter(|index| index % 4 == thread) {
                        lane.pass(index, index * 10, |at, item| lock(&handled).push((at, item)));
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(*lock(&handled), (0..1000).map(|index| (index, index * 10)).collect::<Vec<_>>());
    }
}
