//! Content hashes: which algorithms there are, and how bytes become a digest.
//!
//! An [`Algorithm`] names content, a [`Hasher`] takes bytes in order, and a [`ContentDigest`] is the result.
//! BLAKE3 is a tree, so workers hash its subtrees apart and `blake3_tree` joins them. SHA-256 needs the bytes
//! in order, one worker at a time: `ordered` runs that, with the blocks of two streams side by side.

mod algorithm;
mod aligned;
mod blake3_tree;
mod content;
mod hasher;
mod intake;
pub(crate) mod ordered;
mod shared;

pub use algorithm::Algorithm;
pub(crate) use blake3_tree::{Tree, subtree};
pub(crate) use content::StreamHash;
pub use content::{ContentDigest, Expected, hex};
pub use hasher::Hasher;
pub(crate) use intake::{Intake, take_in_both};
pub use shared::hash_shared;
