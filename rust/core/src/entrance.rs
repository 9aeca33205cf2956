//! Where a stream's work waits until the stream may hold its file open.

use std::sync::Mutex;

use crate::pool::lock;

pub(crate) struct Entrance<T>(Mutex<State<T>>);

enum State<T> {
    /// Nobody has come yet.
    Unused,
    Waiting(Vec<T>),
    Open,
}

/// What becomes of an item that has come.
pub(crate) enum Entry<T> {
    /// It may go on.
    Passed(T),
    /// It waits, and is the first: somebody has to ask for the door to be opened.
    First,
    /// It waits with others.
    Kept,
}

impl<T> Entrance<T> {
    /// With `open`, nobody ever waits.
    pub(crate) fn new(open: bool) -> Self {
        Self(Mutex::new(if open { State::Open } else { State::Unused }))
    }

    pub(crate) fn enter(&self, item: T) -> Entry<T> {
        let mut state = lock(&self.0);
        match &mut *state {
            State::Open => Entry::Passed(item),
            State::Waiting(items) => {
                items.push(item);
                Entry::Kept
            }
            State::Unused => {
                *state = State::Waiting(vec![item]);
                Entry::First
            }
        }
    }

    /// Lets everybody pass from now on, and returns what has waited.
    pub(crate) fn open(&self) -> Vec<T> {
        match std::mem::replace(&mut *lock(&self.0), State::Open) {
            State::Waiting(items) => items,
            State::Unused | State::Open => Vec::new(),
        }
    }

    /// Takes what waits, and goes on waiting.
    pub(crate) fn take_waiting(&self) -> Vec<T> {
        match &mut *lock(&self.0) {
            State::Waiting(items) => std::mem::take(items),
            State::Unused | State::Open => Vec::new(),
        }
    }

    /// Looks at what waits; None if nothing has to wait any more, or nothing has come.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&[T]) -> R) -> Option<R> {
        match &*lock(&self.0) {
            State::Waiting(items) => Some(look(items)),
            State::Unused | State::Open => None,
        }
    }
}
