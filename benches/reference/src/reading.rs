//! Large content: read and hash.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};
use sha2::{Digest as _, Sha256};

use crate::blocks::{Tree, for_each};
use crate::buffer::Buffer;
use crate::bulk::{fill_and_hash, hex};
use crate::content::BLOCK;
use crate::job::Algorithm;

/// Reads the file at `path` into reused buffers.
pub fn read(
    algorithm: Option<Algorithm>,
    threads: usize,
    path: &Path,
) -> io::Result<(usize, Option<String>)> {
    let (file, size) = open(path)?;
    let read_block = |buffer: &mut Buffer, index: usize| buffer.read_block(&file, index, size);
    Ok((size, fill_and_hash(algorithm, threads, size, read_block)?))
}

/// Reads the file at `path` into fresh memory, and returns that memory.
pub fn whole(
    algorithm: Option<Algorithm>,
    threads: usize,
    path: &Path,
) -> io::Result<(Fresh, Option<String>)> {
    let (file, size) = open(path)?;
    let memory = Fresh::new(size)?;
    let tree = Tree::new(size);
    let blocks = size.div_ceil(BLOCK);
    for_each(threads, blocks, |index| {
        // SAFETY: each block belongs to one worker; other reads come after `for_each` has returned.
        let block = unsafe { memory.block(index) };
        file.read_exact_at(block, (index * BLOCK) as u64)?;
        if algorithm == Some(Algorithm::Blake3) {
            tree.hash(index, block);
        }
        Ok(())
    })?;
    let hash = match algorithm {
        None => None,
        Some(Algorithm::Blake3) => Some(tree.finish()),
        Some(Algorithm::Sha256) => {
            // SAFETY: all workers have finished.
            let blocks = (0..blocks).map(|index| unsafe { &*memory.block(index) });
            Some(hex(blocks.fold(Sha256::new(), Sha256::chain_update)))
        }
    };
    Ok((memory, hash))
}

fn open(path: &Path) -> io::Result<(File, usize)> {
    let file = File::open(path)?;
    let size = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
    Ok((file, size))
}

/// Freshly mapped memory, in huge pages if the system has them.
pub struct Fresh {
    start: *mut u8,
    pub len: usize,
}

// SAFETY: the memory has no thread affinity; `block` states the rules of access.
unsafe impl Sync for Fresh {}

impl Fresh {
    fn new(len: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address chosen by the system.
        let start = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                len.max(1),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )
        }?;
        // SAFETY: covers the mapping above; this advice changes no content.
        let _ = unsafe { madvise(start, len.max(1), Advice::LinuxHugepage) };
        Ok(Self { start: start.cast(), len })
    }

    /// # Safety
    /// No other reference to this block exists.
    #[allow(clippy::mut_from_ref)]
    unsafe fn block(&self, index: usize) -> &mut [u8] {
        let offset = index * BLOCK;
        assert!(offset < self.len, "within the memory");
        // SAFETY: in bounds by the assertion, initialised by the system, exclusive by contract.
        unsafe { std::slice::from_raw_parts_mut(self.start.add(offset), BLOCK.min(self.len - offset)) }
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        // SAFETY: unmaps the mapping of `new`, which `self` owns.
        let _ = unsafe { munmap(self.start.cast(), self.len.max(1)) };
    }
}
