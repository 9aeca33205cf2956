//! Memory that several workers fill at once.

use std::mem::MaybeUninit;

/// Borrowed memory that is filled block by block, each block by one job.
pub(crate) struct Region {
    start: *mut MaybeUninit<u8>,
    len: usize,
}

// SAFETY: the memory has no other reader or writer until the pass ends (see `new`), and within the pass each
// byte belongs to the one job that claimed its block.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Wraps `memory` without its lifetime.
    ///
    /// # Safety
    /// The memory must stay allocated and must not be accessed otherwise until the pass calls `done`.
    pub(crate) unsafe fn new(memory: &mut [MaybeUninit<u8>]) -> Self {
        Self { start: memory.as_mut_ptr(), len: memory.len() }
    }

    /// Returns a mutable slice of the region.
    ///
    /// # Safety
    /// Slices that exist at the same time must not overlap.
    #[allow(clippy::mut_from_ref)]
    pub(super) unsafe fn slice(&self, offset: u64, len: usize) -> &mut [MaybeUninit<u8>] {
        // SAFETY: in bounds (see `start_of`), exclusive by the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.start_of(offset, len), len) }
    }

    /// Returns a filled slice of the region.
    ///
    /// # Safety
    /// All of these bytes must be initialised, and must not be written again.
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
