//! Buffers of one block that streams borrow and return.
//!
//! Fresh memory costs page faults (1.8 GB/s, against 50 and more for a copy into memory in use).

use std::mem::MaybeUninit;
use std::ops::Deref;
use std::sync::Mutex;

use crate::runtime::sync::lock;

/// The unit of work: what is hashed, written or read at once. A power of two, so that each block
/// is a whole subtree of BLAKE3; 256 KiB to 1 MiB are equally fast for the file system.
pub const BLOCK: usize = 1 << 20;

/// At most 16 MiB are kept while nobody uses them.
const KEPT: usize = 16;

/// The content of a slab begins at a multiple of this: a line of the cache.
///
/// Reading a file into memory that begins 1 to 31 bytes past a page takes four times as long on an AMD
/// processor without AVX-512 (2.4 GB/s instead of 10; others were not tried): the kernel's copy then
/// stores just behind where it loads from, as far as the low 12 bits of the addresses tell. The C
/// library's large pieces of memory begin 16 bytes past a page.
const LINE: usize = 64;

/// A buffer that is filled from its beginning, and never beyond the room that it was made with.
#[derive(Default)]
pub(crate) struct Slab {
    memory: Vec<u8>,
    /// Bytes of the memory before the content.
    lead: usize,
}

impl Slab {
    /// An empty buffer with room for `size` bytes.
    pub(crate) fn with_room(size: usize) -> Self {
        let mut memory = Vec::<u8>::with_capacity(size + LINE);
        let lead = memory.as_ptr().align_offset(LINE);
        memory.resize(lead, 0);
        Self { memory, lead }
    }

    /// Appends `data`, for which there must be room.
    pub(crate) fn append(&mut self, data: &[u8]) {
        assert!(data.len() <= self.memory.capacity() - self.memory.len(), "a slab does not grow");
        self.memory.extend_from_slice(data);
    }

    /// Appends what `fill` puts at the start of a room of `len` bytes; it returns how many those are.
    ///
    /// # Safety
    /// `fill` has initialised all that it returns.
    pub(crate) unsafe fn append_with<E>(
        &mut self,
        len: usize,
        fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> Result<usize, E>,
    ) -> Result<usize, E> {
        let filled = fill(&mut self.memory.spare_capacity_mut()[..len])?;
        assert!(filled <= len, "within the room");
        // SAFETY: within the capacity by the assertion, initialised by the caller's promise.
        unsafe { self.memory.set_len(self.memory.len() + filled) };
        Ok(filled)
    }

    /// Drops the content.
    pub(crate) fn clear(&mut self) {
        self.memory.truncate(self.lead);
    }

    /// Whether it has any memory.
    pub(crate) fn is_made(&self) -> bool {
        self.memory.capacity() > 0
    }
}

impl Deref for Slab {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.lead..]
    }
}

#[derive(Default)]
pub(crate) struct Slabs {
    idle: Mutex<Vec<Slab>>,
}

impl Slabs {
    /// An empty buffer with room for a block of `size` bytes.
    pub(crate) fn take(&self, size: usize) -> Slab {
        let idle = if size == BLOCK { lock(&self.idle).pop() } else { None };
        idle.unwrap_or_else(|| Slab::with_room(size))
    }

    /// Returns a buffer that [`Self::take`] gave.
    pub(crate) fn give(&self, mut slab: Slab) {
        slab.clear();
        let mut idle = lock(&self.idle);
        if idle.len() < KEPT && slab.memory.capacity() >= BLOCK + LINE {
            idle.push(slab);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_begins_at_a_line_and_stays_there_until_the_slab_is_full() {
        for size in [1, 100, LINE, 64 << 10, BLOCK] {
            let mut slab = Slab::with_room(size);
            let start = slab.as_ptr();
            slab.append(&vec![7; size]);
            assert_eq!((slab.as_ptr(), start.align_offset(LINE)), (start, 0));
            assert_eq!(*slab, vec![7; size]);
        }
    }

    #[test]
    fn what_is_filled_in_is_appended_as_far_as_it_went() {
        let mut slab = Slab::with_room(10);
        slab.append(b"abc");
        let two = |room: &mut [MaybeUninit<u8>]| {
            room[0].write(b'd');
            room[1].write(b'e');
            Ok::<_, ()>(2)
        };
        // SAFETY: two bytes were initialised.
        assert_eq!(unsafe { slab.append_with(7, two) }, Ok(2));
        assert_eq!(*slab, *b"abcde");
    }

    #[test]
    #[should_panic(expected = "a slab does not grow")]
    fn nothing_is_appended_beyond_the_room() {
        let mut slab = Slab::with_room(10);
        let room = slab.memory.capacity() - slab.lead;
        slab.append(&vec![7; room + 1]);
    }

    #[test]
    fn a_slab_that_comes_back_is_empty_and_the_next_that_goes() {
        let slabs = Slabs::default();
        let mut slab = slabs.take(BLOCK);
        slab.append(&[7; 10]);
        let start = slab.as_ptr();
        slabs.give(slab);
        slabs.give(Slab::default());
        slabs.give(slabs.take(10));
        let again = slabs.take(BLOCK);
        assert_eq!((again.as_ptr(), again.len()), (start, 0));
    }
}
