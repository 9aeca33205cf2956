//! What stands under a name, looked at without opening it.

use std::fs::Metadata;
use std::time::SystemTime;

/// What kind of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
    /// A FIFO, a socket or a device.
    Special,
}

/// What the file system says of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub kind: FileKind,
    pub size: u64,
    pub modified: Option<SystemTime>,
    /// Device and number: as long as both are the same, it is the same thing. Not told everywhere.
    pub identity: Option<(u64, u64)>,
}

impl Seen {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_symlink() => FileKind::Link,
            _ => FileKind::Special,
        };
        let (size, modified) = (metadata.len(), metadata.modified().ok());
        Self { kind, size, modified, identity: identity(metadata) }
    }

    /// A file's number may be that of one that was removed just before; its time and size are not.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parts = |seen: &Self| (seen.identity, seen.kind, seen.size, seen.modified);
        parts(self) == parts(other)
    }
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps)] // other systems have none
fn identity(metadata: &Metadata) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt as _;
    Some((metadata.dev(), metadata.ino()))
}

#[cfg(not(unix))]
fn identity(_metadata: &Metadata) -> Option<(u64, u64)> {
    None
}
