//! Unnamed files that are linked when complete.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, AsRawFd as _};
use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags};

/// Opens an unnamed file and reserves its space.
pub fn unnamed(directory: impl AsFd, reserved: usize) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(directory, ".", flags, Mode::from_raw_mode(0o444))?);
    if reserved > 0 {
        // Best effort: not every file system has fallocate.
        let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, reserved as u64);
    }
    Ok(file)
}

/// Links the file under a new name.
pub fn link(file: &File, directory: impl AsFd, name: &str) -> io::Result<()> {
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, source, directory, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Links a file into `directory` under its hash, and returns the path.
pub fn publish(file: &File, directory: &Path, hash: Option<&str>) -> io::Result<PathBuf> {
    let name = hash.unwrap_or("unhashed");
    link(file, File::open(directory)?, name)?;
    Ok(directory.join(name))
}

pub fn write_block(file: &File, index: usize, block: &[u8]) -> io::Result<()> {
    file.write_all_at(block, (index * crate::content::BLOCK) as u64)
}
