//! Temporary names and the locks that mark their files as in use.
//!
//! A writer holds a shared lock on its temporary file. The kernel releases it when the process ends, so a
//! clean-up that gets the exclusive lock may remove the file.

use std::fs::File;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::PathBuf;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use fs4::{FileExt, TryLockError};

use super::directories::Directory;
use crate::error::{Error, Result};

const SUFFIX: &str = ".laboxide-tmp";

/// The temporary name of a staged file.
pub(super) struct TemporaryName {
    /// Held open: the path may lead to another directory by now.
    directory: Arc<dyn Directory>,
    pub(super) name: String,
}

impl TemporaryName {
    pub(super) fn new_in(directory: &Arc<dyn Directory>) -> Self {
        Self { directory: Arc::clone(directory), name: temporary_name() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// Returns the arguments of an `*at` call for this name.
    #[cfg(target_os = "linux")]
    pub(super) fn dirfd_and_path(&self) -> (BorrowedFd<'_>, PathBuf) {
        self.directory.dirfd_and_path(&self.name)
    }

    pub(super) fn exists(&self) -> Result<bool> {
        match self.directory.lstat(self.name.as_ref()) {
            Err(Error::Missing { .. }) => Ok(false),
            result => result.map(|_| true),
        }
    }

    pub(super) fn remove(&self) -> Result<()> {
        self.directory.remove(&self.name)
    }
}

/// Takes a shared lock. Returns false if a clean-up in another process holds the exclusive lock.
pub(super) fn try_lock(file: &File) -> bool {
    // Shared: several writers may add a hard link to the same file, and each needs the lock to the end.
    // On a file system without locks a clean-up cannot lock the file either, and so keeps it.
    !matches!(FileExt::try_lock_shared(file), Err(TryLockError::WouldBlock))
}

/// Returns whether a name has the suffix of temporary files.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

/// Returns whether a name has exactly the format of [`temporary_name`].
pub(crate) fn is_generated(name: &str) -> bool {
    let is_number =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts = name.strip_suffix(SUFFIX).map(|stem| stem.split('-'));
    parts.is_some_and(|mut parts| parts.clone().count() == 3 && parts.all(is_number))
}

/// Locks a file exclusively. Returns None if a writer holds the lock.
///
/// The lock of a writer ends with its process, even when it is killed.
pub(crate) fn lock_if_abandoned(file: File) -> Option<File> {
    Some(file).filter(|file| FileExt::try_lock(file).is_ok())
}

/// Returns a name from the process id, the time and a counter; `O_EXCL` excludes collisions.
fn temporary_name() -> String {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
    format!("{:x}-{now:x}-{count:x}{SUFFIX}", process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_generated_names_are_recognized() {
        assert!(is_generated(&temporary_name()));
        for other in ["mine", "1-2-x", "1-2", "1-2-3-4", "1--3", "", "A-2-3"] {
            assert!(!is_generated(&format!("{other}{SUFFIX}")), "{other}");
        }
        assert!(!is_generated("1-2-3"));
    }
}
