//! Read buffers.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt as _;

use crate::content::BLOCK;

/// The alignment of content: a cache line, but not a page.
///
/// Large allocations of the C library begin 16 bytes past a page. Reads into memory 1 to 31 bytes past
/// a page took four times as long on an AMD processor without AVX-512. Reads into page-aligned memory
/// took 8 % longer on another machine, and no longer on this one.
const LINE: usize = 64;
const PAGE: usize = 4096;

/// A reusable buffer.
#[derive(Default)]
pub struct Buffer {
    memory: Vec<u8>,
    content: Range<usize>,
}

impl Buffer {
    /// Replaces the content by `len` bytes that `read` fills in.
    pub fn fill(&mut self, len: usize, read: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<()> {
        if self.memory.len() < len + 2 * LINE {
            self.memory = vec![0; len + 2 * LINE];
        }
        let line = self.memory.as_ptr().align_offset(LINE);
        let start = if self.memory.as_ptr().align_offset(PAGE) == line { line + LINE } else { line };
        self.content = start..start + len;
        read(&mut self.memory[self.content.clone()])
    }

    /// Reads block `index` of a file of `size` bytes.
    pub fn read_block(&mut self, file: &File, index: usize, size: usize) -> io::Result<()> {
        let offset = index * BLOCK;
        self.fill(BLOCK.min(size - offset), |room| file.read_exact_at(room, offset as u64))
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.content.clone()]
    }
}
