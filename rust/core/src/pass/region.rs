//! Memory that several workers fill.

use std::mem::MaybeUninit;

/// Memory that is filled block by block, each block by one worker.
pub(crate) struct Region {
    start: *mut MaybeUninit<u8>,
    len: usize,
}

// SAFETY: a region is memory that nobody else reads or writes until the pass is over (see `new`),
// and within the pass each byte belongs to the one worker that has claimed its block.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// # Safety
    /// The memory stays where it is and is not touched by anyone else until the pass has handed its
    /// result to `done`.
    pub(crate) unsafe fn new(memory: &mut [MaybeUninit<u8>]) -> Self {
        Self { start: memory.as_mut_ptr(), len: memory.len() }
    }

    /// # Safety
    /// At any time each byte is in at most one slice.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn slice(&self, offset: u64, len: usize) -> &mut [MaybeUninit<u8>] {
        // SAFETY: in bounds (see `start_of`), exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start_of(offset, len), len) }
    }

    /// # Safety
    /// All of these bytes were initialised, and nobody writes to them any more.
    pub(super) unsafe fn filled(&self, offset: u64, len: usize) -> &[u8] {
        // SAFETY: in bounds (see `start_of`), initialised and unchanging by the caller's promise.
        unsafe { std::slice::from_raw_parts(self.start_of(offset, len).cast(), len) }
    }

    fn start_of(&self, offset: u64, len: usize) -> *mut MaybeUninit<u8> {
        let offset = usize::try_from(offset).expect("within memory");
        assert!(offset + len <= self.len, "within the region");
        // SAFETY: in bounds by the assertion.
        unsafe { self.start.add(offset) }
    }
}
