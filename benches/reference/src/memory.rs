//! Memory to read into.

use std::io;
use std::ops::Deref;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

use crate::content::BLOCK;

/// Room for one block, used again and again. It begins at a page: the kernel copies to and from there
/// faster than to and from where a heap puts it, 16 bytes further on.
pub struct Buffer {
    memory: Fresh,
    len: usize,
}

impl Buffer {
    pub fn new() -> Self {
        Self { memory: Fresh::new(BLOCK).expect("memory for a block"), len: 0 }
    }

    /// Makes it `len` bytes, a block at the most, and gives all of them to be filled.
    pub fn resize(&mut self, len: usize) -> &mut [u8] {
        self.len = len;
        // SAFETY: it is borrowed exclusively, and is one block.
        unsafe { &mut self.memory.block(0)[..len] }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: whoever writes to it borrows it exclusively.
        unsafe { &self.memory.block(0)[..self.len] }
    }
}

/// Memory that nobody has used, in huge pages where the system has them.
pub struct Fresh {
    start: *mut u8,
    pub len: usize,
}

// SAFETY: a piece of memory is nobody's thread's.
unsafe impl Send for Fresh {}
// SAFETY: as above; who may touch which part is said at `block`.
unsafe impl Sync for Fresh {}

impl Fresh {
    pub fn new(len: usize) -> io::Result<Self> {
        // SAFETY: a mapping of its own, at an address that the system chooses.
        let start = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                len.max(1),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?;
        // SAFETY: the whole of the mapping above; advice changes no content.
        let _ = unsafe { madvise(start, len.max(1), Advice::LinuxHugepage) };
        Ok(Self { start: start.cast(), len })
    }

    /// # Safety
    /// Nobody else uses this block meanwhile.
    #[allow(clippy::mut_from_ref)]
    pub unsafe fn block(&self, index: usize) -> &mut [u8] {
        let offset = index * BLOCK;
        assert!(offset < self.len, "within the memory");
        // SAFETY: in bounds by the assertion, initialised by the system, exclusive by the caller.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), BLOCK.min(self.len - offset)) }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // SAFETY: the mapping made above, which nobody else holds.
        let _ = unsafe { munmap(self.start.cast(), self.len.max(1)) };
    }
}
