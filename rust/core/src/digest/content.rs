//! What describes content: its size and its hashes, and the state from which they come.

use super::{Algorithm, Hasher, Tree, subtree};
use crate::error::{Error, Result, size_text};

/// The size of some content and its hashes, in the order in which they were asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContentDigest {
    /// Bytes.
    pub size: u64,
    /// Algorithm and lower-case hexadecimal hash.
    pub hashes: Vec<(Algorithm, String)>,
}

impl ContentDigest {
    /// Whether it has a hash by `algorithm`.
    pub(crate) fn has(&self, algorithm: Algorithm) -> bool {
        self.hashes.iter().any(|(name, _)| *name == algorithm)
    }

    /// Hashes bytes that are at hand.
    pub fn of<'a>(algorithms: &[Algorithm], parts: impl Iterator<Item = &'a [u8]> + Clone) -> Self {
        let mut hash = StreamHash::new(algorithms);
        hash.hashers.iter_mut().for_each(|hasher| hasher.update_parts(parts.clone()));
        hash.finish(parts.map(|part| part.len() as u64).sum(), algorithms)
    }
}

/// What stored or received content must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Bytes.
    pub size: u64,
    /// The algorithm and hash to check, or None to check the size alone.
    pub hash: Option<(Algorithm, String)>,
}

impl Expected {
    /// The algorithms that a check needs.
    #[must_use]
    pub fn algorithms(&self) -> Vec<Algorithm> {
        self.hash.iter().map(|(algorithm, _)| *algorithm).collect()
    }

    /// The first difference between this and `found` as (expected, found), worded for a message.
    #[must_use]
    pub fn difference(&self, found: &ContentDigest) -> Option<(String, String)> {
        if self.size != found.size {
            return Some((size_text(self.size), size_text(found.size)));
        }
        let (algorithm, hash) = self.hash.as_ref()?;
        // What was not hashed was not compared, and never counts as equal.
        let hashed = found.hashes.iter().find(|(name, _)| name == algorithm);
        let actual = hashed.map_or("not computed", |(_, actual)| actual);
        (hash != actual).then(|| (format!("{algorithm} {hash}"), format!("{algorithm} {actual}")))
    }

    /// Whether `data` is what is expected.
    #[must_use]
    pub fn is_met_by(&self, data: &[u8]) -> bool {
        let right = |(algorithm, hash): &(Algorithm, String)| hex(&Hasher::hash(*algorithm, data)) == *hash;
        data.len() as u64 == self.size && self.hash.as_ref().is_none_or(right)
    }

    /// Refuses data that is not what its digest says.
    pub fn check_given(&self, found: &ContentDigest) -> Result<()> {
        match self.difference(found) {
            None => Ok(()),
            Some((expected, actual)) => Err(Error::Mismatch { expected, actual }),
        }
    }
}

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The hash state of a stream: BLAKE3 by its tree, so that workers share it; the rest in order.
#[derive(Clone)]
pub(crate) struct StreamHash {
    /// Used when the input is cut into units; [`Self::hashers`] then skips BLAKE3.
    pub tree: Option<Tree>,
    /// One hasher per algorithm that needs the bytes in order.
    pub hashers: Vec<Hasher>,
}

impl StreamHash {
    /// Every algorithm in order.
    pub(crate) fn new(algorithms: &[Algorithm]) -> Self {
        Self { tree: None, hashers: algorithms.iter().map(|a| Hasher::new(*a)).collect() }
    }

    /// BLAKE3 by units, the others in order.
    pub(crate) fn by_units(algorithms: &[Algorithm]) -> Self {
        let (tree, serial): (Vec<_>, Vec<_>) = algorithms.iter().partition(|a| **a == Algorithm::Blake3);
        Self {
            tree: (!tree.is_empty()).then(Tree::default),
            hashers: serial.into_iter().map(|a: &Algorithm| Hasher::new(*a)).collect(),
        }
    }

    /// Takes in unit number `index`, which starts at `offset`, where it was not yet: into the tree, and
    /// unless it `was_taken` into the hashers.
    pub(crate) fn add_missing<'a, I: Iterator<Item = &'a [u8]>>(
        &mut self,
        index: u64,
        was_taken: bool,
        parts: impl Fn() -> I,
        offset: u64,
    ) {
        if let Some(tree) = self.tree.as_mut().filter(|tree| !tree.has(index)) {
            tree.insert(index, subtree(offset, parts()));
        }
        if !was_taken {
            parts().for_each(|part| self.hashers.iter_mut().for_each(|hasher| hasher.update(part)));
        }
    }

    /// The digest, in the order of `algorithms`.
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
