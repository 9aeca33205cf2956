//! What is written: a pool of random bytes, over and over.

use std::io;
use std::path::Path;

/// Work is done in blocks of this size. From 64 KiB to 512 KiB nothing was faster.
pub const BLOCK: usize = 1 << 20;

/// Random bytes, followed by their own beginning, so that every block is one slice.
pub struct Pool {
    bytes: Vec<u8>,
    cycle: usize,
}

impl Pool {
    pub fn load(path: &Path) -> io::Result<Self> {
        let mut bytes = std::fs::read(path)?;
        let cycle = bytes.len();
        if cycle < BLOCK {
            return Err(io::Error::other("a pool has 1 MiB or more"));
        }
        bytes.extend_from_within(..BLOCK);
        Ok(Self { bytes, cycle })
    }

    /// How many bytes there are before they repeat.
    pub fn cycle(&self) -> usize {
        self.cycle
    }

    /// Block `index` of a content of `size` bytes that starts `shift` bytes into the pool.
    pub fn block(&self, index: usize, size: usize, shift: usize) -> &[u8] {
        let offset = index * BLOCK;
        let start = (shift + offset) % self.cycle;
        &self.bytes[start..start + BLOCK.min(size - offset)]
    }

    /// The first bytes, for content that is smaller than a block.
    pub fn start(&self, len: usize) -> &[u8] {
        &self.bytes[..len]
    }
}
