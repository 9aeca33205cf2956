//! Metadata of a file or a name, in the fields that the engine compares.

use std::fs::Metadata;
use std::time::SystemTime;

/// The type of a file.
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

/// The result of `stat`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileStat {
    pub kind: FileKind,
    pub size: u64,
    pub modified: Option<SystemTime>,
    /// None if the file system keeps no creation time.
    pub created: Option<SystemTime>,
    /// The device and inode numbers. None where the platform has none.
    pub identity: Option<(u64, u64)>,
}

impl FileStat {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        let kind = match metadata.file_type() {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_symlink() => FileKind::Link,
            _ => FileKind::Special,
        };
        let (size, modified, created) = (metadata.len(), metadata.modified().ok(), metadata.created().ok());
        Self { kind, size, modified, created, identity: identity(metadata) }
    }

    /// Returns whether both describe the same, unchanged file.
    ///
    /// A new file can reuse the inode number of a removed one; its modification time and size differ.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parts = |stat: &Self| (stat.identity, stat.kind, stat.size, stat.modified);
        parts(self) == parts(other)
    }

    /// Returns whether both describe the same object, even after a dedup hit refreshed its modification time.
    ///
    /// Compares the creation time instead, where the file system keeps one.
    pub(crate) fn is_same_object(&self, other: &Self) -> bool {
        let parts = |stat: &Self| (stat.identity, stat.kind, stat.size, stat.created.or(stat.modified));
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

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::Duration;

    use super::*;

    #[test]
    fn refreshed_object_is_same_and_recreated_object_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("object");
        let stat = || FileStat::of(&fs::symlink_metadata(&path).expect("stat"));
        fs::write(&path, "content").expect("written");
        let before = stat();
        let file = File::open(&path).expect("opened");
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("set");
        assert!(!stat().is_same(&before));
        assert_eq!(stat().is_same_object(&before), before.created.is_some());
        // The first file is still open, so the second gets another inode number.
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "content").expect("written");
        assert!(!stat().is_same_object(&before));
    }
}
