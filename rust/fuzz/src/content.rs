//! Content without two equal blocks, and digests of it, true or false.

use std::sync::LazyLock;

use laboxide_core::digest::{Algorithm, ContentDigest, Expected, Hasher, hex};

use crate::Script;

/// The maximum size of content.
const MAX_SIZE: usize = 8 << 20;

/// A cycle of 251 bytes, which reveals blocks that were swapped.
static PAINTED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let cycle: Vec<u8> = (0..=250).collect();
    cycle.repeat(MAX_SIZE / cycle.len() + 2)
});

/// Returns content of up to `size` bytes, different for each colour.
#[must_use]
pub fn painted(colour: u8, size: usize) -> &'static [u8] {
    let start = usize::from(colour) % 251;
    &PAINTED[start..start + size.min(MAX_SIZE)]
}

/// Returns the digest of `data`, hashed in one piece.
#[must_use]
pub fn digest(algorithms: &[Algorithm], data: &[u8]) -> ContentDigest {
    let hashes = algorithms.iter().map(|algorithm| (*algorithm, hex(&Hasher::hash(*algorithm, data))));
    ContentDigest { size: data.len() as u64, hashes: hashes.collect() }
}

/// Chooses one or two algorithms, in either order.
pub fn algorithms(script: &mut Script<'_>) -> Vec<Algorithm> {
    match script.choice(4) {
        0 => vec![Algorithm::Blake3],
        1 => vec![Algorithm::Sha256],
        2 => vec![Algorithm::Sha256, Algorithm::Blake3],
        _ => Algorithm::ALL.to_vec(),
    }
}

/// An expectation that may be false, and the content that fulfils it.
pub struct Claim {
    /// The expected size, and usually a hash.
    pub expected: Expected,
    content: &'static [u8],
}

impl Claim {
    /// Chooses the claim of `content`, or of slightly different content.
    pub fn choose(script: &mut Script<'_>, algorithm: Algorithm, content: &'static [u8]) -> Self {
        let content = match script.choice(8) {
            6 => &content[..content.len().saturating_sub(1)],
            7 => &painted(script.choice(251), content.len())[..content.len()],
            _ => content,
        };
        let hash = digest(&[algorithm], content).hashes.pop().filter(|_| script.choice(8) != 7);
        Self { expected: Expected { size: content.len() as u64, hash }, content }
    }

    /// Returns true if `found` fulfils the claim.
    #[must_use]
    pub fn holds(&self, found: &[u8]) -> bool {
        match self.expected.hash {
            Some(_) => found == self.content,
            None => found.len() == self.content.len(),
        }
    }
}
