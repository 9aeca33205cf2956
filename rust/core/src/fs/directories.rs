//! What publishing and reading need of a directory, and which implementation gives it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::staged::StagedFile;
use super::stat::Seen;
#[cfg(unix)]
use crate::error::Context as _;
use crate::error::{Error, Result};

/// One directory, opened. Paths below it never follow a symbolic link.
pub(crate) trait Directory: Send + Sync {
    /// Where it was when it was opened, for messages.
    fn path(&self) -> &Path;

    /// Device and number, where one can be sure that it stays the same directory.
    fn identity(&self) -> Option<(u64, u64)>;

    /// What a system call takes for a name right below: a descriptor, and the way from there.
    #[cfg(target_os = "linux")]
    fn anchored(&self, name: &str) -> (BorrowedFd<'_>, PathBuf);

    /// Makes a file right below; "already exists" if something has the name.
    fn create_file(&self, name: &str, mode: u32) -> Result<File>;

    /// Opens a regular file below.
    fn open_file(&self, key: &str) -> Result<File>;

    /// Opens a directory below.
    fn open_directory(&self, relative: &str) -> Result<Box<dyn Directory>>;

    /// Makes a directory right below unless it exists.
    fn make_directory(&self, name: &str) -> Result<()>;

    /// A file that no name leads to and that the system removes when it is closed unpublished.
    /// None where the file system has no such files.
    fn unnamed_file(&self, mode: u32) -> Result<Option<StagedFile>>;

    /// Gives a staged file its name; "already exists" if something has it.
    fn link(&self, staged: &mut StagedFile, name: &str) -> Result<()>;

    /// Gives a staged file, which has a temporary name, its final name, whatever had it before.
    fn replace(&self, staged: &mut StagedFile, name: &str) -> Result<()>;

    /// Gives a directory right below another name, so that its own is free. What is no directory
    /// (any more) stays.
    fn move_aside(&self, name: &str, to: &str) -> Result<()>;

    /// The names in it, in no order.
    fn names(&self) -> Result<Vec<OsString>>;

    /// What is under a name right below, links not followed.
    fn look(&self, name: &OsStr) -> Result<Seen>;

    /// Device and inode number of what is under a name right below, links not followed. None where the
    /// system does not tell.
    fn identity_of(&self, name: &str) -> Result<Option<(u64, u64)>>;

    /// Gives a file right below a second name; "already exists" if something has it.
    fn link_again(&self, name: &str, second: &str) -> Result<()>;

    /// Gives what is right below, whatever it is, another name.
    fn rename(&self, name: &str, to: &str) -> Result<()>;

    /// Removes a file right below.
    fn remove(&self, name: &str) -> Result<()>;

    /// Makes the names in it durable.
    fn sync(&self) -> Result<()>;
}

/// Opens the directory at `path`, following links on the way to it: that way is the user's own.
pub(crate) fn open(path: &Path, portable: bool) -> Result<Box<dyn Directory>> {
    #[cfg(target_os = "linux")]
    if !portable {
        return Ok(Box::new(super::linux::OpenDirectory::open(path)?));
    }
    let _ = portable;
    Ok(Box::new(super::portable::PathDirectory::open(path)?))
}

/// Makes the name of the directory at `path` durable. The directory that it is in is not ours: one that
/// may not be read, or cannot be flushed, is left to whoever has made it.
#[cfg(unix)]
pub(crate) fn sync_parent(path: &Path) -> Result<()> {
    use std::io::ErrorKind;

    let path = path.canonicalize().context("open", path)?;
    let Some(parent) = path.parent() else { return Ok(()) };
    match File::open(parent).and_then(|parent| parent.sync_all()) {
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::PermissionDenied
                    | ErrorKind::InvalidInput
                    | ErrorKind::Unsupported
                    | ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            Ok(())
        }
        result => result.context("fsync", parent),
    }
}

/// Windows has no such call; its file systems journal names by themselves.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn sync_parent(_path: &Path) -> Result<()> {
    Ok(())
}

/// What stands in the place of an object without being one.
pub(crate) fn not_a_file(path: PathBuf, kind: std::fs::FileType) -> Error {
    let actual = match kind {
        _ if kind.is_dir() => "a directory",
        _ if kind.is_symlink() => "a symbolic link",
        _ => "a special file",
    };
    Error::Corrupt { path, expected: "a regular file".into(), actual: actual.into() }
}
