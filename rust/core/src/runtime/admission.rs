//! Where a stream's work waits until the stream may hold its file open.

use std::sync::Mutex;

use crate::runtime::sync::lock;

pub(crate) struct Admission<T>(Mutex<AdmissionState<T>>);

enum AdmissionState<T> {
    /// Nobody has come yet, or all have left and it was shut.
    Shut,
    Waiting(Vec<T>),
    /// So many are inside.
    Open(usize),
    /// There never was a door.
    Free,
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

impl<T> Admission<T> {
    /// With `free`, nobody ever waits.
    pub(crate) fn new(free: bool) -> Self {
        Self(Mutex::new(if free { AdmissionState::Free } else { AdmissionState::Shut }))
    }

    pub(crate) fn enter(&self, item: T) -> Entry<T> {
        let mut state = lock(&self.0);
        match &mut *state {
            AdmissionState::Free => Entry::Passed(item),
            AdmissionState::Open(inside) => {
                *inside += 1;
                Entry::Passed(item)
            }
            AdmissionState::Waiting(items) => {
                items.push(item);
                Entry::Kept
            }
            AdmissionState::Shut => {
                *state = AdmissionState::Waiting(vec![item]);
                Entry::First
            }
        }
    }

    /// Lets everybody pass from now on, and returns what has waited.
    pub(crate) fn open(&self) -> Vec<T> {
        let mut state = lock(&self.0);
        let AdmissionState::Waiting(items) = &mut *state else { return Vec::new() };
        let items = std::mem::take(items);
        *state = AdmissionState::Open(items.len());
        items
    }

    /// Counts somebody out who was let in; tells whether nobody is inside any more.
    pub(crate) fn leave(&self) -> bool {
        match &mut *lock(&self.0) {
            AdmissionState::Open(inside) => {
                *inside -= 1;
                *inside == 0
            }
            _ => false,
        }
    }

    /// Shuts the door and calls `then`, before anybody else can come, if nobody is inside.
    pub(crate) fn shut<R>(&self, then: impl FnOnce() -> R) -> Option<R> {
        let mut state = lock(&self.0);
        matches!(*state, AdmissionState::Open(0)).then(|| {
            *state = AdmissionState::Shut;
            then()
        })
    }

    /// Takes what waits, and goes on waiting.
    pub(crate) fn take_waiting(&self) -> Vec<T> {
        match &mut *lock(&self.0) {
            AdmissionState::Waiting(items) => std::mem::take(items),
            AdmissionState::Shut | AdmissionState::Open(_) | AdmissionState::Free => Vec::new(),
        }
    }
}
