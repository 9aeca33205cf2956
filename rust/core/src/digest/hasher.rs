//! An incremental hasher for any of the algorithms.

use super::Algorithm;
use super::blake3_tree::update_aligned;
use laboxide_sha256::Sha256;

/// An incremental hasher.
///
/// A clone is a snapshot: both continue from the same bytes.
#[derive(Clone)]
pub struct Hasher {
    state: HashState,
}

#[derive(Clone)]
enum HashState {
    Blake3(Box<blake3::Hasher>),
    Sha256(Sha256),
}

impl Hasher {
    /// Creates a hasher without input.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Blake3 => HashState::Blake3(Box::default()),
            Algorithm::Sha256 => HashState::Sha256(Sha256::new()),
        };
        Self { state }
    }

    /// Returns the algorithm.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.state {
            HashState::Blake3(_) => Algorithm::Blake3,
            HashState::Sha256(_) => Algorithm::Sha256,
        }
    }

    /// Hashes the next bytes.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            HashState::Blake3(hasher) => {
                hasher.update(data);
            }
            HashState::Sha256(hasher) => hasher.update(data),
        }
    }

    /// Hashes consecutive parts. The hasher must not have any input yet.
    pub(crate) fn update_parts<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) {
        match &mut self.state {
            HashState::Blake3(hasher) => update_aligned(hasher, parts),
            HashState::Sha256(hasher) => parts.for_each(|part| hasher.update(part)),
        }
    }

    /// Returns the state if the algorithm is SHA-256.
    pub(super) fn as_sha256(&mut self) -> Option<&mut Sha256> {
        match &mut self.state {
            HashState::Sha256(hasher) => Some(hasher),
            HashState::Blake3(_) => None,
        }
    }

    /// Returns the hash of the bytes so far.
    #[must_use]
    pub fn finalize(&self) -> [u8; 32] {
        match &self.state {
            HashState::Blake3(hasher) => hasher.finalize().into(),
            HashState::Sha256(hasher) => hasher.finalize(),
        }
    }

    /// Returns the hash of `data`.
    #[must_use]
    pub fn hash(algorithm: Algorithm, data: &[u8]) -> [u8; 32] {
        match algorithm {
            Algorithm::Blake3 => blake3::hash(data).into(),
            Algorithm::Sha256 => {
                let mut hasher = Sha256::new();
                hasher.update(data);
                hasher.finalize()
            }
        }
    }
}
