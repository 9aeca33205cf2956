//! Content hashes: which algorithms there are, and how bytes become a digest.

mod algorithm;
mod aligned;
mod content;
mod hasher;
mod intake;
mod lanes;
mod sha256;
mod shared;
mod tree;

pub use algorithm::Algorithm;
pub use content::{ContentDigest, Expected, hex};
pub(crate) use content::{StreamHash, size_text};
pub use hasher::Hasher;
pub(crate) use intake::{Intake, take_in_both};
pub use shared::hash_shared;
pub(crate) use tree::{Tree, subtree};
