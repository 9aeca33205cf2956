//! An incremental hasher over either algorithm.

use super::Algorithm;
use super::aligned::update_aligned;
use laboxide_sha256::Sha256;

/// Hashes bytes as they come.
///
/// Cloning it is a snapshot: both go on from the same bytes.
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
    /// A hasher that has seen no bytes.
    #[must_use]
    pub fn new(algorithm: Algorithm) -> Self {
        let state = match algorithm {
            Algorithm::Blake3 => HashState::Blake3(Box::default()),
            Algorithm::Sha256 => HashState::Sha256(Sha256::new()),
        };
        Self { state }
    }

    /// The algorithm that it was made with.
    #[must_use]
    pub fn algorithm(&self) -> Algorithm {
        match self.state {
            HashState::Blake3(_) => Algorithm::Blake3,
            HashState::Sha256(_) => Algorithm::Sha256,
        }
    }

    /// Takes the next bytes in.
    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            HashState::Blake3(hasher) => {
                hasher.update(data);
            }
            HashState::Sha256(hasher) => hasher.update(data),
        }
    }

    /// Takes in parts that follow each other, of a hasher that has seen nothing yet.
    pub(crate) fn update_parts<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) {
        match &mut self.state {
            HashState::Blake3(hasher) => update_aligned(hasher, parts),
            HashState::Sha256(hasher) => parts.for_each(|part| hasher.update(part)),
        }
    }

    /// Its state, if that is one of SHA-256.
    pub(super) fn as_sha256(&mut self) -> Option<&mut Sha256> {
        match &mut self.state {
            HashState::Sha256(hasher) => Some(hasher),
            HashState::Blake3(_) => None,
        }
    }

    /// The hash of everything so far.
    #[must_use]
    pub fn finalize(&self) -> [u8; 32] {
        match &self.state {
            HashState::Blake3(hasher) => hasher.finalize().into(),
            HashState::Sha256(hasher) => hasher.finalize(),
        }
    }

    /// The hash of `data` alone.
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
