//! Reading a small object at once, on the caller's thread, if that cannot wait for the device.

use std::fs::File;
use std::mem::MaybeUninit;

use crate::digest::Expected;
use crate::store::{Key, Store};

/// Above this size hashing takes longer than handing the read to a worker.
const SIZE_MAX: u64 = 64 << 10;

/// A small object, opened from the kernel's caches.
pub struct Cached {
    file: File,
    expected: Expected,
}

/// Opens the object if its path is in the kernel's caches and it is the small regular file that is
/// expected. None says nothing about it: the ordinary
/// way finds out.
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
    /// Fills `memory`, which is of the object's size; false if not all of it is cached, or not what
    /// is expected.
    pub fn read(&self, memory: &mut [MaybeUninit<u8>]) -> bool {
        read_nowait(&self.file, memory).is_some_and(|data| self.expected.matches(data))
    }
}

fn read_nowait<'a>(file: &File, memory: &'a mut [MaybeUninit<u8>]) -> Option<&'a [u8]> {
    use rustix::io::{IoSliceMut, ReadWriteFlags, preadv2};

    // The vectored call of rustix takes initialised memory only; at this size that is not felt.
    memory.fill(MaybeUninit::new(0));
    // SAFETY: every byte was initialised by the line above.
    let data = unsafe { &mut *(std::ptr::from_mut(memory) as *mut [u8]) };
    let read = preadv2(file, &mut [IoSliceMut::new(data)], 0, ReadWriteFlags::NOWAIT).ok()?;
    (read == data.len()).then_some(&*data)
}
