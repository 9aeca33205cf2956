//! BLAKE3 of an input whose equal units were hashed apart, in any order.
//!
//! BLAKE3 is a binary tree in which every left subtree is the largest power of two of chunks that
//! leaves at least one to its right. Units of one power-of-two size, aligned to it, are therefore
//! whole subtrees, whoever hashes them; joining their chaining values gives the same root.

use std::collections::BTreeMap;

use super::aligned::update_aligned;
use blake3::hazmat::{ChainingValue, HasherExt, Mode, merge_subtrees_non_root, merge_subtrees_root};

/// The chaining value of the unit that starts at `offset`, a multiple of the unit's size.
pub(crate) fn subtree<'a>(offset: u64, parts: impl Iterator<Item = &'a [u8]>) -> ChainingValue {
    let mut hasher = blake3::Hasher::new();
    hasher.set_input_offset(offset);
    update_aligned(&mut hasher, parts);
    hasher.finalize_non_root()
}

/// Joins the chaining values of the units, of which there are at least two.
#[derive(Clone, Default)]
pub(crate) struct Tree {
    /// Roots of finished subtrees, the largest first: one per bit set in the number of units joined.
    stack: Vec<ChainingValue>,
    joined: u64,
    /// Units that came before one to their left did.
    early: BTreeMap<u64, ChainingValue>,
}

impl Tree {
    /// Takes in unit number `index`, counted from 0.
    pub(crate) fn insert(&mut self, index: u64, value: ChainingValue) {
        self.early.insert(index, value);
        while let Some(value) = self.early.remove(&self.joined) {
            self.join(value);
        }
    }

    /// Whether unit number `index` was taken in.
    pub(crate) fn has(&self, index: u64) -> bool {
        index < self.joined || self.early.contains_key(&index)
    }

    /// Subtrees on the stack are merged only now that more input is known to follow them: the last
    /// merge of all is the root and is hashed differently.
    fn join(&mut self, value: ChainingValue) {
        while self.stack.len() > self.joined.count_ones() as usize {
            let right = self.stack.pop();
            let left = self.stack.pop();
            if let (Some(left), Some(right)) = (left, right) {
                self.stack.push(merge_subtrees_non_root(&left, &right, Mode::Hash));
            }
        }
        self.stack.push(value);
        self.joined += 1;
    }

    /// The hash of the whole input, or None while fewer than two units are joined.
    pub(crate) fn root(mut self) -> Option<[u8; 32]> {
        let mut right = self.stack.pop()?;
        while let Some(left) = self.stack.pop() {
            if self.stack.is_empty() {
                return Some(merge_subtrees_root(&left, &right, Mode::Hash).into());
            }
            right = merge_subtrees_non_root(&left, &right, Mode::Hash);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: usize = 4096;

    fn painted(len: usize) -> Vec<u8> {
        (0..=250).cycle().take(len).collect()
    }

    fn root_of(data: &[u8], order: impl Fn(usize) -> usize) -> Option<[u8; 32]> {
        let units: Vec<_> = data.chunks(UNIT).collect();
        let mut tree = Tree::default();
        for step in 0..units.len() {
            let index = order(step);
            let offset = (index * UNIT) as u64;
            tree.insert(index as u64, subtree(offset, units[index].chunks(1000)));
        }
        tree.root()
    }

    #[test]
    fn joined_units_hash_as_the_whole() {
        for units in 2..40 {
            for extra in [1, 1023, UNIT - 1, UNIT] {
                let data = painted((units - 1) * UNIT + extra);
                assert_eq!(root_of(&data, |i| i), Some(*blake3::hash(&data).as_bytes()), "{units} {extra}");
            }
        }
    }

    #[test]
    fn the_order_of_arrival_does_not_matter() {
        let data = painted(31 * UNIT + 5);
        assert_eq!(root_of(&data, |i| 31 - i), Some(*blake3::hash(&data).as_bytes()));
    }

    #[test]
    fn fewer_than_two_units_have_no_root_here() {
        assert_eq!(root_of(&painted(UNIT), |i| i), None);
        assert_eq!(Tree::default().root(), None);
    }
}
