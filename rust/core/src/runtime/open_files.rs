//! The limit on open files: a job that opens one waits for a permit first.
//!
//! So a process with many streams queues them and never fails with EMFILE.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use super::pool::Pool;
use crate::runtime::sync::lock;

/// What the rest of the process, and what opens a file for a moment only, is left with.
const OTHERS: u64 = 32;

/// More streams than this at once are no use to anybody, whatever the system allows.
const MOST: u64 = 4096;

/// As many are named as idle before those who are gone are looked for. Each keeps half a kilobyte.
const FEW_IDLE: usize = 64;

/// The files of one kind of work: streams that write, what is being read by somebody, and what is done
/// with a file in one go. Apart, so that a stream does not wait for itself: its source may read from
/// another, or store small objects between two chunks.
pub(crate) struct OpenFiles {
    limit: usize,
    state: Mutex<PermitState>,
}

#[derive(Default)]
struct PermitState {
    used: usize,
    waiting: VecDeque<Start>,
    /// Those who hold a permit that they do not need at the moment.
    idle: VecDeque<Weak<dyn Holder>>,
    /// How many of them there were when those who were gone had been forgotten.
    idle_then: usize,
}

/// Somebody who can do without a permit for a while.
pub(crate) trait Holder: Send + Sync {
    /// Drops the permit, if there is one and it is not needed just now. Tells whether it did.
    fn give_up(&self) -> bool;
}

type Start = Box<dyn FnOnce(Permit) + Send>;

/// The right to hold a file open. The next in line gets it when this is dropped.
pub struct Permit {
    pool: &'static Pool,
    of: &'static OpenFiles,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self { limit: share_of(open_files_limit()), state: Mutex::default() }
    }
}

impl OpenFiles {
    /// Calls `start` with a permit: at once, or later on the thread that has given one up. It must
    /// not do more than to spawn a job.
    pub(crate) fn admit(&'static self, pool: &'static Pool, start: impl FnOnce(Permit) + Send + 'static) {
        let mut state = lock(&self.state);
        if state.used < self.limit {
            state.used += 1;
            drop(state);
            return start(Permit { pool, of: self });
        }
        state.waiting.push_back(Box::new(start));
        let nobody_is_idle = state.idle.is_empty();
        drop(state);
        if !nobody_is_idle {
            pool.spawn(|| self.ask_the_idle());
        }
    }

    /// Has one of those who are idle give its permit up, if somebody waits for one.
    fn ask_the_idle(&self) {
        loop {
            let mut state = lock(&self.state);
            if state.waiting.is_empty() {
                return;
            }
            let Some(holder) = state.next_idle() else { return };
            drop(state);
            if holder.give_up() {
                return;
            }
        }
    }

    /// Says that `holder` needs its permit for nothing at the moment. True if somebody waits for one;
    /// otherwise the holder is asked when somebody comes.
    pub(crate) fn offer(&self, holder: Weak<dyn Holder>) -> bool {
        let mut state = lock(&self.state);
        if !state.waiting.is_empty() {
            return true;
        }
        // Some are named that are gone, or more than once.
        if state.idle.len() >= FEW_IDLE.max(2 * state.idle_then) {
            state.forget_the_gone();
        }
        state.idle.push_back(holder);
        false
    }
}

impl PermitState {
    fn next_idle(&mut self) -> Option<Arc<dyn Holder>> {
        std::iter::from_fn(|| self.idle.pop_front()).find_map(|holder| holder.upgrade())
    }

    fn forget_the_gone(&mut self) {
        let mut seen = HashSet::new();
        self.idle.retain(|holder| holder.strong_count() > 0 && seen.insert(holder.as_ptr().cast::<()>()));
        self.idle_then = self.idle.len();
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
        if !self.pool.is_current() {
            return;
        }
        let mut state = lock(&self.of.state);
        let Some(next) = state.waiting.pop_front() else {
            state.used -= 1;
            return;
        };
        drop(state);
        next(Permit { pool: self.pool, of: self.of });
    }
}

/// A fifth of what is left by others, for each of the three kinds: what is done in one go may take three
/// descriptors (a file, its clone, and a second one of that to hash it).
fn share_of(limit: u64) -> usize {
    let share = limit.saturating_sub(OTHERS) / 5;
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Reader;

    impl Holder for Reader {
        fn give_up(&self) -> bool {
            true
        }
    }

    fn weak(reader: &Arc<Reader>) -> Weak<dyn Holder> {
        let holder: Arc<dyn Holder> = Arc::<Reader>::clone(reader);
        Arc::downgrade(&holder)
    }

    #[test]
    fn of_those_who_are_gone_few_are_kept() {
        let open_files = OpenFiles::default();
        for _ in 0..1000 {
            open_files.offer(weak(&Arc::new(Reader)));
        }
        assert!(lock(&open_files.state).idle.len() <= FEW_IDLE);
    }

    #[test]
    fn all_those_who_are_idle_are_kept() {
        let open_files = OpenFiles::default();
        let readers: Vec<_> = (0..1000).map(|_| Arc::new(Reader)).collect();
        for reader in readers.iter().chain(&readers) {
            open_files.offer(weak(reader));
        }
        let mut state = lock(&open_files.state);
        state.forget_the_gone();
        assert_eq!(state.idle.len(), readers.len());
    }
}
