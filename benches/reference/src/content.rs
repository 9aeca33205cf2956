//! The content: one pool of random bytes, repeated.

use std::io;
use std::path::Path;

/// The unit of work. Sizes from 64 KiB to 512 KiB were no faster.
pub const BLOCK: usize = 1 << 20;

/// The pool, followed by its first block, so that every block is one slice.
pub struct Pool {
    bytes: Vec<u8>,
    cycle: usize,
}

impl Pool {
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut bytes = std::fs::read(path)?;
        let cycle = bytes.len();
        if cycle < BLOCK {
            return Err(io::Error::other("pool too small: below 1 MiB"));
        }
        bytes.extend_from_within(..BLOCK);
        Ok(Self { bytes, cycle })
    }

    /// Returns the length before the content repeats.
    pub fn cycle(&self) -> usize {
        self.cycle
    }

    /// Returns block `index` of content of `size` bytes that starts `shift` bytes into the pool.
    pub fn block(&self, index: usize, size: usize, shift: usize) -> &[u8] {
        let offset = index * BLOCK;
        let start = (shift + offset) % self.cycle;
        &self.bytes[start..start + BLOCK.min(size - offset)]
    }

    /// Returns the first bytes, for content smaller than a block.
    pub fn start(&self, len: usize) -> &[u8] {
        &self.bytes[..len]
    }
}
