//! Temporary names: how they are made and known, and who holds on to what has one.

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

/// A name that is to be removed.
pub(super) struct Temporary {
    /// Held open: whatever is at its path by now, the name is there.
    directory: Arc<dyn Directory>,
    pub(super) name: String,
}

impl Temporary {
    pub(super) fn new_in(directory: &Arc<dyn Directory>) -> Self {
        Self { directory: Arc::clone(directory), name: temporary_name() }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.path().join(&self.name)
    }

    /// The name as a system call takes it.
    #[cfg(target_os = "linux")]
    pub(super) fn anchored(&self) -> (BorrowedFd<'_>, PathBuf) {
        self.directory.anchored(&self.name)
    }

    pub(super) fn is_there(&self) -> Result<bool> {
        match self.directory.look(self.name.as_ref()) {
            Err(Error::Missing { .. }) => Ok(false),
            result => result.map(|_| true),
        }
    }

    pub(super) fn remove(&self) -> Result<()> {
        self.directory.remove(&self.name)
    }
}

/// False if another process, which must be a sweep, holds the lock.
pub(super) fn try_lock(file: &File) -> bool {
    // Shared with others who give the same file a second name: each must hold it to the end.
    // On a file system without locks no sweep can take the file for abandoned either.
    !matches!(FileExt::try_lock_shared(file), Err(TryLockError::WouldBlock))
}

/// Whether a name is one of ours.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(SUFFIX)
}

/// Whether a name is just as [`temporary_name`] makes them.
pub(crate) fn is_generated(name: &str) -> bool {
    let is_number =
        |part: &str| !part.is_empty() && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let parts = name.strip_suffix(SUFFIX).map(|stem| stem.split('-'));
    parts.is_some_and(|mut parts| parts.clone().count() == 3 && parts.all(is_number))
}

/// The file, locked, if it has no writer: a writer's lock goes with its process, whatever ended that.
pub(crate) fn lock_if_abandoned(file: File) -> Option<File> {
    Some(file).filter(|file| FileExt::try_lock(file).is_ok())
}

/// Unique per process and moment; that it is made exclusively settles the rest.
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
    fn what_is_named_here_is_known_and_nothing_else() {
        assert!(is_generated(&temporary_name()));
        for other in ["mine", "1-2-x", "1-2", "1-2-3-4", "1--3", "", "A-2-3"] {
            assert!(!is_generated(&format!("{other}{SUFFIX}")), "{other}");
        }
        assert!(!is_generated("1-2-3"));
    }
}
