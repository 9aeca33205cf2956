//! A gate for the blocks of a stream that needs a permit to open its file.
//!
//! The first block that is submitted requests a permit, and the blocks after it are queued. With the permit,
//! the stream opens the gate, and blocks pass at once. A stream that reads closes it again while no block is
//! active, so that another stream can use the permit.

use std::sync::Mutex;

use crate::runtime::sync::lock;

pub(crate) struct Admission<T>(Mutex<AdmissionState<T>>);

enum AdmissionState<T> {
    /// There is no permit, and no request for one.
    Closed,
    /// A permit was requested.
    Waiting(Vec<T>),
    /// There is a permit, and this number of items is active.
    Open(usize),
    /// The stream needs no permit.
    Unlimited,
}

/// The result of submitting an item.
pub(crate) enum Entry<T> {
    /// The item may be processed now.
    Admitted(T),
    /// The item is queued as the first one. The caller must request a permit.
    QueuedFirst,
    /// The item is queued behind others.
    Queued,
}

impl<T> Admission<T> {
    /// Creates a closed gate, or one that is always open if `unlimited`.
    pub(crate) fn new(unlimited: bool) -> Self {
        Self(Mutex::new(if unlimited { AdmissionState::Unlimited } else { AdmissionState::Closed }))
    }

    pub(crate) fn enter(&self, item: T) -> Entry<T> {
        let mut state = lock(&self.0);
        match &mut *state {
            AdmissionState::Unlimited => Entry::Admitted(item),
            AdmissionState::Open(active) => {
                *active += 1;
                Entry::Admitted(item)
            }
            AdmissionState::Waiting(items) => {
                items.push(item);
                Entry::Queued
            }
            AdmissionState::Closed => {
                *state = AdmissionState::Waiting(vec![item]);
                Entry::QueuedFirst
            }
        }
    }

    /// Opens the gate and returns the queued items.
    pub(crate) fn open(&self) -> Vec<T> {
        let mut state = lock(&self.0);
        let AdmissionState::Waiting(items) = &mut *state else { return Vec::new() };
        let items = std::mem::take(items);
        *state = AdmissionState::Open(items.len());
        items
    }

    /// Counts down the active items. Returns true if none are left.
    pub(crate) fn leave(&self) -> bool {
        match &mut *lock(&self.0) {
            AdmissionState::Open(active) => {
                *active -= 1;
                *active == 0
            }
            _ => false,
        }
    }

    /// Closes the gate if no item is active, and calls `then` before another item can enter.
    pub(crate) fn close_if_idle<R>(&self, then: impl FnOnce() -> R) -> Option<R> {
        let mut state = lock(&self.0);
        matches!(*state, AdmissionState::Open(0)).then(|| {
            *state = AdmissionState::Closed;
            then()
        })
    }

    /// Removes the queued items. The request for a permit stays in effect.
    pub(crate) fn take_queued(&self) -> Vec<T> {
        match &mut *lock(&self.0) {
            AdmissionState::Waiting(items) => std::mem::take(items),
            AdmissionState::Closed | AdmissionState::Open(_) | AdmissionState::Unlimited => Vec::new(),
        }
    }
}
