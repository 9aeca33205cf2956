//! Threads that share work block by block, and the BLAKE3 tree over the blocks.

use std::io;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use blake3::Hasher;
use blake3::hazmat::{ChainingValue, HasherExt as _, Mode, merge_subtrees_non_root, merge_subtrees_root};

use crate::content::BLOCK;

/// Calls `work` with every index below `count`, on `threads` threads; `start` makes the state of each.
pub fn share<S>(
    threads: usize,
    count: usize,
    start: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, usize) -> io::Result<()> + Sync,
) -> io::Result<()> {
    let next = AtomicUsize::new(0);
    let run = || {
        let mut state = start();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return Ok(());
            }
            work(&mut state, index)?;
        }
    };
    if threads == 1 {
        return run();
    }
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(run)).collect();
        workers.into_iter().try_for_each(|worker| worker.join().expect("no worker panics"))
    })
}

/// Calls `work` with every index below `count`, on `threads` threads.
pub fn for_each(
    threads: usize,
    count: usize,
    work: impl Fn(usize) -> io::Result<()> + Sync,
) -> io::Result<()> {
    share(threads, count, || (), |(), index| work(index))
}

/// A BLAKE3 hash over blocks that are hashed in any order.
pub struct Tree {
    values: Mutex<Vec<ChainingValue>>,
    size: usize,
}

impl Tree {
    pub fn new(size: usize) -> Self {
        Self { values: Mutex::new(vec![[0; 32]; size.div_ceil(BLOCK)]), size }
    }

    pub fn hash(&self, index: usize, block: &[u8]) {
        let mut hasher = Hasher::new();
        if self.size > BLOCK {
            hasher.set_input_offset((index * BLOCK) as u64);
        }
        hasher.update(block);
        let value =
            if self.size > BLOCK { hasher.finalize_non_root() } else { *hasher.finalize().as_bytes() };
        self.values.lock().expect("no worker panics")[index] = value;
    }

    /// Returns the hash of the content, after all blocks were hashed.
    pub fn finish(self) -> String {
        let values = self.values.into_inner().expect("no worker panics");
        match values.as_slice() {
            [] => blake3::hash(b"").to_string(),
            [only] => blake3::Hash::from_bytes(*only).to_string(),
            values => {
                let (left, right) = halves(values);
                merge_subtrees_root(&merged(left), &merged(right), Mode::Hash).to_string()
            }
        }
    }
}

fn merged(values: &[ChainingValue]) -> ChainingValue {
    if let [value] = values {
        return *value;
    }
    let (left, right) = halves(values);
    merge_subtrees_non_root(&merged(left), &merged(right), Mode::Hash)
}

/// Splits like BLAKE3: the left subtree holds the largest power of two below the length.
fn halves(values: &[ChainingValue]) -> (&[ChainingValue], &[ChainingValue]) {
    values.split_at(values.len().next_power_of_two() / 2)
}
