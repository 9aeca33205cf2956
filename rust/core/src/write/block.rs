//! A block of a stream, gathered from chunks that are lent by reference or copied.

use std::ops::Range;
use std::sync::Arc;

use crate::memory::budget::{Budget, Reservation, UNRESERVED};
use crate::memory::slab::{BLOCK, Slab, Slabs};

/// The size from which chunks are kept by reference. Copying smaller ones costs less.
pub(crate) const LENT_MIN: usize = 16 << 10;

/// Up to [`Self::size`] bytes of a stream, lent or copied.
pub struct Block<P> {
    /// The stream's reservation in the memory budget, freed with the last block that shares it.
    reservation: Option<Arc<Reservation>>,
    parts: Vec<Part<P>>,
    /// All copied bytes.
    slab: Slab,
    len: usize,
}

enum Part<P> {
    Lent(Arc<P>, Range<usize>),
    /// A range of the slab.
    Copied(Range<usize>),
}

impl<P> Default for Block<P> {
    fn default() -> Self {
        Self::of(None)
    }
}

impl<P> Block<P> {
    fn of(reservation: Option<Arc<Reservation>>) -> Self {
        Self { reservation, parts: Vec::new(), slab: Slab::default(), len: 0 }
    }

    /// Returns an empty block of the same stream.
    pub(crate) fn next(&self) -> Self {
        Self::of(self.reservation.clone())
    }

    /// Returns the capacity in bytes, the same for every block of a stream.
    pub(crate) fn size(&self) -> usize {
        self.reservation.as_ref().map_or(BLOCK, |reservation| reservation.block)
    }

    /// Counts the block's bytes against the memory budget.
    pub(crate) fn hold(&self) {
        self.reservation.iter().for_each(|reservation| reservation.reserve(self.len));
    }

    /// Returns the block's bytes to the memory budget.
    pub(crate) fn let_go(&self) {
        self.reservation.iter().for_each(|reservation| reservation.release(self.len));
    }

    /// Returns the offset of the block with this index in its stream.
    pub(crate) fn offset(&self, index: u64) -> u64 {
        index * self.size() as u64
    }

    /// Joins the memory budget if `more` bytes take the stream above the size that needs no reservation.
    pub(crate) fn join_if_large(&mut self, budget: &'static Budget, more: usize) {
        if self.reservation.is_none() && self.len + more > UNRESERVED {
            self.reservation = Some(Arc::new(budget.join()));
        }
    }
}

impl<P: AsRef<[u8]>> Block<P> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Returns the number of bytes that still fit.
    pub(crate) fn room(&self) -> usize {
        self.size() - self.len
    }

    pub(crate) fn lend(&mut self, chunk: &Arc<P>, range: Range<usize>) {
        self.len += range.len();
        self.parts.push(Part::Lent(Arc::clone(chunk), range));
    }

    pub(crate) fn copy(&mut self, data: &[u8], slabs: &Slabs) {
        if !self.slab.is_allocated() {
            self.slab = slabs.take(self.size());
        }
        let start = self.slab.len();
        self.slab.append(data);
        self.len += data.len();
        match self.parts.last_mut() {
            Some(Part::Copied(range)) => range.end = self.slab.len(),
            _ => self.parts.push(Part::Copied(start..self.slab.len())),
        }
    }

    /// Returns the bytes in order.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> + Clone {
        self.parts.iter().map(|part| match part {
            Part::Lent(chunk, range) => &(**chunk).as_ref()[range.clone()],
            Part::Copied(range) => &self.slab[range.clone()],
        })
    }

    /// Returns the slab to its pool and passes the lent chunks to `used`.
    pub(crate) fn recycle(self, slabs: &Slabs, used: impl FnOnce(Vec<Arc<P>>)) {
        slabs.put_back(self.slab);
        let lent = self.parts.into_iter().filter_map(|part| match part {
            Part::Lent(chunk, _) => Some(chunk),
            Part::Copied(_) => None,
        });
        let lent: Vec<_> = lent.collect();
        if !lent.is_empty() {
            used(lent);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lent_and_copied_parts_keep_their_order() {
        let slabs = Slabs::default();
        let mut block = Block::default();
        let chunk = Arc::new(vec![1; LENT_MIN]);
        block.lend(&chunk, 0..LENT_MIN);
        block.copy(&[2; 10], &slabs);
        block.copy(&[3; 10], &slabs);
        block.lend(&chunk, 0..5);
        block.copy(&[4; 10], &slabs);
        let expected = [vec![1; LENT_MIN], vec![2; 10], vec![3; 10], vec![1; 5], vec![4; 10]].concat();
        assert_eq!(block.parts().collect::<Vec<_>>().concat(), expected);
        assert_eq!((block.len(), block.room()), (expected.len(), BLOCK - expected.len()));
        assert_eq!(block.parts().count(), 4, "adjacent copies are one part");
        let mut returned = 0;
        block.recycle(&slabs, |used| returned = used.len());
        assert_eq!(returned, 2);
    }
}
