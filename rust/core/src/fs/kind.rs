//! What a file system is good at, told by its type.

use std::fs::File;

/// The abilities that change how an object is written or read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct FileSystem {
    /// Reserving space ahead of a stream pays: on ext4 7.1 against 4.6 GB/s. XFS does it by itself,
    /// btrfs and tmpfs lose by it.
    pub preallocates: bool,
    /// Local: it says "not in memory" instead of waiting for the device when it is asked to, and refuses
    /// what it cannot keep when that is written, not when the file is closed.
    pub is_local: bool,
}

impl FileSystem {
    #[cfg(target_os = "linux")]
    pub(crate) fn of(file: impl rustix::fd::AsFd) -> Self {
        const EXT4: i64 = 0xEF53;
        const XFS: i64 = 0x5846_5342;
        const BTRFS: i64 = 0x9123_683E;
        const TMPFS: i64 = 0x0102_1994;

        let kind = rustix::fs::fstatfs(file).map_or(0, |stat| stat.f_type);
        Self { preallocates: kind == EXT4, is_local: matches!(kind, EXT4 | XFS | BTRFS | TMPFS) }
    }
}

/// Reserves `len` bytes at `offset` beyond the end of the file without making it longer.
#[cfg(target_os = "linux")]
pub(crate) fn reserve(file: &File, offset: u64, len: u64) -> bool {
    use rustix::fs::{FallocateFlags, fallocate};
    fallocate(file, FallocateFlags::KEEP_SIZE, offset, len).is_ok()
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reserve(_file: &File, _offset: u64, _len: u64) -> bool {
    false
}

/// Asks the device to begin with what was written there. What it does not begin with now, a flush
/// will; so nothing that goes wrong here is lost.
#[cfg(target_os = "linux")]
pub(crate) fn start_write_out(file: &File, offset: u64, len: u64) {
    use std::os::fd::AsRawFd as _;

    let (Ok(offset), Ok(len)) = (offset.try_into(), len.try_into()) else { return };
    // SAFETY: the descriptor is open for as long as `file` is borrowed, and no memory is handed over.
    unsafe { libc::sync_file_range(file.as_raw_fd(), offset, len, libc::SYNC_FILE_RANGE_WRITE) };
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn start_write_out(_file: &File, _offset: u64, _len: u64) {}

/// Freed at once: the kernel, if it is built not to be interrupted, keeps the core for 0.4 ms for it.
#[cfg(unix)]
const STEP: u64 = 4 << 20;

/// Cuts a file that ends with its last descriptor, as it has no name, down to nothing. The close of one of
/// 64 MiB takes 4.5 ms in one piece, for which an event loop may have to wait, whichever thread it is.
#[cfg(unix)]
pub(crate) fn free_in_steps(file: &File) {
    use std::os::unix::fs::MetadataExt as _;

    let Some(metadata) = file.metadata().ok().filter(|metadata| metadata.nlink() == 0) else { return };
    let steps = (1..metadata.len().div_ceil(STEP)).rev();
    // One that cannot be cut, because it is open for reading alone, is the original of a hard link.
    let _ = steps.map(|step| file.set_len(step * STEP)).find(Result::is_err);
}

#[cfg(not(unix))]
pub(crate) fn free_in_steps(_file: &File) {}

/// Asks the system to read the file anew, from the device. What is to be written still is kept.
#[cfg(target_os = "linux")]
pub(crate) fn forget_cached(file: &File) {
    // What stays is read as it is known; there is no telling.
    let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn forget_cached(_file: &File) {}

/// Lets `to` share the blocks of `from` (XFS, btrfs), which takes microseconds at any size.
#[cfg(target_os = "linux")]
pub(crate) fn reflink(from: &File, to: &File) -> std::io::Result<()> {
    Ok(rustix::fs::ioctl_ficlone(to, from)?)
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn reflink(_from: &File, _to: &File) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}
