//! The interface to an open directory.

use std::ffi::{OsStr, OsString};
use std::fs::File;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::staged::StagedFile;
use super::stat::FileStat;
use crate::error::{Context as _, Error, Result};

/// An open directory.
///
/// A `name` is one component. A `key` or `relative` path may have several, and is never resolved through a
/// symbolic link.
pub(crate) trait Directory: Send + Sync {
    /// Returns the path at the time of opening, for error messages.
    fn path(&self) -> &Path;

    /// Returns the device and inode numbers. None if the path may lead to another directory later.
    fn identity(&self) -> Option<(u64, u64)>;

    /// Returns the arguments of an `*at` call for `name`: a file descriptor and a path relative to it.
    #[cfg(target_os = "linux")]
    fn dirfd_and_path(&self, name: &str) -> (BorrowedFd<'_>, PathBuf);

    /// Creates a file. Fails with `AlreadyExists` if the name is taken.
    fn create_file(&self, name: &str, mode: u32) -> Result<File>;

    /// Opens a regular file for reading.
    fn open_file(&self, key: &str) -> Result<File>;

    /// Opens a directory.
    fn open_directory(&self, relative: &str) -> Result<Box<dyn Directory>>;

    /// Creates a directory unless the name is taken.
    fn make_directory(&self, name: &str) -> Result<()>;

    /// Creates a file without a name, which the kernel frees on close. None where unsupported.
    fn unnamed_file(&self, mode: u32) -> Result<Option<StagedFile>>;

    /// Gives a staged file its final name. Fails with `AlreadyExists` if the name is taken.
    fn link(&self, staged: &mut StagedFile, name: &str) -> Result<()>;

    /// Renames a staged file with a temporary name to `name`, and replaces an existing file.
    fn replace(&self, staged: &mut StagedFile, name: &str) -> Result<()>;

    /// Renames a directory. Does nothing if the name is gone or is no directory any more.
    fn rename_directory(&self, name: &str, to: &str) -> Result<()>;

    /// Returns all names in unspecified order.
    fn names(&self) -> Result<Vec<OsString>>;

    /// Describes the file under `name` without following a link.
    fn lstat(&self, name: &OsStr) -> Result<FileStat>;

    /// Returns the device and inode numbers of `name` without following a link. None where the platform
    /// has none.
    fn identity_of(&self, name: &str) -> Result<Option<(u64, u64)>>;

    /// Adds a hard link to a file. Fails with `AlreadyExists` if the new name is taken.
    fn hard_link(&self, name: &str, new_name: &str) -> Result<()>;

    /// Renames a file of any type.
    fn rename(&self, name: &str, to: &str) -> Result<()>;

    /// Removes a file.
    fn remove(&self, name: &str) -> Result<()>;

    /// Makes the entries of this directory durable (fsync).
    fn sync(&self) -> Result<()>;
}

/// Makes the directory entry of `path` durable: fsyncs its parent directory.
///
/// The parent directory belongs to the user. Errors of permission and support are ignored.
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

/// Windows has no such call; its file systems journal directory entries.
#[cfg(not(unix))]
#[allow(clippy::unnecessary_wraps)]
pub(crate) fn sync_parent(_path: &Path) -> Result<()> {
    Ok(())
}

/// Returns `file` if it is a regular file, and [`Error::Corrupt`] otherwise.
pub(super) fn require_file(file: File, path: PathBuf) -> Result<File> {
    let kind = file.metadata().context("stat", &path)?.file_type();
    if kind.is_file() { Ok(file) } else { Err(not_a_file(path, kind)) }
}

/// Returns the error for an object that is not a regular file.
pub(super) fn not_a_file(path: PathBuf, kind: std::fs::FileType) -> Error {
    let actual = match kind {
        _ if kind.is_dir() => "a directory",
        _ if kind.is_symlink() => "a symbolic link",
        _ => "a special file",
    };
    Error::Corrupt { path, expected: "a regular file".into(), actual: actual.into() }
}
