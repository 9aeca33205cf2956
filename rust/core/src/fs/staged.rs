//! A file before it is published: without a name, or with a temporary one.

use std::fs::{self, File};
use std::io::ErrorKind;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use super::directories::Directory;
use super::io;
use super::kind::{start_write_out, truncate_in_steps};
use super::temp_name::{TemporaryName, try_lock};
use crate::error::{Context as _, Error, Result};
use crate::runtime::open_files::Permit;

/// Attempts to create and lock a file. Each one fails only if a clean-up runs between the two calls; a file
/// system where all of them fail is broken.
const ATTEMPTS: usize = 100;

/// A file that is being written. If it is dropped before it is published, it leaves nothing behind.
pub(crate) struct StagedFile {
    file: File,
    /// For error messages: the temporary path, or the directory of a file without a name.
    path: PathBuf,
    temporary: Option<TemporaryName>,
    /// The id of the process that removes the temporary name.
    owner: u32,
    /// Whether another process may have opened the file under a name that it has or had.
    shared: bool,
    /// Whether to start the write-out while writing, because an fsync follows.
    early_write_out: bool,
    /// Dropped after the file, so that the permit is released once the file is closed.
    #[allow(dead_code)]
    permit: Option<Permit>,
}

/// The bytes between two write-out requests. They make the final fsync 1.5 times faster.
const WRITE_OUT: u64 = 8 << 20;

impl StagedFile {
    /// Wraps a file without a name, which the kernel frees on close.
    pub(crate) fn unnamed(file: File, directory: &Path) -> Self {
        Self::new(file, directory.to_owned(), None)
    }

    fn new(file: File, path: PathBuf, temporary: Option<TemporaryName>) -> Self {
        Self {
            file,
            path,
            temporary,
            owner: process::id(),
            shared: false,
            early_write_out: false,
            permit: None,
        }
    }

    /// Starts the write-out of dirty pages while the file is written, if `early`.
    pub(crate) fn with_early_write_out(mut self, early: bool) -> Self {
        self.early_write_out = early;
        self
    }

    /// Holds `permit` until the file is closed.
    pub(crate) fn with_permit(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// Creates a file with a temporary name in `directory`, and locks it until it is closed.
    pub(crate) fn named(directory: &Arc<dyn Directory>, mode: u32) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let temporary = TemporaryName::new_in(directory);
            let file = match directory.create_file(&temporary.name, mode) {
                Err(error) if error.io_kind() == Some(ErrorKind::AlreadyExists) => continue,
                result => result?,
            };
            let staged = Self::new(file, temporary.path(), Some(temporary));
            // A clean-up between creation and lock may have removed the name.
            if try_lock(&staged.file) && staged.name_exists()? {
                return Ok(staged);
            }
        }
        Err(ErrorKind::ResourceBusy).context("create a temporary file in", directory.path())
    }

    fn name_exists(&self) -> Result<bool> {
        self.temporary.as_ref().map_or(Ok(false), TemporaryName::exists)
    }

    /// Adds a temporary name in `directory` to `file`, which was opened at `original`.
    pub(crate) fn hard_link_of(file: File, original: &Path, directory: &Arc<dyn Directory>) -> Result<Self> {
        let temporary = TemporaryName::new_in(directory);
        let path = temporary.path();
        // A hard link to a symbolic link would be a symbolic link.
        let original = fs::canonicalize(original).context("open", original)?;
        // Locked before a clean-up can find the name. If another process holds the lock, it protects this name.
        try_lock(&file);
        fs::hard_link(original, &path).context("link", &path)?;
        let staged = Self::new(file, path, Some(temporary));
        if staged.name_leads_here()? {
            return Ok(staged);
        }
        // Another file has replaced the original since it was opened.
        Err(ErrorKind::ResourceBusy).context("link the replaced original to", &staged.path)
    }

    /// Returns whether the temporary name leads to the open file.
    #[cfg(unix)]
    fn name_leads_here(&self) -> Result<bool> {
        use std::os::unix::fs::MetadataExt as _;

        let named = self.path.symlink_metadata().context("stat", &self.path)?;
        let open = self.file.metadata().context("stat", &self.path)?;
        Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
    }

    /// An open file keeps its name here.
    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    fn name_leads_here(&self) -> Result<bool> {
        Ok(true)
    }

    /// Gives an unnamed file a temporary name in `directory`, as a rename needs one.
    #[cfg(target_os = "linux")]
    pub(crate) fn name_temporarily(&mut self, directory: &Arc<dyn Directory>) -> Result<()> {
        if self.temporary.is_none() {
            let temporary = TemporaryName::new_in(directory);
            try_lock(&self.file);
            directory.link(self, &temporary.name)?;
            self.path = temporary.path();
            self.temporary = Some(temporary);
        }
        Ok(())
    }

    /// Every staged file has a temporary name here.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn name_temporarily(&mut self, _directory: &Arc<dyn Directory>) -> Result<()> {
        Ok(())
    }

    /// Writes all parts consecutively from `offset`.
    pub(crate) fn write<'a>(&self, offset: u64, parts: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let end = io::write_all_at(&self.file, &self.path, parts, offset)?;
        // Queued blocks are written together, and may cross more than one boundary.
        let (from, to) = (offset - offset % WRITE_OUT, end - end % WRITE_OUT);
        if self.early_write_out && from < to {
            start_write_out(&self.file, from, to - from);
        }
        Ok(())
    }

    /// Makes the content durable (fsync). After an error the file must not be published: the next fsync
    /// would succeed although the data is lost.
    pub(crate) fn flush(&self) -> Result<()> {
        self.file.sync_all().context("fsync", &self.path)
    }

    /// Reports errors that a file system raises only on close (NFS, FUSE).
    #[cfg(unix)]
    pub(crate) fn check_close(&self) -> Result<()> {
        use std::os::fd::IntoRawFd as _;

        // Every close of a descriptor reports them, so a duplicate is closed and the original stays open.
        let duplicate = self.file.try_clone().context("close", &self.path)?.into_raw_fd();
        // SAFETY: `into_raw_fd` gave up ownership of the descriptor in the line above.
        let closed = unsafe { libc::close(duplicate) };
        if closed == 0 {
            return Ok(());
        }
        match std::io::Error::last_os_error() {
            // The descriptor is closed after EINTR, too.
            error if error.kind() == ErrorKind::Interrupted => Ok(()),
            error => Err(error).context("close", &self.path),
        }
    }

    /// Close raises no such errors here.
    #[cfg(not(unix))]
    pub(crate) fn check_close(&self) -> Result<()> {
        Ok(())
    }

    /// Records whether another process may open the file by its name from now on.
    pub(crate) fn set_shared(&mut self, shared: bool) {
        self.shared = shared;
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn temporary_path(&self) -> Option<&Path> {
        self.temporary.as_ref().map(|_| self.path.as_path())
    }

    /// Returns the arguments of an `*at` call for the temporary name.
    #[cfg(target_os = "linux")]
    pub(crate) fn dirfd_and_path(&self) -> Option<(BorrowedFd<'_>, PathBuf)> {
        self.temporary.as_ref().map(TemporaryName::dirfd_and_path)
    }

    pub(crate) fn forget_temporary_name(&mut self) {
        self.temporary = None;
    }

    pub(crate) fn remove_temporary_name(&mut self) -> Result<()> {
        match self.temporary.as_ref().map_or(Ok(()), TemporaryName::remove) {
            // Removed already: by another process, or by the first of two requests to a server.
            Err(Error::Missing { .. }) => {}
            result => result?,
        }
        self.forget_temporary_name();
        Ok(())
    }

    /// Renames the temporary name to `name` unless that is taken, for file systems without hard links.
    pub(crate) fn rename_if_absent(&mut self, directory: &dyn Directory, name: &str) -> Result<()> {
        #[cfg(target_os = "linux")]
        {
            use rustix::fs::{RenameFlags, renameat_with};
            use rustix::io::Errno;

            let path = directory.path().join(name);
            let (from, temporary) =
                self.dirfd_and_path().ok_or(ErrorKind::NotFound).context("rename", &path)?;
            let (to, final_name) = directory.dirfd_and_path(name);
            match renameat_with(from, temporary, to, final_name, RenameFlags::NOREPLACE) {
                // Unsupported, mostly by file systems that have hard links.
                Err(Errno::INVAL | Errno::NOSYS) => {}
                result => {
                    result.context("rename", &path)?;
                    self.forget_temporary_name();
                    return Ok(());
                }
            }
        }
        // Another writer may publish the name before the rename. If the key contains the hash, the content
        // is the same; otherwise the last writer wins.
        if directory.lstat(name.as_ref()).is_ok() {
            return Err(ErrorKind::AlreadyExists).context("rename", &directory.path().join(name));
        }
        directory.replace(self, name)
    }

    /// Fails if the file size is not the number of bytes counted while writing.
    pub(crate) fn check_size(&self, counted: u64) -> Result<()> {
        let size = self.file.metadata().context("stat", &self.path)?.len();
        if size == counted {
            return Ok(());
        }
        Err(Error::corrupt(&self.path, &counted, &size))
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        // A forked child must not remove the files of its parent.
        if self.owner != process::id() {
            return;
        }
        if let Some(temporary) = &self.temporary {
            let _ = temporary.remove();
        }
        if !self.shared {
            truncate_in_steps(&self.file);
        }
    }
}
