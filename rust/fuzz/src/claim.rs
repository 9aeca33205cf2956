//! What is said of content, truly or not.

use laboxide_core::digest::{Algorithm, Expected};

use crate::{Script, digest};

/// One or two, in either order.
pub fn algorithms(script: &mut Script<'_>) -> Vec<Algorithm> {
    match script.choice(4) {
        0 => vec![Algorithm::Blake3],
        1 => vec![Algorithm::Sha256],
        2 => vec![Algorithm::Sha256, Algorithm::Blake3],
        _ => Algorithm::ALL.to_vec(),
    }
}

/// An expectation, and of which content it is.
pub struct Claim {
    /// What is expected.
    pub expected: Expected,
    content: &'static [u8],
}

impl Claim {
    /// Of `content`, or of what it might be taken for.
    pub fn choose(script: &mut Script<'_>, algorithm: Algorithm, content: &'static [u8]) -> Self {
        let content = match script.choice(8) {
            6 => &content[..content.len().saturating_sub(1)],
            7 => &crate::painted(script.choice(251), content.len())[..content.len()],
            _ => content,
        };
        let hash = digest(&[algorithm], content).hashes.pop().filter(|_| script.choice(8) != 7);
        Self { expected: Expected { size: content.len() as u64, hash }, content }
    }

    /// Whether it is true of `found`.
    #[must_use]
    pub fn holds(&self, found: &[u8]) -> bool {
        match self.expected.hash {
            Some(_) => found == self.content,
            None => found.len() == self.content.len(),
        }
    }
}
