//! One block of a stream, gathered from chunks: lent by reference, or copied.

use std::ops::Range;
use std::sync::Arc;

use crate::slab::{BLOCK, Slabs};

/// Chunks from this size on are kept by reference; copying smaller ones costs less than keeping them.
pub(crate) const LENT_MIN: usize = 16 << 10;

/// BLAKE3 is fast on pieces aligned to this; ragged ones are copied together first, which costs a
/// tenth of what hashing them as they are would (1.25 against 6.7 GB/s at 10 000 bytes).
const ALIGNED: usize = 64 << 10;

/// Up to [`BLOCK`] bytes: first those that were lent, then those that were copied.
pub(crate) struct Block<P> {
    lent: Vec<(Arc<P>, Range<usize>)>,
    copied: Vec<u8>,
    len: usize,
}

impl<P> Default for Block<P> {
    fn default() -> Self {
        Self { lent: Vec::new(), copied: Vec::new(), len: 0 }
    }
}

impl<P: AsRef<[u8]>> Block<P> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many bytes still fit.
    pub(crate) fn room(&self) -> usize {
        BLOCK - self.len
    }

    /// Whether a chunk of `len` bytes should be lent. After something was copied the rest of the
    /// block is copied, too: alternating chunks would otherwise take a slab for each.
    pub(crate) fn lends(&self, len: usize) -> bool {
        len >= LENT_MIN && self.copied.is_empty()
    }

    pub(crate) fn lend(&mut self, chunk: &Arc<P>, range: Range<usize>) {
        self.len += range.len();
        self.lent.push((Arc::clone(chunk), range));
    }

    pub(crate) fn copy(&mut self, data: &[u8], slabs: &Slabs) {
        if self.copied.capacity() == 0 {
            self.copied = slabs.take();
        }
        self.copied.extend_from_slice(data);
        self.len += data.len();
    }

    /// The bytes in order.
    pub(crate) fn parts(&self) -> impl Iterator<Item = &[u8]> {
        let lent = self.lent.iter().map(|(chunk, range)| &(**chunk).as_ref()[range.clone()]);
        lent.chain(std::iter::once(self.copied.as_slice()).filter(|copied| !copied.is_empty()))
    }

    /// Copies ragged parts together, and hands the chunks that were lent to `used`.
    pub(crate) fn smooth(&mut self, slabs: &Slabs, used: impl FnOnce(Vec<Arc<P>>)) {
        let parts = self.lent.len() + usize::from(!self.copied.is_empty());
        let before_last = self.lent.iter().take(parts.saturating_sub(1));
        if before_last.fold(0, |ragged, (_, range)| ragged | (range.len() % ALIGNED)) == 0 {
            return;
        }
        let mut slab = slabs.take();
        self.parts().for_each(|part| slab.extend_from_slice(part));
        slabs.give(std::mem::replace(&mut self.copied, slab));
        used(std::mem::take(&mut self.lent).into_iter().map(|(chunk, _)| chunk).collect());
    }

    /// Returns the memory: slabs to their pool, chunks to `used`.
    pub(crate) fn recycle(self, slabs: &Slabs, used: impl FnOnce(Vec<Arc<P>>)) {
        slabs.give(self.copied);
        if !self.lent.is_empty() {
            used(self.lent.into_iter().map(|(chunk, _)| chunk).collect());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(block: &Block<Vec<u8>>) -> Vec<u8> {
        block.parts().flatten().copied().collect()
    }

    #[test]
    fn parts_keep_their_order_lent_or_copied() {
        let slabs = Slabs::default();
        let mut block = Block::default();
        block.lend(&Arc::new(vec![1; LENT_MIN]), 0..LENT_MIN);
        block.copy(&[2; 10], &slabs);
        assert!(!block.lends(BLOCK), "nothing is lent after a copy");
        block.copy(&[3; 10], &slabs);
        let expected = [vec![1; LENT_MIN], vec![2; 10], vec![3; 10]].concat();
        assert_eq!(
            (joined(&block), block.len(), block.room()),
            (expected.clone(), expected.len(), BLOCK - expected.len())
        );
    }

    #[test]
    fn smoothing_changes_no_byte_and_gives_the_chunks_back() {
        for len in [LENT_MIN, ALIGNED, 60_000] {
            let slabs = Slabs::default();
            let mut block = Block::default();
            let chunk = Arc::new((0..=250).cycle().take(len).collect::<Vec<u8>>());
            (0..3).for_each(|_| block.lend(&chunk, 0..len));
            let before = joined(&block);
            let mut returned = 0;
            block.smooth(&slabs, |used| returned = used.len());
            assert_eq!((joined(&block), returned), (before, if len == ALIGNED { 0 } else { 3 }));
        }
    }
}
