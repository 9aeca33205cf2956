//! Reads and writes at offsets. Short transfers and EINTR are retried.

use std::fs::File;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::path::Path;

use crate::error::{Context as _, Error, Result, size_text};
use crate::memory::slab::Slab;

/// The most slices per `pwritev` call (`IOV_MAX` on Linux).
const SLICES_MAX: usize = 1024;

/// Opens a file for reading without blocking, even if a FIFO has replaced it.
pub(crate) fn open_nonblocking(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}

/// Writes all parts consecutively from `offset`, and returns the end offset.
///
/// One call takes all parts: a call per 64 KiB makes a stream a fifth slower.
pub(crate) fn write_all_at<'a>(
    file: &File,
    path: &Path,
    parts: impl Iterator<Item = &'a [u8]>,
    mut offset: u64,
) -> Result<u64> {
    let mut slices: Vec<_> = parts.map(IoSlice::new).collect();
    let mut rest = slices.as_mut_slice();
    IoSlice::advance_slices(&mut rest, 0);
    while !rest.is_empty() {
        let next = &rest[..rest.len().min(SLICES_MAX)];
        match retrying(|| system::write_at(file, next, offset)).context("write", path)? {
            0 => return Err(std::io::ErrorKind::WriteZero).context("write", path),
            written => {
                IoSlice::advance_slices(&mut rest, written);
                offset += written as u64;
            }
        }
    }
    Ok(offset)
}

/// Reads from `offset` until `buffer` is full or the file ends, and returns the number of bytes.
pub(crate) fn read_at(
    file: &File,
    path: &Path,
    buffer: &mut [MaybeUninit<u8>],
    offset: u64,
) -> Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        let rest = &mut buffer[filled..];
        match retrying(|| system::read_at(file, &mut *rest, offset + filled as u64)).context("read", path)? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// Appends exactly `len` bytes from `offset` to `slab`, which must have room for them.
pub(crate) fn read_into_slab(
    file: &File,
    path: &Path,
    slab: &mut Slab,
    len: usize,
    offset: u64,
) -> Result<()> {
    // SAFETY: `read_at` returns how many bytes it initialised at the start of the room.
    let filled = unsafe { slab.append_with(len, |room| read_at(file, path, room, offset)) }?;
    require_full(path, offset, filled, len)
}

/// Fails if a read returned fewer than `len` bytes: the file was truncated after its size was read.
pub(crate) fn require_full(path: &Path, offset: u64, filled: usize, len: usize) -> Result<()> {
    if filled == len {
        return Ok(());
    }
    let whole = offset + len as u64;
    Err(Error::corrupt(path, &format!("at least {whole} bytes"), &size_text(offset + filled as u64)))
}

fn retrying(mut call: impl FnMut() -> std::io::Result<usize>) -> std::io::Result<usize> {
    loop {
        match call() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

#[cfg(unix)]
mod system {
    use super::{File, IoSlice, MaybeUninit};

    #[cfg(target_os = "linux")]
    pub(super) fn write_at(file: &File, parts: &[IoSlice<'_>], offset: u64) -> std::io::Result<usize> {
        Ok(rustix::io::pwritev(file, parts, offset)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn write_at(file: &File, parts: &[IoSlice<'_>], offset: u64) -> std::io::Result<usize> {
        Ok(rustix::io::pwrite(file, &parts[0], offset)?)
    }

    pub(super) fn read_at(
        file: &File,
        buffer: &mut [MaybeUninit<u8>],
        offset: u64,
    ) -> std::io::Result<usize> {
        let (read, _) = rustix::io::pread(file, buffer, offset)?;
        Ok(read.len())
    }
}

#[cfg(windows)]
mod system {
    use super::{File, IoSlice, MaybeUninit};
    use std::os::windows::fs::FileExt as _;

    pub(super) fn write_at(file: &File, parts: &[IoSlice<'_>], offset: u64) -> std::io::Result<usize> {
        file.seek_write(&parts[0], offset)
    }

    pub(super) fn read_at(
        file: &File,
        buffer: &mut [MaybeUninit<u8>],
        offset: u64,
    ) -> std::io::Result<usize> {
        buffer.fill(MaybeUninit::new(0));
        // SAFETY: every byte was initialised by the line above.
        let buffer = unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [u8]) };
        file.seek_read(buffer, offset)
    }
}
