//! Content hashes: the algorithms, and how bytes become a digest.
//!
//! An [`Algorithm`] names content, a [`Hasher`] hashes bytes in order, and a [`ContentDigest`] is the result.
//! [`Expected`] has the size and hash that content is checked against.
//!
//! BLAKE3 is a tree, so workers hash its subtrees in parallel and `blake3_tree` joins them. SHA-256 needs the
//! bytes in order, one worker at a time: `serial` does that, with the blocks of two streams side by side. A
//! [`StreamHash`] holds both kinds of state for one stream. `parallel` hashes content in memory with the idle
//! workers.

mod algorithm;
mod blake3_tree;
mod content;
mod hasher;
mod parallel;
pub(crate) mod serial;

pub use algorithm::Algorithm;
pub(crate) use blake3_tree::{Tree, subtree};
pub(crate) use content::StreamHash;
pub use content::{ContentDigest, Expected, hex};
pub use hasher::Hasher;
pub use parallel::hash_parallel;

/// Returns test data: a cycle of 251 bytes, so that no two blocks are equal.
#[cfg(test)]
fn painted(len: usize) -> Vec<u8> {
    (0..=250).cycle().take(len).collect()
}
