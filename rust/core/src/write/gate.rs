//! Back-pressure of a stream: bytes in flight, the waiting producer, and the error that stopped it.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard};

use super::sink::Notify;
use crate::error::{Error, Result};
use crate::runtime::sync::lock;

#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    stopped: AtomicBool,
}

#[derive(Default)]
struct GateState {
    bytes: usize,
    error: Option<Error>,
    /// A callback, and the bytes in flight down to which it has to wait.
    waiter: Option<(usize, Notify)>,
}

impl Gate {
    /// Adds a block. Returns the bytes in flight.
    pub(crate) fn enter(&self, len: usize) -> usize {
        let mut state = lock(&self.state);
        state.bytes += len;
        state.bytes
    }

    /// Removes a block.
    pub(crate) fn leave(&self, len: usize) {
        let mut state = lock(&self.state);
        state.bytes -= len;
        self.wake(state);
    }

    /// Calls `notify` once at most `bytes` are in flight.
    pub(crate) fn wait_for(&self, bytes: usize, notify: Notify) {
        let mut state = lock(&self.state);
        state.waiter = Some((bytes, notify));
        self.wake(state);
    }

    pub(crate) fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    /// Stops with an error. The error becomes visible after `clean_up`, when the space is free.
    pub(crate) fn fail(&self, error: Error, clean_up: impl FnOnce()) {
        lock(&self.state).error.get_or_insert(error);
        clean_up();
        self.stopped.store(true, Ordering::Release);
    }

    /// Returns the error that stopped the stream, if any.
    pub(crate) fn check(&self) -> Result<()> {
        if !self.is_stopped() {
            return Ok(());
        }
        Err(lock(&self.state).error.clone().unwrap_or(Error::Closed("the stream was aborted")))
    }

    fn wake(&self, mut state: MutexGuard<'_, GateState>) {
        let bytes = state.bytes;
        let failing = state.error.is_some() && !self.stopped.load(Ordering::Acquire);
        if let Some((_, notify)) = state.waiter.take_if(|(limit, _)| bytes <= *limit && !failing) {
            let result = state.error.clone().map_or(Ok(()), Err);
            drop(state);
            notify(result);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn waiter_is_called_once_when_there_is_room() {
        let (gate, calls) = (Gate::default(), Arc::new(AtomicUsize::new(0)));
        assert_eq!((gate.enter(10), gate.enter(20)), (10, 30));
        let counted = Arc::clone(&calls);
        gate.wait_for(10, Box::new(move |_| _ = counted.fetch_add(1, Ordering::Relaxed)));
        assert_eq!(calls.load(Ordering::Relaxed), 0);
        gate.leave(20);
        gate.leave(10);
        assert_eq!(calls.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn first_error_is_kept_and_visible_after_clean_up() {
        let gate = Gate::default();
        gate.fail(Error::Closed("first"), || assert!(gate.check().is_ok()));
        gate.fail(Error::Closed("second"), || ());
        assert!(matches!(gate.check(), Err(Error::Closed("first"))));
    }
}
