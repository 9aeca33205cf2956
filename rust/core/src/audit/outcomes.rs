//! The outcomes of audited objects, kept until the caller takes them.

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard};

use crate::runtime::sync::lock;
use crate::store::Key;

/// The kind of a [`Finding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The content does not match the hash in the name.
    Corrupt,
    /// The object is not a regular file.
    NotAFile,
    /// The object cannot be read, so its content is unknown.
    Unreadable,
}

/// The problem of an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind of the problem.
    pub problem: Problem,
    /// The expected state.
    pub expected: String,
    /// The actual state.
    pub actual: String,
    /// The new path, if the object was quarantined.
    pub moved_to: Option<PathBuf>,
}

/// The outcome of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The content matches the name; its size in bytes.
    Intact(u64),
    /// The object was deleted after it had been listed.
    Gone,
    /// The object has a problem.
    Bad(Finding),
}

/// Collects the outcomes of all rounds of an audit.
///
/// The result of a cancelled round is lost, but its outcomes are here.
#[derive(Default)]
pub struct Outcomes {
    finished: Mutex<Vec<(Key, Outcome)>>,
    /// Held from before an object is quarantined until its outcome is in `finished`.
    moving: Mutex<()>,
}

impl Outcomes {
    /// Takes the outcomes since the last call. Does not wait for an object that is being quarantined.
    pub fn take(&self) -> Vec<(Key, Outcome)> {
        std::mem::take(&mut lock(&self.finished))
    }

    pub(super) fn add(&self, key: Key, outcome: Outcome) {
        lock(&self.finished).push((key, outcome));
    }

    /// Locks out other quarantines. The caller holds the guard until it has added the outcome.
    ///
    /// A new round waits here for the threads of a cancelled one: otherwise it would find the object gone
    /// and might end before the outcome is added.
    pub(super) fn begin_move(&self) -> MutexGuard<'_, ()> {
        lock(&self.moving)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outcome_is_taken_once_and_without_waiting_for_a_quarantine() {
        let (outcomes, key) = (Outcomes::default(), Key::parse("a").expect("a key"));
        let moving = outcomes.begin_move();
        assert!(outcomes.take().is_empty());
        outcomes.add(key.clone(), Outcome::Intact(1));
        outcomes.add(key.clone(), Outcome::Gone);
        let taken = [(key.clone(), Outcome::Intact(1)), (key, Outcome::Gone)];
        assert_eq!(outcomes.take(), taken, "in the order in which they were added");
        assert!(outcomes.take().is_empty());
        drop(moving);
    }
}
