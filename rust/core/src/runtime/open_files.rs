//! The limit on open files: a job acquires a permit before it opens one.
//!
//! A process with many streams thus queues them instead of failing with EMFILE. A reader that is idle may keep
//! its file open and registers as a [`PermitHolder`]; when permits run out, it is asked to release its permit.

use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, Weak};

use super::pool::Pool;
use crate::runtime::sync::lock;

/// File descriptors for the rest of the process and for files that are opened only briefly.
const RESERVED: u64 = 32;

/// The maximum number of permits of one kind. More streams at once are not faster.
const MAX_PERMITS: u64 = 4096;

/// The minimum length of the idle list before it is pruned. A dropped holder keeps 0.5 KiB of memory.
const MIN_PRUNE_LEN: usize = 64;

/// The permits for one kind of work: streams that write, objects being read, or whole-file operations.
///
/// Separate limits prevent deadlocks: the source of a stream may read from another stream, or store small
/// objects between two chunks.
pub(crate) struct OpenFiles {
    limit: usize,
    state: Mutex<PermitState>,
}

#[derive(Default)]
struct PermitState {
    used: usize,
    waiting: VecDeque<Start>,
    /// Holders that do not use their permit at present. May contain duplicates and dropped holders.
    idle: VecDeque<Weak<dyn PermitHolder>>,
    /// The length of `idle` after it was last pruned.
    pruned_len: usize,
}

/// A holder that can release its permit while it is idle, and acquire another one later.
pub(crate) trait PermitHolder: Send + Sync {
    /// Releases the permit if it is not in use. Returns true if a permit was released.
    fn release_idle(&self) -> bool;
}

type Start = Box<dyn FnOnce(Permit) + Send>;

/// Permission to keep a file open. When it is dropped, it passes to the next waiting job.
pub struct Permit {
    pool: &'static Pool,
    open_files: &'static OpenFiles,
}

impl Default for OpenFiles {
    fn default() -> Self {
        Self { limit: permits_for(open_files_limit()), state: Mutex::default() }
    }
}

impl OpenFiles {
    /// Calls `start` with a permit: at once, or later on the thread that drops one.
    ///
    /// `start` must only spawn a job.
    pub(crate) fn admit(&'static self, pool: &'static Pool, start: impl FnOnce(Permit) + Send + 'static) {
        let mut state = lock(&self.state);
        if state.used < self.limit {
            state.used += 1;
            drop(state);
            return start(Permit { pool, open_files: self });
        }
        state.waiting.push_back(Box::new(start));
        let has_idle = !state.idle.is_empty();
        drop(state);
        if has_idle {
            pool.spawn(|| self.release_one_idle());
        }
    }

    /// If a job is waiting, asks idle holders until one releases its permit.
    fn release_one_idle(&self) {
        loop {
            let mut state = lock(&self.state);
            if state.waiting.is_empty() {
                return;
            }
            let Some(holder) = state.next_idle() else { return };
            drop(state);
            if holder.release_idle() {
                return;
            }
        }
    }

    /// Registers an idle holder, or returns true if it should release its permit now.
    ///
    /// A registered holder is asked when a later job waits for a permit.
    pub(crate) fn offer(&self, holder: Weak<dyn PermitHolder>) -> bool {
        let mut state = lock(&self.state);
        if !state.waiting.is_empty() {
            return true;
        }
        if state.idle.len() >= MIN_PRUNE_LEN.max(2 * state.pruned_len) {
            state.prune_idle();
        }
        state.idle.push_back(holder);
        false
    }
}

impl PermitState {
    fn next_idle(&mut self) -> Option<Arc<dyn PermitHolder>> {
        std::iter::from_fn(|| self.idle.pop_front()).find_map(|holder| holder.upgrade())
    }

    /// Removes dropped holders and duplicates.
    fn prune_idle(&mut self) {
        let mut seen = HashSet::new();
        self.idle.retain(|holder| holder.strong_count() > 0 && seen.insert(holder.as_ptr().cast::<()>()));
        self.pruned_len = self.idle.len();
    }
}

impl fmt::Debug for Permit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Permit")
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // After a fork, a thread that does not exist in this process may hold the lock.
        if !self.pool.is_current() {
            return;
        }
        let mut state = lock(&self.open_files.state);
        let Some(next) = state.waiting.pop_front() else {
            state.used -= 1;
            return;
        };
        drop(state);
        next(Permit { pool: self.pool, open_files: self.open_files });
    }
}

/// A gate for the blocks of a stream that needs a permit to open its file.
///
/// The first block that is submitted requests a permit, and the blocks after it are queued. With the permit,
/// the stream opens the gate, and blocks pass at once. A stream that reads closes it again while no block is
/// active, so that another stream can use the permit.
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

impl<T> Admission<T> {
    /// Creates a closed gate, or one that is always open if `unlimited`.
    pub(crate) fn new(unlimited: bool) -> Self {
        Self(Mutex::new(if unlimited { AdmissionState::Unlimited } else { AdmissionState::Closed }))
    }

    /// Returns the item if it may be processed now, and queues it otherwise.
    ///
    /// Calls `request`, which must request a permit, for the first queued item.
    pub(crate) fn enter(&self, item: T, request: impl FnOnce()) -> Option<T> {
        let mut state = lock(&self.0);
        match &mut *state {
            AdmissionState::Unlimited => return Some(item),
            AdmissionState::Open(active) => {
                *active += 1;
                return Some(item);
            }
            AdmissionState::Waiting(items) => {
                items.push(item);
                return None;
            }
            AdmissionState::Closed => *state = AdmissionState::Waiting(vec![item]),
        }
        // Unlocked, because a free permit opens the gate at once.
        drop(state);
        request();
        None
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

/// Returns the number of permits for each of the three kinds: a fifth of the usable file descriptors.
///
/// A whole-file operation may take three: for a file, its clone, and a second one of the clone to hash it.
fn permits_for(limit: u64) -> usize {
    let fifth = limit.saturating_sub(RESERVED) / 5;
    usize::try_from(fifth.clamp(1, MAX_PERMITS)).unwrap_or(1)
}

/// Returns the limit on open files of this process (`RLIMIT_NOFILE`).
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

    impl PermitHolder for Reader {
        fn release_idle(&self) -> bool {
            true
        }
    }

    fn weak(reader: &Arc<Reader>) -> Weak<dyn PermitHolder> {
        let holder: Arc<dyn PermitHolder> = Arc::<Reader>::clone(reader);
        Arc::downgrade(&holder)
    }

    #[test]
    fn idle_list_prunes_dropped_holders() {
        let open_files = OpenFiles::default();
        for _ in 0..1000 {
            open_files.offer(weak(&Arc::new(Reader)));
        }
        assert!(lock(&open_files.state).idle.len() <= MIN_PRUNE_LEN);
    }

    #[test]
    fn idle_list_keeps_each_live_holder_once() {
        let open_files = OpenFiles::default();
        let readers: Vec<_> = (0..1000).map(|_| Arc::new(Reader)).collect();
        for reader in readers.iter().chain(&readers) {
            open_files.offer(weak(reader));
        }
        let mut state = lock(&open_files.state);
        state.prune_idle();
        assert_eq!(state.idle.len(), readers.len());
    }
}
