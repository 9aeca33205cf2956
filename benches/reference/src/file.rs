//! Files that get their name when they are whole.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fd::{AsFd, AsRawFd as _};
use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags};

/// A file without a name, with its space reserved.
pub fn unnamed(directory: impl AsFd, reserved: usize) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::openat(directory, ".", flags, Mode::from_raw_mode(0o444))?);
    if reserved > 0 {
        // Where the file system cannot, writing does without.
        let _ = rustix::fs::fallocate(&file, FallocateFlags::KEEP_SIZE, 0, reserved as u64);
    }
    Ok(file)
}

/// Names the file, which must not exist yet.
pub fn link(file: &File, directory: impl AsFd, name: &str) -> io::Result<()> {
    let source = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, source, directory, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Names a file in `directory` after its hash, or `name` where it has none, and tells its path.
pub fn publish(file: &File, directory: &Path, name: Option<&str>) -> io::Result<PathBuf> {
    let name = name.unwrap_or("unhashed");
    link(file, File::open(directory)?, name)?;
    Ok(directory.join(name))
}

pub fn write_block(file: &File, index: usize, block: &[u8]) -> io::Result<()> {
    file.write_all_at(block, (index * crate::content::BLOCK) as u64)
}
