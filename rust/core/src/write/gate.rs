//! How much of a stream is in flight, who waits for it to become less, and why the stream was stopped.

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
    /// How many bytes may be in flight when this is called.
    waiter: Option<(usize, Notify)>,
}

impl Gate {
    /// Counts a block in; tells how many bytes are in flight now.
    pub(crate) fn enter(&self, len: usize) -> usize {
        let mut state = lock(&self.state);
        state.bytes += len;
        state.bytes
    }

    /// Counts a block out.
    pub(crate) fn leave(&self, len: usize) {
        let mut state = lock(&self.state);
        state.bytes -= len;
        self.wake(state);
    }

    /// Calls `notify` once no more than so many bytes are in flight.
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

    /// Stops with an error, which shows only after `clean_up`: whoever sees it may use the space.
    pub(crate) fn fail(&self, error: Error, clean_up: impl FnOnce()) {
        lock(&self.state).error.get_or_insert(error);
        clean_up();
        self.stopped.store(true, Ordering::Release);
    }

    /// Why the work was stopped, if it was.
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
    fn a_waiter_is_called_once_and_not_before_there_is_room() {
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
    fn an_error_shows_after_the_cleaning_up_and_the_first_one_stays() {
        let gate = Gate::default();
        gate.fail(Error::Closed("first"), || assert!(gate.check().is_ok()));
        gate.fail(Error::Closed("second"), || ());
        assert!(matches!(gate.check(), Err(Error::Closed("first"))));
    }
}
