//! The content hash algorithms.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, quoted};

/// A content hash algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// BLAKE3 with its default output of 32 bytes.
    Blake3,
    /// SHA-256 (FIPS 180-4).
    Sha256,
}

impl Algorithm {
    /// Every algorithm, the default first.
    pub const ALL: [Algorithm; 2] = [Algorithm::Blake3, Algorithm::Sha256];

    /// Returns the name, as it is spelled in digests and paths.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Blake3 => "blake3",
            Algorithm::Sha256 => "sha256",
        }
    }

    /// Returns the size of the hash in bytes.
    #[must_use]
    pub fn digest_size(self) -> usize {
        32
    }

    /// Returns the size of the internal block in bytes, as hashlib defines it.
    #[must_use]
    pub fn block_size(self) -> usize {
        64
    }

    /// Returns an error unless `hash` is a lower-case hexadecimal hash of the right length.
    pub fn check_hash(self, hash: &str) -> Result<(), Error> {
        let digits = 2 * self.digest_size();
        let hexadecimal = hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if hash.len() == digits && hexadecimal {
            return Ok(());
        }
        let hash = quoted(hash);
        Err(Error::Invalid(format!("invalid {self} hash: expected {digits} digits of 0-9a-f: {hash}")))
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Algorithm {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|known| known.name() == name).ok_or_else(|| {
            let known = Self::ALL.map(Self::name).join(", ");
            Error::Invalid(format!("unknown hash algorithm: expected one of {known}: {}", quoted(name)))
        })
    }
}
