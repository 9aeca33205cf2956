//! Processing of items in sequence, by one worker at a time.

use std::collections::BTreeMap;
use std::sync::Mutex;

use crate::runtime::sync::lock;

/// A queue whose items arrive in any order and leave by number.
///
/// The worker that adds the next item processes it and all that follow without a gap:
///
/// ```ignore
/// let mut active = sequencer.add(index, item);
/// while active {
///     process(sequencer.take());
///     active = sequencer.has_more();
/// }
/// ```
pub(crate) struct Sequencer<T> {
    state: Mutex<SequencerState<T>>,
}

struct SequencerState<T> {
    next: u64,
    waiting: BTreeMap<u64, T>,
    /// Whether a worker is processing items.
    busy: bool,
}

impl<T> Default for Sequencer<T> {
    fn default() -> Self {
        Self { state: Mutex::new(SequencerState { next: 0, waiting: BTreeMap::new(), busy: false }) }
    }
}

impl<T> Sequencer<T> {
    /// Adds item number `index`. Returns true if the caller must process the next item.
    ///
    /// The caller is then the only worker until [`Self::has_more`] returns false.
    pub(crate) fn add(&self, index: u64, item: T) -> bool {
        let mut state = lock(&self.state);
        state.waiting.insert(index, item);
        let starts = !state.busy && state.has_next();
        state.busy |= starts;
        starts
    }

    /// Removes the next item in sequence.
    pub(crate) fn take(&self) -> Option<(u64, T)> {
        let mut state = lock(&self.state);
        let number = state.next;
        let item = state.waiting.remove(&number)?;
        state.next += 1;
        Some((number, item))
    }

    /// Returns true if the next item has arrived. Otherwise the caller stops being the worker.
    pub(crate) fn has_more(&self) -> bool {
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
    fn items_of_several_threads_are_processed_by_number() {
        let sequencer = Arc::new(Sequencer::default());
        let processed = Arc::new(Mutex::new(Vec::new()));
        let threads: Vec<_> = (0..4_u64)
            .map(|thread| {
                let (sequencer, processed) = (Arc::clone(&sequencer), Arc::clone(&processed));
                thread::spawn(move || {
                    for index in (0..1000).rev().filter(|index| index % 4 == thread) {
                        let mut active = sequencer.add(index, index * 10);
                        while active {
                            lock(&processed).push(sequencer.take().expect("the next item"));
                            active = sequencer.has_more();
                        }
                    }
                })
            })
            .collect();
        for thread in threads {
            thread.join().expect("no panic");
        }
        assert_eq!(*lock(&processed), (0..1000).map(|index| (index, index * 10)).collect::<Vec<_>>());
    }
}
