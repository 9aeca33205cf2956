//! BLAKE3 of bytes that are at hand: by the thread that asks, and by all workers that have time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Instant;

use super::{Algorithm, Tree, subtree};
use crate::locks::{self, lock};
use crate::pool::{Engine, TURN};

/// What is hashed at a time: small, as who asks waits for the last of them.
const UNIT: usize = 256 << 10;

/// Bytes from which it pays to wake another thread.
const SHARED_FROM: usize = 1 << 20;

/// Data that is being hashed.
struct Shared<D> {
    /// Taken back by who asked, who thereby waits for those who are reading it.
    data: RwLock<Option<Arc<D>>>,
    next: AtomicUsize,
    tree: Mutex<Tree>,
}

/// The hash of `data` if it is by BLAKE3 and there is enough of it for more than one thread. Otherwise
/// None, as in a child that was forked meanwhile.
///
/// Workers help but are not waited for: if none has time, the caller hashes all of it. It calls
/// `look` before each unit that it hashes itself, every 0.1 ms or less, and gives up on an error.
/// When this returns, nobody else has `data`.
pub fn hash_shared<D, E>(
    algorithm: Algorithm,
    data: &Arc<D>,
    mut look: impl FnMut() -> Result<(), E>,
) -> Option<Result<[u8; 32], E>>
where
    D: AsRef<[u8]> + Send + Sync + 'static,
{
    let bytes = (**data).as_ref();
    if algorithm != Algorithm::Blake3 || bytes.len() <= SHARED_FROM {
        return None;
    }
    // Without a single worker there is no help to be had.
    let engine = Engine::current().ok()?;
    let shared = Arc::new(Shared::new(Arc::clone(data)));
    for _ in 1..engine.width() {
        let shared = Arc::clone(&shared);
        engine.spawn(move || shared.help(engine));
    }
    let mut outcome = Ok(());
    shared.work(|| {
        outcome = look();
        outcome.is_ok() && engine.is_current()
    });
    if !engine.is_current() {
        // A signal's handler, of which `look` is the caller, has forked. Who was helping is not here, and
        // is never done.
        std::mem::forget(shared);
        return None;
    }
    shared.take_back(bytes.len());
    Some(outcome.map(|()| shared.root(bytes)))
}

impl<D: AsRef<[u8]> + Send + Sync + 'static> Shared<D> {
    fn new(data: Arc<D>) -> Self {
        Self { data: RwLock::new(Some(data)), next: AtomicUsize::new(0), tree: Mutex::default() }
    }

    fn help(self: Arc<Self>, engine: &'static Engine) {
        let begun = Instant::now();
        if self.work(|| begun.elapsed() < TURN) {
            engine.spawn(move || self.help(engine));
        }
    }

    /// Hashes unit after unit. Tells whether there may be more than it was to do.
    fn work(&self, mut goes_on: impl FnMut() -> bool) -> bool {
        let data = locks::read(&self.data);
        let Some(data) = &*data else { return false };
        while goes_on() {
            let index = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(unit) = unit_of((**data).as_ref(), index) else { return false };
            let value = subtree((index * UNIT) as u64, std::iter::once(unit));
            lock(&self.tree).insert(index as u64, value);
        }
        true
    }

    /// Waits for those who are at work, each for the unit that it has.
    fn take_back(&self, len: usize) {
        self.next.store(len.div_ceil(UNIT), Ordering::Relaxed);
        locks::write(&self.data).take();
    }

    /// The hash, once nobody is at work. A unit whose worker has panicked is hashed now.
    fn root(&self, data: &[u8]) -> [u8; 32] {
        let mut tree = std::mem::take(&mut *lock(&self.tree));
        for (index, unit) in data.chunks(UNIT).enumerate() {
            if !tree.has(index as u64) {
                tree.insert(index as u64, subtree((index * UNIT) as u64, std::iter::once(unit)));
            }
        }
        tree.root().expect("there are several units")
    }
}

fn unit_of(data: &[u8], index: usize) -> Option<&[u8]> {
    let start = index * UNIT;
    (start < data.len()).then(|| &data[start..data.len().min(start + UNIT)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn painted(len: usize) -> Arc<Vec<u8>> {
        Arc::new((0..=250).cycle().take(len).collect())
    }

    #[test]
    fn what_is_shared_hashes_as_the_whole() {
        for extra in [1, UNIT - 1, UNIT, UNIT + 1, 3 * UNIT + 1023] {
            let data = painted(SHARED_FROM + extra);
            let hash = hash_shared(Algorithm::Blake3, &data, || Ok::<_, ()>(()));
            assert_eq!(hash, Some(Ok(*blake3::hash(&data).as_bytes())), "{extra}");
        }
    }

    #[test]
    fn nobody_has_the_data_afterwards() {
        for units in 5..60 {
            let mut data = painted(units * UNIT);
            hash_shared(Algorithm::Blake3, &data, || Ok::<_, ()>(()));
            assert!(Arc::get_mut(&mut data).is_some());
        }
    }

    #[test]
    fn an_error_ends_it() {
        let mut data = painted(40 * UNIT);
        assert_eq!(hash_shared(Algorithm::Blake3, &data, || Err("enough")), Some(Err("enough")));
        assert!(Arc::get_mut(&mut data).is_some());
    }

    #[test]
    fn a_unit_that_nobody_has_finished_is_hashed_in_the_end() {
        let data = painted(6 * UNIT);
        let shared = Shared::new(Arc::clone(&data));
        shared.next.store(3, Ordering::Relaxed);
        assert!(!shared.work(|| true));
        assert_eq!(shared.root(&data), *blake3::hash(&data).as_bytes());
    }

    #[test]
    fn neither_a_little_nor_what_has_to_be_hashed_in_order_is_shared() {
        assert_eq!(hash_shared(Algorithm::Blake3, &painted(SHARED_FROM), || Ok::<_, ()>(())), None);
        assert_eq!(hash_shared(Algorithm::Sha256, &painted(2 * SHARED_FROM), || Ok::<_, ()>(())), None);
    }
}
