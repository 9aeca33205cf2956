//! Positioned reads and writes that finish what the system starts.

use std::fs::File;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::path::Path;

use crate::error::{Context as _, Error, Result, size_text};
use crate::memory::slab::Slab;

/// Slices in one call, of which Linux takes no more.
const SLICES_MAX: usize = 1024;

/// Opens a file for reading. What was a file a moment ago may be a FIFO by now, whose writer nobody
/// must wait for.
pub(crate) fn open_at_once(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, libc::O_NONBLOCK | libc::O_NOCTTY);
    options.open(path)
}

/// Writes all parts, one after the other from `offset`: a short write goes on where the system
/// stopped. Returns where they end. One call for all of them: with one for each 64 KiB a stream is a
/// fifth slower.
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

/// Fills `buffer` from `offset`, or says how far the file went.
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

/// Appends exactly `len` bytes from `offset` to `slab`, which has the room for them.
pub(crate) fn read_into_slab(
    file: &File,
    path: &Path,
    slab: &mut Slab,
    len: usize,
    offset: u64,
) -> Result<()> {
    // SAFETY: `read_at` reports how many bytes it initialised at the start of the room.
    let filled = unsafe { slab.append_with(len, |room| read_at(file, path, room, offset)) }?;
    require_full(path, offset, filled, len)
}

/// A file that ends early lost its end after its size was looked at.
pub(crate) fn require_full(path: &Path, offset: u64, filled: usize, len: usize) -> Result<()> {
    if filled == len {
        return Ok(());
    }
    let whole = offset + len as u64;
    Err(Error::corrupt(path, &format!("{whole} bytes or more"), &size_text(offset + filled as u64)))
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
