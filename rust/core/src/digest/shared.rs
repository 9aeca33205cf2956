//! BLAKE3 of bytes that are at hand: by the thread that asks, and by the workers that have time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Instant;

use super::{Algorithm, Tree, subtree};
use crate::error;
use crate::runtime::pool::{JOB_SLICE, Pool};
use crate::runtime::sync::lock;

/// What is hashed at a time. In the end the one that asks may hash a unit that somebody else is at.
const UNIT: usize = 256 << 10;

/// Bytes from which it pays to wake other threads.
const SHARED_FROM: usize = 1 << 20;

/// Data that is being hashed.
struct SharedInput<D> {
    data: Arc<D>,
    next: AtomicUsize,
    tree: Mutex<Tree>,
}

/// The hash of `data` if it is by BLAKE3, there is enough of it for more than one thread, and no other
/// job waits for the workers. Otherwise None, as in a child that was forked meanwhile.
///
/// No worker is waited for. One that has less time than others, as it has beside busy processes, may have
/// `data` for a moment longer than this takes.
///
/// `pool` is asked for the workers only if `data` is eligible.
///
/// `look` is called before each unit that the caller hashes, about every 0.1 ms; its error ends it all.
pub fn hash_shared<D, E>(
    pool: impl FnOnce() -> error::Result<&'static Pool>,
    algorithm: Algorithm,
    data: &Arc<D>,
    mut look: impl FnMut() -> Result<(), E>,
) -> Option<Result<[u8; 32], E>>
where
    D: AsRef<[u8]> + Send + Sync + 'static,
{
    let units = (**data).as_ref().len().div_ceil(UNIT);
    if algorithm != Algorithm::Blake3 || units <= SHARED_FROM / UNIT {
        return None;
    }
    // Without a single worker there is no help to be had.
    let pool = pool().ok().filter(|pool| !pool.is_behind())?;
    let shared = Arc::new(SharedInput::new(Arc::clone(data)));
    for _ in 1..pool.width().min(units) {
        let shared = Arc::downgrade(&shared);
        pool.spawn(move || help(shared, pool));
    }
    let mut outcome = Ok(());
    shared.work(|| {
        outcome = look();
        outcome.is_ok() && pool.is_current()
    });
    if let Err(error) = outcome {
        shared.next.store(units, Ordering::Relaxed);
        return Some(Err(error));
    }
    // If not, a signal's handler, which `look` calls, has forked: a worker that is not here may have the lock.
    pool.is_current().then(|| Ok(shared.root()))
}

/// A job that is late finds nothing, and has kept nothing.
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

    /// Hashes unit after unit. Tells whether it was stopped before it found that none is left.
    fn work(&self, mut goes_on: impl FnMut() -> bool) -> bool {
        while goes_on() {
            if !self.hash(self.next.fetch_add(1, Ordering::Relaxed)) {
                return false;
            }
        }
        true
    }

    /// Hashes a unit, if there is one of this number.
    fn hash(&self, index: usize) -> bool {
        let Some(unit) = (*self.data).as_ref().chunks(UNIT).nth(index) else { return false };
        let value = subtree((index * UNIT) as u64, std::iter::once(unit));
        let mut tree = lock(&self.tree);
        if !tree.has(index as u64) {
            tree.insert(index as u64, value);
        }
        true
    }

    /// The hash, once all units were begun. Those that are not finished are hashed here, too.
    fn root(&self) -> [u8; 32] {
        let units = (*self.data).as_ref().len().div_ceil(UNIT);
        for index in 0..units {
            let is_finished = lock(&self.tree).has(index as u64);
            if !is_finished {
                self.hash(index);
            }
        }
        let tree = lock(&self.tree).clone();
        tree.root().expect("there are several units")
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    const MOMENT: Duration = Duration::from_millis(10);
    const BLAKE3: Algorithm = Algorithm::Blake3;

    fn painted(len: usize) -> Arc<Vec<u8>> {
        Arc::new((0..=250).cycle().take(len).collect())
    }

    fn hash(pool: &'static Pool, data: &Arc<Vec<u8>>) -> Option<Result<[u8; 32], &'static str>> {
        hash_shared(|| Ok(pool), BLAKE3, data, || Ok(()))
    }

    #[test]
    fn what_is_shared_hashes_as_the_whole() {
        for extra in [1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 1023] {
            let shared = Arc::new(SharedInput::new(painted(SHARED_FROM + extra)));
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
    fn it_is_hashed_once_no_job_waits() {
        let (pool, data) = (Pool::leaked(), painted(40 * UNIT + 1));
        let hash = (0..2000).find_map(|_| {
            let hash = hash(pool, &data);
            hash.is_none().then(|| thread::sleep(MOMENT));
            hash
        });
        assert_eq!(hash, Some(Ok(*blake3::hash(&data).as_bytes())));
    }

    #[test]
    fn an_error_ends_it() {
        let hash = hash_shared(|| Ok(Pool::leaked()), BLAKE3, &painted(40 * UNIT), || Err("enough"));
        assert!(matches!(hash, None | Some(Err("enough"))));
    }

    #[test]
    fn a_unit_that_nobody_has_finished_is_hashed_in_the_end() {
        let shared = SharedInput::new(painted(6 * UNIT + 1));
        shared.next.store(3, Ordering::Relaxed);
        assert!(!shared.work(|| true));
        assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes());
    }

    #[test]
    fn a_unit_that_is_hashed_twice_counts_once() {
        let shared = SharedInput::new(painted(5 * UNIT));
        shared.work(|| true);
        assert!(shared.hash(0));
        assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes());
    }

    #[test]
    fn a_worker_hashes_what_there_is_and_keeps_nothing() {
        let pool = Pool::leaked();
        let shared = Arc::new(SharedInput::new(painted(100 * UNIT)));
        let helper = Arc::downgrade(&shared);
        pool.spawn(move || help(helper, pool));
        for _ in 0..2000 {
            if lock(&shared.tree).has(99) && Arc::strong_count(&shared) == 1 {
                assert_eq!(shared.root(), *blake3::hash(&shared.data).as_bytes());
                return;
            }
            thread::sleep(MOMENT);
        }
        panic!("nobody has helped");
    }

    #[test]
    fn neither_a_little_nor_what_has_to_be_hashed_in_order_is_shared() {
        let pool = Pool::leaked();
        assert_eq!(hash(pool, &painted(SHARED_FROM)), None);
        let in_order =
            hash_shared(|| Ok(pool), Algorithm::Sha256, &painted(2 * SHARED_FROM), || Ok::<_, ()>(()));
        assert_eq!(in_order, None);
    }
}
