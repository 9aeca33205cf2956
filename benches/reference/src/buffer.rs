//! Memory to read into.

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::os::unix::fs::FileExt as _;

use crate::content::BLOCK;

/// Where content begins: at a line of the cache, but not at a page.
///
/// 1 to 31 bytes past a page, where the C library's large pieces of memory begin, reading into it may
/// take four times as long (an AMD processor without AVX-512); at a page, with both ends of the copy
/// there, it took 8 % longer on another machine, and as long on this one.
const LINE: usize = 64;
const PAGE: usize = 4096;

/// Memory that is used again for one piece after another.
#[derive(Default)]
pub struct Buffer {
    memory: Vec<u8>,
    content: Range<usize>,
}

impl Buffer {
    /// Has `read` fill `len` bytes, in place of what it held.
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
