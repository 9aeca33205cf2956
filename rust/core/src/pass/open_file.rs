//! Hashes an open file on the calling thread, without other workers.

use std::fs::File;
use std::path::Path;

use crate::digest::{Algorithm, ContentDigest, StreamHash};
use crate::error::Result;
use crate::fs::io;
use crate::memory::slab::{BLOCK, Slab};

/// Hashes an open file on the calling thread.
pub(crate) fn hash_open_file(
    file: &File,
    path: &Path,
    size: u64,
    algorithms: &[Algorithm],
) -> Result<ContentDigest> {
    hash_open_file_with(file, path, size, algorithms, |_| Ok(()))
}

/// Hashes an open file, and calls `before` with the size of each read before it.
pub(crate) fn hash_open_file_with(
    file: &File,
    path: &Path,
    size: u64,
    algorithms: &[Algorithm],
    before: impl Fn(usize) -> Result<()>,
) -> Result<ContentDigest> {
    let mut hash = StreamHash::new(algorithms);
    let mut slab = Slab::with_capacity(usize::try_from(size).unwrap_or(BLOCK).min(BLOCK));
    let mut offset = 0;
    while offset < size {
        slab.clear();
        let len = usize::try_from(size - offset).unwrap_or(usize::MAX).min(BLOCK);
        before(len)?;
        io::read_into_slab(file, path, &mut slab, len, offset)?;
        hash.hashers.iter_mut().for_each(|hasher| hasher.update(&slab));
        offset += len as u64;
    }
    Ok(hash.finish(size, algorithms))
}
