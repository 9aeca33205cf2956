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
    /// Not known to every file system.
    pub created: Option<SystemTime>,
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
        let (size, modified, created) = (metadata.len(), metadata.modified().ok(), metadata.created().ok());
        Self { kind, size, modified, created, identity: identity(metadata) }
    }

    /// A file's number may be that of one that was removed just before; its time and size are not.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let parts = |seen: &Self| (seen.identity, seen.kind, seen.size, seen.modified);
        parts(self) == parts(other)
    }

    /// As [`Self::is_same`], for an object whose modification time a dedup hit may have refreshed: its
    /// time of creation stays, where the file system keeps one.
    pub(crate) fn is_same_object(&self, other: &Self) -> bool {
        let parts = |seen: &Self| (seen.identity, seen.kind, seen.size, seen.created.or(seen.modified));
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
    fn refreshed_object_is_the_same_and_recreated_one_is_not() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("object");
        let seen = || Seen::of(&fs::symlink_metadata(&path).expect("there"));
        fs::write(&path, "content").expect("written");
        let before = seen();
        let file = File::open(&path).expect("there");
        file.set_modified(SystemTime::now() - Duration::from_secs(60)).expect("set");
        assert!(!seen().is_same(&before));
        assert_eq!(seen().is_same_object(&before), before.created.is_some());
        // The first is still open: the second has another number.
        fs::remove_file(&path).expect("removed");
        fs::write(&path, "content").expect("written");
        assert!(!seen().is_same_object(&before));
    }
}
