//! Memory for reads.

use std::mem::MaybeUninit;

use laboxide_core::read::Buffer;

/// Poisoned, so that a byte that was not filled shows.
pub struct Memory(Vec<u8>);

impl Memory {
    /// Of `len` bytes.
    #[must_use]
    pub fn new(len: usize) -> Self {
        Self(vec![0xEE; len])
    }

    /// What it was filled with.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Buffer for Memory {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: both have the same layout, and the engine only ever writes bytes to it.
        unsafe { &mut *(std::ptr::from_mut(self.0.as_mut_slice()) as *mut [MaybeUninit<u8>]) }
    }
}
