//! Content that is cheap to have, and in which no two blocks are the same.

use std::sync::LazyLock;

use laboxide_core::digest::{Algorithm, ContentDigest, Hasher, hex};

/// The most that content may have.
pub const MOST: usize = 8 << 20;

/// A cycle of 251 bytes, so that blocks that change places show.
static PAINTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let cycle: Vec<u8> = (0..=250).collect();
    cycle.repeat(MOST / cycle.len() + 2)
});

/// Content of this size, [`MOST`] at the most; that of each colour differs from the others.
#[must_use]
pub fn painted(colour: u8, size: usize) -> &'static [u8] {
    let start = usize::from(colour) % 251;
    &PAINTED[start..start + size.min(MOST)]
}

/// The digest of what is at hand, in one piece.
#[must_use]
pub fn digest(algorithms: &[Algorithm], data: &[u8]) -> ContentDigest {
    let hashes = algorithms.iter().map(|algorithm| (*algorithm, hex(&Hasher::hash(*algorithm, data))));
    ContentDigest { size: data.len() as u64, hashes: hashes.collect() }
}
