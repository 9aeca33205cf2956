//! Descriptors for streams: those that would take more than there are wait for their turn.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;

use crate::pool::{Engine, lock};

/// What the rest of the process, and what opens a file for a moment only, is left with.
const OTHERS: u64 = 32;

/// More streams than this at once are no use to anybody, whatever the system allows.
const MOST: u64 = 4096;

/// The files of one kind of work: streams that write, what is being read by somebody, and what is done
/// with a file in one go. Apart, so that a stream does not wait for itself: its source may read from
/// another, or store small objects between two chunks.
pub(crate) struct Descriptors {
    limit: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: usize,
    waiting: VecDeque<Start>,
}

type Start = Box<dyn FnOnce(Permit) + Send>;

/// The right to hold a file open. The next in line gets it when this is dropped.
pub(crate) struct Permit {
    engine: &'static Engine,
    of: &'static Descriptors,
}

impl Engine {
    /// Runs `job`, which reads an object that stays open, on a worker.
    pub(crate) fn spawn_reading(&'static self, job: impl FnOnce(Permit) + Send + 'static) {
        self.reading.admit(self, move |permit| self.spawn(move || job(permit)));
    }

    /// Runs `job`, which is done with a file in one go, on a worker.
    pub(crate) fn spawn_passing(&'static self, job: impl FnOnce(Permit) + Send + 'static) {
        self.passing.admit(self, move |permit| self.spawn(move || job(permit)));
    }
}

impl Default for Descriptors {
    fn default() -> Self {
        Self { limit: share_of(open_files_limit()), state: Mutex::default() }
    }
}

impl Descriptors {
    /// Calls `start` with a permit: at once, or later on the thread that has given one up. It must
    /// not do more than to spawn a job.
    pub(crate) fn admit(&'static self, engine: &'static Engine, start: impl FnOnce(Permit) + Send + 'static) {
        let mut state = lock(&self.state);
        if state.used >= self.limit {
            return state.waiting.push_back(Box::new(start));
        }
        state.used += 1;
        drop(state);
        start(Permit { engine, of: self });
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Permit")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // After a fork the lock may be held by a thread that this process does not have.
        if !self.engine.is_current() {
            return;
        }
        let mut state = lock(&self.of.state);
        let Some(next) = state.waiting.pop_front() else {
            state.used -= 1;
            return;
        };
        drop(state);
        next(Permit { engine: self.engine, of: self.of });
    }
}

/// A quarter of what is left by others, for each of the three kinds.
fn share_of(limit: u64) -> usize {
    let share = limit.saturating_sub(OTHERS) / 4;
    usize::try_from(share.clamp(1, MOST)).unwrap_or(1)
}

/// How many files this process may have open.
#[cfg(unix)]
pub(crate) fn open_files_limit() -> u64 {
    rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX)
}

#[cfg(not(unix))]
pub(crate) fn open_files_limit() -> u64 {
    u64::MAX
}
