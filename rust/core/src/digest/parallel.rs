//! Parallel BLAKE3 of content in memory, by the calling thread and the idle workers.
//!
//! The caller hashes units until none is left, and the workers take units from the same counter. The caller
//! never waits for a worker: it hashes unfinished units itself at the end.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use super::{Algorithm, Tree, subtree};
use crate::error;
use crate::runtime::pool::{JOB_SLICE, Pool};
use crate::runtime::sync::lock;

/// The bytes that a thread hashes at a time. At the end, the caller may hash a unit that a worker is hashing.
const UNIT: usize = 256 << 10;

/// The size above which waking the workers is faster than hashing alone.
const MIN_SIZE: usize = 1 << 20;

struct SharedInput<D> {
    data: Arc<D>,
    next: AtomicUsize,
    tree: Mutex<Tree>,
}

/// Hashes `data` on this thread and the idle workers.
///
/// Returns None if the caller must hash alone: if the algorithm is not BLAKE3, `data` is small, the workers are
/// busy, or `check` forked and this is the child. `pool` is called only for BLAKE3 of large data.
///
/// `check` runs before each unit that the caller hashes, about every 0.1 ms. Its error ends the hashing. A slow
/// worker may keep `data` alive for a moment after the return.
pub fn hash_parallel<D, E>(
    pool: impl FnOnce() -> error::Result<&'static Pool>,
    algorithm: Algorithm,
    data: &Arc<D>,
    mut check: impl FnMut() -> Result<(), E>,
) -> Option<Result<[u8; 32], E>>
where
    D: AsRef<[u8]> + Send + Sync + 'static,
{
    let units = (**data).as_ref().len().div_ceil(UNIT);
    if algorithm != Algorithm::Blake3 || units <= MIN_SIZE / UNIT {
        return None;
    }
    // Without an engine, the caller hashes alone.
    let pool = pool().ok().filter(|pool| !pool.has_queued_jobs())?;
    let shared = Arc::new(SharedInput::new(Arc::clone(data)));
    for _ in 1..pool.width().min(units) {
        let shared = Arc::downgrade(&shared);
        pool.spawn(move || help(shared, pool));
    }
    let mut outcome = Ok(());
    shared.work(|| {
        outcome = check();
        outcome.is_ok() && pool.is_current()
    });
    if let Err(error) = outcome {
        shared.next.store(units, Ordering::Relaxed);
        return Some(Err(error));
    }
    // `check` may run a signal handler that forks. In the child, a missing worker may hold the lock.
    pool.is_current().then(|| Ok(shared.root()))
}

/// Hashes units on a worker. The weak reference keeps a queued job from holding `data`.
fn help<D: AsRef<[u8]> + Send + Sync + 'static>(shared: Weak<SharedInput<D>>, pool: &'static Pool) {
    let begun = Instant::now();
    if shared.upgrade().is_some_and(|shared| shared.work(|| begun.elapsed() < JOB_SLICE)) {
        pool.spawn(move || help(shared, pool));
    }
}

impl<D: AsRef<[u8]>> SharedInput<D> {
    fn new(data: Arc<D>) -> Self {
        Self { data, next: AtomicUsize::new(0), tree: Mutex::default() }
    }

    /// Hashes units while `may_continue` returns true. Returns false once none is left.
    fn work(&self, mut may_continue: impl FnMut() -> bool) -> bool {
        while may_continue() {
            if !self.hash(self.next.fetch_add(1, Ordering::Relaxed)) {
                return false;
            }
        }
        true
    }

    /// Hashes unit number `index`. Returns false if there is none.
    fn hash(&self, index: usize) -> bool {
        let Some(unit) = (*self.data).as_ref().chunks(UNIT).nth(index) else { return false };
        let value = subtree((index * UNIT) as u64, std::iter::once(unit));
        let mut tree = lock(&self.tree);
        if !tree.has(index as u64) {
            tree.insert(index as u64, value);
        }
        true
    }

    /// Returns the hash. Hashes all units here that no thread has finished.
    fn root(&self) -> [u8; 32] {
        let units = (*self.data).as_ref().len().div_ceil(UNIT);
        for index in 0..units {
            let is_finished = lock(&self.tree).has(index as u64);
            if !is_finished {
                self.hash(index);
            }
        }
        let tree = lock(&self.tree).clone();
        tree.root().expect("two or more units")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::digest;

    const PAUSE: Duration = Duration::from_millis(10);
    const BLAKE3: Algorithm = Algorithm::Blake3;

    fn painted(len: usize) -> Arc<Vec<u8>> {
        Arc::new(digest::painted(len))
    }

    fn hash(pool: &'static Pool, data: &Arc<Vec<u8>>) -> Option<Result<[u8; 32], &'static str>> {
        hash_parallel(|| Ok(pool), BLAKE3, data, || Ok(()))
    }

    #[test]
    fn units_of_several_threads_have_the_hash_of_the_input() {
        for extra in [1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 1023] {
            let shared = Arc::new(SharedInput::new(painted(MIN_SIZE + extra)));
            let threads = [(); 3].map(|()| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.work(|| true))
            });
            for thread in threads {
                assert!(!thread.join().expect("no panic"));
            }
            assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes(), "{extra}");
        }
    }

    #[test]
    fn large_data_is_hashed_when_workers_are_idle() {
        let (pool, data) = (Pool::leaked(), painted(40 * UNIT + 1));
        let hash = (0..2000).find_map(|_| {
            let hash = hash(pool, &data);
            hash.is_none().then(|| thread::sleep(PAUSE));
            hash
        });
        assert_eq!(hash, Some(Ok(*blake3::hash(&data).as_bytes())));
    }

    #[test]
    fn error_of_the_check_ends_the_hashing() {
        let hash = hash_parallel(|| Ok(Pool::leaked()), BLAKE3, &painted(40 * UNIT), || Err("enough"));
        assert!(matches!(hash, None | Some(Err("enough"))));
    }

    #[test]
    fn root_hashes_unfinished_units() {
        let shared = SharedInput::new(painted(6 * UNIT + 1));
        shared.next.store(3, Ordering::Relaxed);
        assert!(!shared.work(|| true));
        assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes());
    }

    #[test]
    fn unit_hashed_twice_counts_once() {
        let shared = SharedInput::new(painted(5 * UNIT));
        shared.work(|| true);
        assert!(shared.hash(0));
        assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes());
    }

    #[test]
    fn worker_hashes_all_units_and_releases_the_data() {
        let pool = Pool::leaked();
        let shared = Arc::new(SharedInput::new(painted(100 * UNIT)));
        let helper = Arc::downgrade(&shared);
        pool.spawn(move || help(helper, pool));
        for _ in 0..2000 {
            if lock(&shared.tree).has(99) && Arc::strong_count(&shared) == 1 {
                assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes());
                return;
            }
            thread::sleep(PAUSE);
        }
        panic!("the worker did not hash");
    }

    #[test]
    fn small_data_and_sha256_are_not_hashed_in_parallel() {
        let pool = Pool::leaked();
        assert_eq!(hash(pool, &painted(MIN_SIZE)), None);
        let sha256 =
            hash_parallel(|| Ok(pool), Algorithm::Sha256, &painted(2 * MIN_SIZE), || Ok::<_, ()>(()));
        assert_eq!(sha256, None);
    }
}
