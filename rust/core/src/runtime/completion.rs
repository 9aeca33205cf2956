//! The results that workers hand to one event loop.
//!
//! Workers push results, and the loop drains them in batches. A push wakes the loop only if the list was
//! empty, so a burst of results costs one wake-up. For a short operation the loop's thread can busy-wait for
//! the result instead: then no wake-up is needed.

use std::hint;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::fork::forks;
use crate::error::Result;
use crate::runtime::eventfd::EventFd;
use crate::runtime::sync::lock;
use crate::runtime::wake;

/// The maximum duration of a busy-wait.
///
/// A sleeping loop would also have to wait for a core: sequential writes of 4 KiB take 41 us each instead of
/// 77 (ext4, 2 cores).
const BUSY_WAIT: Duration = Duration::from_micros(100);

/// The maximum number of results per [`Completions::drain`].
///
/// The loop resumes one task per result before it runs other callbacks. With 100 writes in flight, the p99
/// delay of a 1 ms tick is 2.6 ms instead of 4.5, and the writes are as fast.
const BATCH: usize = 16;

/// A list of results that workers push and one event loop drains.
///
/// The loop is woken through a file descriptor. Without one, a helper thread blocks in [`Self::wait`].
pub struct Completions<T> {
    list: Mutex<List<T>>,
    /// The number of pushes so far.
    arrivals: AtomicUsize,
    arrived: Condvar,
    event_fd: Option<Arc<EventFd>>,
    /// The number of forks at creation.
    forks: u64,
}

struct List<T> {
    finished: Vec<T>,
    /// Whether the loop has ended.
    closed: bool,
    /// Whether the loop's thread is busy-waiting, so it needs no wake-up.
    watched: bool,
    /// The number of consecutive busy-waits without a result.
    missed: u32,
    /// The number of busy-waits still to skip.
    to_skip: u32,
}

impl<T> List<T> {
    /// Ends a busy-wait and removes its result, if present.
    ///
    /// After each miss, about twice as many busy-waits are skipped: the disk or the cores are busy.
    fn end_busy_wait(&mut self, is_match: impl Fn(&T) -> bool) -> Option<T> {
        let position = self.finished.iter().position(is_match);
        self.watched = false;
        self.missed = if position.is_some() { 0 } else { (self.missed + 1).min(6) };
        self.to_skip = (1 << self.missed) - 1;
        position.map(|position| self.finished.remove(position))
    }
}

impl<T> Completions<T> {
    /// Creates an empty list. A `portable` list has no file descriptor and is used with [`Self::wait`].
    pub fn new(portable: bool) -> Result<Self> {
        let event_fd = if portable { None } else { EventFd::new()?.map(Arc::new) };
        let list = List { finished: Vec::new(), closed: false, watched: false, missed: 0, to_skip: 0 };
        let (list, arrivals, arrived) = (Mutex::new(list), AtomicUsize::new(0), Condvar::new());
        Ok(Self { list, arrivals, arrived, event_fd, forks: forks() })
    }

    /// Returns the file descriptor that is readable while the list has results, if there is one.
    #[must_use]
    pub fn descriptor(&self) -> Option<i32> {
        self.event_fd.as_ref().map(|event_fd| event_fd.raw())
    }

    /// Adds a result, and wakes the loop if the list was empty.
    pub fn push(&self, item: T) {
        let mut list = lock(&self.list);
        if list.closed {
            // Unlock before the item is dropped: its destructor may run arbitrary code.
            return drop(list);
        }
        let wake = list.finished.is_empty() && !list.watched;
        list.finished.push(item);
        self.arrivals.fetch_add(1, Ordering::Relaxed);
        drop(list);
        if wake {
            self.wake();
        }
    }

    fn wake(&self) {
        match &self.event_fd {
            Some(event_fd) => wake::wake_or_defer(event_fd),
            None => self.arrived.notify_one(),
        }
    }

    /// Busy-waits up to 0.1 ms for the matching result, and removes it.
    ///
    /// Call this on the loop's thread. Returns None at once if the recent busy-waits found nothing.
    pub fn busy_wait(&self, is_match: impl Fn(&T) -> bool) -> Option<T> {
        let end = Instant::now() + BUSY_WAIT;
        let mut list = lock(&self.list);
        if list.to_skip > 0 {
            list.to_skip -= 1;
            return None;
        }
        while !list.finished.iter().any(&is_match) && Instant::now() < end {
            list = self.watch(list, end);
        }
        let found = list.end_busy_wait(is_match);
        let others = !list.finished.is_empty();
        drop(list);
        if others {
            self.wake();
        }
        found
    }

    /// Unlocks the list and spins until the next push or `end`. A push then sends no wake-up.
    fn watch<'a>(&'a self, mut list: MutexGuard<'a, List<T>>, end: Instant) -> MutexGuard<'a, List<T>> {
        list.watched = true;
        let seen = self.arrivals.load(Ordering::Relaxed);
        drop(list);
        while self.arrivals.load(Ordering::Relaxed) == seen && Instant::now() < end {
            hint::spin_loop();
        }
        lock(&self.list)
    }

    /// Removes up to one batch of results. If some are left, wakes the loop again.
    pub fn drain(&self) -> Vec<T> {
        if let Some(event_fd) = &self.event_fd {
            // Reset before the list is read: a push after that sets the event again, so no wake-up is lost.
            let _ = event_fd.reset();
        }
        let mut list = lock(&self.list);
        let count = BATCH.min(list.finished.len());
        let rest = list.finished.split_off(count);
        let taken = std::mem::replace(&mut list.finished, rest);
        let is_empty = list.finished.is_empty();
        drop(list);
        if !is_empty {
            self.wake();
        }
        taken
    }

    /// Drops all results, and every later one. Call this when the loop has ended.
    ///
    /// Results keep files open, so a job that waits for a permit would otherwise wait for ever.
    pub fn close(&self) {
        // After a fork, a thread that does not exist in this process may hold the lock.
        if self.forks != forks() {
            return;
        }
        let mut list = lock(&self.list);
        list.closed = true;
        let left = std::mem::take(&mut list.finished);
        drop(list);
        drop(left);
    }

    /// Blocks until the list has a result. Returns false after the timeout.
    pub fn wait(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        let mut list = lock(&self.list);
        while list.finished.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            list = self.arrived.wait_timeout(list, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn busy_wait_takes_the_matching_result_only() {
        let list = Completions::new(true).expect("portable list");
        for item in 1..=3 {
            list.push(item);
        }
        assert_eq!(list.busy_wait(|&item| item == 2), Some(2));
        assert_eq!(list.drain(), [1, 3]);
    }

    #[test]
    fn drain_takes_one_batch_and_leaves_the_rest() {
        let list = Completions::new(true).expect("portable list");
        for item in 0..BATCH + 3 {
            list.push(item);
        }
        assert_eq!(list.drain(), (0..BATCH).collect::<Vec<_>>());
        assert!(list.wait(Duration::ZERO));
        assert_eq!(list.drain(), [BATCH, BATCH + 1, BATCH + 2]);
        assert_eq!(list.drain(), []);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn drain_wakes_the_loop_again_for_the_rest() {
        let list = Completions::new(false).expect("file descriptors");
        let event_fd = list.event_fd.as_ref().expect("Linux has eventfd");
        for item in 0..=BATCH {
            list.push(item);
        }
        assert_eq!(list.drain().len(), BATCH);
        assert!(event_fd.reset());
        assert_eq!(list.drain(), [BATCH]);
        assert!(!event_fd.reset());
    }

    #[test]
    fn closed_list_drops_present_and_later_results() {
        let list = Completions::new(true).expect("portable list");
        let (before, after) = (Arc::new(()), Arc::new(()));
        list.push(Arc::clone(&before));
        list.close();
        list.push(Arc::clone(&after));
        assert_eq!((Arc::strong_count(&before), Arc::strong_count(&after)), (1, 1));
        assert_eq!(list.drain(), []);
    }

    #[test]
    fn busy_waits_without_a_result_are_skipped() {
        let list = Completions::new(true).expect("portable list");
        let mut skipped = Vec::new();
        for _ in 0..8 {
            assert_eq!(list.busy_wait(|_: &i32| true), None);
            skipped.push(lock(&list.list).to_skip);
        }
        assert_eq!(skipped, [1, 0, 3, 2, 1, 0, 7, 6]);
        list.push(1);
        while list.busy_wait(|_| true).is_none() {}
        assert_eq!(lock(&list.list).to_skip, 0);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn other_results_of_a_busy_wait_wake_the_loop() {
        let list = Completions::new(false).expect("file descriptors");
        let event_fd = list.event_fd.as_ref().expect("Linux has eventfd");
        for round in 0..300 {
            std::thread::scope(|scope| {
                let pushing = scope.spawn(|| {
                    std::thread::sleep(Duration::from_micros(round % 3 * 30));
                    list.push(round);
                });
                lock(&list.list).to_skip = 0;
                assert_eq!(list.busy_wait(|&item| item == u64::MAX), None);
                // ThreadSanitizer recognises an explicit join, but not the end of the scope.
                pushing.join().expect("no panic");
            });
            assert!(event_fd.reset());
            assert_eq!(list.drain(), [round]);
        }
    }
}
