//! Work that must be done in order, by one worker at a time.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::runtime::sync::lock;

/// Items arrive in any order and are handled by number.
pub(crate) struct Sequencer<T> {
    state: Mutex<SequencerState<T>>,
}

struct SequencerState<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
    busy: bool,
}

impl<T> Default for Sequencer<T> {
    fn default() -> Self {
        Self { state: Mutex::new(SequencerState { next: 0, waiting: BTreeMap::new(), busy: false }) }
    }
}

impl<T> Sequencer<T> {
    /// Adds item number `index`. True if its turn has come and nobody is at work: then this thread is,
    /// until [`Self::goes_on`] says no.
    pub(crate) fn add(&self, index: u64, item: T) -> bool {
        let mut state = lock(&self.state);
        state.waiting.insert(index, item);
        let begins = !state.busy && state.has_next();
        state.busy |= begins;
        begins
    }

    /// The item whose turn it is, for whoever is at work.
    pub(crate) fn take(&self) -> Option<(u64, T)> {
        let mut state = lock(&self.state);
        let number = state.next;
        let item = state.waiting.remove(&number)?;
        state.next += 1;
        Some((number, item))
    }

    /// Whether there is another one. If not, nobody is at work any more.
    pub(crate) fn goes_on(&self) -> bool {
        let mut state = lock(&self.state);
        state.busy = state.has_next();
        state.busy
    }
}

impl<T> SequencerState<T> {
    fn has_next(&self) -> bool {
        self.waiting.contains_key(&self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::thread;

    #[test]
    fn items_are_handled_by_number_whoever_brings_them() {
        let sequencer = Arc::new(Sequencer::default());
        let handled = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let (sequencer, handled) = (Arc::clone(&sequencer), Arc::clone(&handled));
                thread::spawn(move || {
                    for index in (0..1000).rev().filter(|index| index % 4 == thread) {
                        let mut at_work = sequencer.add(index, index * 10);
                        while at_work {
                            lock(&handled).push(sequencer.take().expect("its turn has come"));
                            at_work = sequencer.goes_on();
                        }
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
