//! Reading a small object from the page cache, on the caller's thread.

use std::fs::File;
use std::mem::MaybeUninit;

use crate::digest::Expected;
use crate::store::{Key, Store};

/// The size above which hashing takes longer than queueing the read for a worker.
const SIZE_MAX: u64 = 64 << 10;

/// A small object, opened without waiting for the device.
pub struct Cached {
    file: File,
    expected: Expected,
}

/// Opens the object if its path is cached and it is a small regular file of the expected size.
///
/// None means that the caller has to take the regular path, which may find the object nevertheless.
#[must_use]
pub fn open_cached(store: &Store, key: &Key, expected: Expected) -> Option<Cached> {
    if expected.size > SIZE_MAX || !store.file_system().is_local {
        return None;
    }
    let file = crate::fs::linux::open_cached(store.root(), key.as_str()).ok()?;
    let status = rustix::fs::fstat(&file).ok()?;
    let is_file = rustix::fs::FileType::from_raw_mode(status.st_mode).is_file();
    let is_expected = is_file && u64::try_from(status.st_size) == Ok(expected.size);
    is_expected.then_some(Cached { file, expected })
}

impl Cached {
    /// Fills `memory`, of the object's size, from the page cache.
    ///
    /// Returns false if a part is not cached or the content does not match.
    pub fn read(&self, memory: &mut [MaybeUninit<u8>]) -> bool {
        read_nowait(&self.file, memory).is_some_and(|data| self.expected.matches(data))
    }
}

fn read_nowait<'a>(file: &File, memory: &'a mut [MaybeUninit<u8>]) -> Option<&'a [u8]> {
    use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};

    // The vectored call of rustix accepts only initialised memory. At this size the cost is negligible.
    memory.fill(MaybeUninit::new(0));
    // SAFETY: the line above initialised every byte.
    let data = unsafe { &mut *(std::ptr::from_mut(memory) as *mut [u8]) };
    let read = preadv2(file, &mut [IoSliceMut::new(data)], 0, ReadWriteFlags::NOWAIT).ok()?;
    (read == data.len()).then_some(&*data)
}
