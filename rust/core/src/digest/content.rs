//! Digests of content, and the hash state of a stream that becomes one.

use super::{Algorithm, Hasher, Tree, subtree};
use crate::error::{Error, Result, size_text};

/// The size and the hashes of content, in the order of the requested algorithms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentDigest {
    /// The size in bytes.
    pub size: u64,
    /// Each algorithm with its lower-case hexadecimal hash.
    pub hashes: Vec<(Algorithm, String)>,
}

impl ContentDigest {
    /// Returns true if there is a hash by `algorithm`.
    pub(crate) fn has(&self, algorithm: Algorithm) -> bool {
        self.hashes.iter().any(|(name, _)| *name == algorithm)
    }

    /// Computes the digest of content in memory.
    pub fn of<'a>(algorithms: &[Algorithm], parts: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let mut hash = StreamHash::new(algorithms);
        hash.hashers.iter_mut().for_each(|hasher| hasher.update_parts(parts.clone()));
        hash.finish(parts.map(|part| part.len() as u64).sum(), algorithms)
    }
}

/// The expected size and hash of content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// The size in bytes.
    pub size: u64,
    /// The algorithm and hash to check, or None to check the size alone.
    pub hash: Option<(Algorithm, String)>,
}

impl Expected {
    /// Returns the algorithm that a check needs, or none.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        self.hash.iter().map(|(algorithm, _)| *algorithm).collect()
    }

    /// Returns the first difference from `found` as the texts (expected, found) for an error.
    #[must_use]
    pub fn difference(&self, found: &ContentDigest) -> Option<(String, String)> {
        if self.size != found.size {
            return Some((size_text(self.size), size_text(found.size)));
        }
        let (algorithm, hash) = self.hash.as_ref()?;
        // A missing hash is a difference.
        let hashed = found.hashes.iter().find(|(name, _)| name == algorithm);
        let actual = hashed.map_or("not computed", |(_, actual)| actual);
        (hash != actual).then(|| (format!("{algorithm} {hash}"), format!("{algorithm} {actual}")))
    }

    /// Returns true if `data` has the expected size and hash.
    #[must_use]
    pub fn matches(&self, data: &[u8]) -> bool {
        let is_equal =
            |(algorithm, hash): &(Algorithm, String)| hex(&Hasher::hash(*algorithm, data)) == *hash;
        data.len() as u64 == self.size && self.hash.as_ref().is_none_or(is_equal)
    }

    /// Returns [`Error::Mismatch`] if the content from the caller does not match.
    pub fn check(&self, found: &ContentDigest) -> Result<()> {
        match self.difference(found) {
            None => Ok(()),
            Some((expected, actual)) => Err(Error::Mismatch { expected, actual }),
        }
    }
}

/// Returns the lower-case hexadecimal digits of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The hash state of a stream: a tree for BLAKE3, which workers fill in parallel, and serial hashers.
#[derive(Clone)]
pub(crate) struct StreamHash {
    /// The BLAKE3 tree, if the input is split into units.
    pub tree: Option<Tree>,
    /// The hashers of all other algorithms, which need the bytes in order.
    pub hashers: Vec<Hasher>,
}

impl StreamHash {
    /// Creates a state that hashes with every algorithm serially.
    pub(crate) fn new(algorithms: &[Algorithm]) -> Self {
        Self { tree: None, hashers: algorithms.iter().map(|a| Hasher::new(*a)).collect() }
    }

    /// Creates a state that hashes BLAKE3 by units and the other algorithms serially.
    pub(crate) fn by_units(algorithms: &[Algorithm]) -> Self {
        let (tree, serial): (Vec<_>, Vec<_>) = algorithms.iter().partition(|a| **a == Algorithm::Blake3);
        Self {
            tree: (!tree.is_empty()).then(Tree::default),
            hashers: serial.into_iter().map(|a: &Algorithm| Hasher::new(*a)).collect(),
        }
    }

    /// Hashes unit number `index`, which starts at `offset`, where that was not done yet.
    ///
    /// The tree records its units itself; `in_hashers` says whether the serial hashers have this one.
    pub(crate) fn add_missing<'a, I: Iterator<Item = &'a [u8]>>(
        &mut self,
        index: u64,
        in_hashers: bool,
        parts: impl Fn() -> I,
        offset: u64,
    ) {
        if let Some(tree) = self.tree.as_mut().filter(|tree| !tree.has(index)) {
            tree.insert(index, subtree(offset, parts()));
        }
        if !in_hashers {
            parts().for_each(|part| self.hashers.iter_mut().for_each(|hasher| hasher.update(part)));
        }
    }

    /// Returns the digest, with hashes in the order of `algorithms`.
    pub(crate) fn finish(self, size: u64, algorithms: &[Algorithm]) -> ContentDigest {
        let root = self.tree.and_then(Tree::root);
        let hashes = algorithms.iter().map(|algorithm| {
            let serial = self.hashers.iter().find(|hasher| hasher.algorithm() == *algorithm);
            let bytes = serial.map(Hasher::finalize).or(root).expect("every algorithm has a state");
            (*algorithm, hex(&bytes))
        });
        ContentDigest { size, hashes: hashes.collect() }
    }
}
