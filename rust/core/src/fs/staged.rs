//! A file on its way to become visible: without a name, or with a temporary one.

use std::fs::{self, File};
use std::io::ErrorKind;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::Arc;

use super::directories::Directory;
use super::io;
use super::kind::{free_in_steps, start_write_out};
use super::temp_name::{Temporary, try_lock};
use crate::error::{Context as _, Error, Result};
use crate::runtime::open_files::Permit;

/// A sweep would have to come between a file and its lock this many times; a file system that answers
/// every attempt in this way is broken.
const ATTEMPTS: usize = 100;

/// A file that is being written. Dropped unpublished, it leaves nothing.
pub(crate) struct StagedFile {
    file: File,
    /// For messages: the temporary name, or the directory of a file without a name.
    path: PathBuf,
    temporary: Option<Temporary>,
    /// The process that has to remove it.
    owner: u32,
    /// Whether somebody may have opened it by a name, be that gone again.
    shared: bool,
    /// Whether it will be flushed, so that the device had better begin before.
    early_write_out: bool,
    /// Only held. Dropped after the file, so that others open theirs when this one is closed.
    #[allow(dead_code)]
    permit: Option<Permit>,
}

/// Bytes after which the device is asked to begin: a flush at the end then takes 1.5 times less.
const WRITE_OUT: u64 = 8 << 20;

impl StagedFile {
    /// A file that the system removes when it is closed.
    pub(crate) fn unnamed(file: File, directory: &Path) -> Self {
        Self::new(file, directory.to_owned(), None)
    }

    fn new(file: File, path: PathBuf, temporary: Option<Temporary>) -> Self {
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

    /// The same; the device begins with what is written before it is flushed.
    pub(crate) fn with_early_write_out(mut self, early: bool) -> Self {
        self.early_write_out = early;
        self
    }

    /// The same, with the right to be open.
    pub(crate) fn permitted(mut self, permit: Permit) -> Self {
        self.permit = Some(permit);
        self
    }

    /// A new file with a temporary name in `directory`, locked for as long as its writer lives.
    pub(crate) fn named(directory: &Arc<dyn Directory>, mode: u32) -> Result<Self> {
        for _ in 0..ATTEMPTS {
            let temporary = Temporary::new_in(directory);
            let file = match directory.create_file(&temporary.name, mode) {
                Err(error) if error.io_kind() == Some(ErrorKind::AlreadyExists) => continue,
                result => result?,
            };
            let staged = Self::new(file, temporary.path(), Some(temporary));
            // A sweep may have come between the creation and the lock; its unlink shows here.
            if try_lock(&staged.file) && staged.has_its_name()? {
                return Ok(staged);
            }
        }
        Err(ErrorKind::ResourceBusy).context("create a temporary file in", directory.path())
    }

    fn has_its_name(&self) -> Result<bool> {
        self.temporary.as_ref().map_or(Ok(false), Temporary::is_there)
    }

    /// The file at `original`, under a temporary name in `directory`.
    pub(crate) fn second_name(file: File, original: &Path, directory: &Arc<dyn Directory>) -> Result<Self> {
        let temporary = Temporary::new_in(directory);
        let path = temporary.path();
        // A link to a symbolic link would be one, too; what is meant is the file.
        let original = fs::canonicalize(original).context("open", original)?;
        // Locked before a sweep can find it. If somebody else has locked their file, so is this.
        try_lock(&file);
        fs::hard_link(original, &path).context("link", &path)?;
        let staged = Self::new(file, path, Some(temporary));
        if staged.is_under_its_name()? {
            return Ok(staged);
        }
        // Somebody has put another file in its place, which is not the one that is open here.
        Err(ErrorKind::ResourceBusy).context("link another file than was opened to", &staged.path)
    }

    #[cfg(unix)]
    fn is_under_its_name(&self) -> Result<bool> {
        use std::os::unix::fs::MetadataExt as _;

        let named = self.path.symlink_metadata().context("stat", &self.path)?;
        let open = self.file.metadata().context("stat", &self.path)?;
        Ok((named.dev(), named.ino()) == (open.dev(), open.ino()))
    }

    /// Here a file that is open keeps its name.
    #[cfg(not(unix))]
    #[allow(clippy::unnecessary_wraps, clippy::unused_self)]
    fn is_under_its_name(&self) -> Result<bool> {
        Ok(true)
    }

    /// Gives an unnamed file a temporary name in `directory`, which a replacement needs.
    #[cfg(target_os = "linux")]
    pub(crate) fn name_temporarily(&mut self, directory: &Arc<dyn Directory>) -> Result<()> {
        if self.temporary.is_none() {
            let temporary = Temporary::new_in(directory);
            try_lock(&self.file);
            directory.link(self, &temporary.name)?;
            self.path = temporary.path();
            self.temporary = Some(temporary);
        }
        Ok(())
    }

    /// Here every staged file has a temporary name.
    #[cfg(not(target_os = "linux"))]
    pub(crate) fn name_temporarily(&mut self, _directory: &Arc<dyn Directory>) -> Result<()> {
        Ok(())
    }

    /// Writes all parts, one after the other from `offset`.
    pub(crate) fn write<'a>(&self, offset: u64, parts: impl Iterator<Item = &'a [u8]>) -> Result<()> {
        let end = io::write_all_at(&self.file, &self.path, parts, offset)?;
        // Blocks that have waited are written together, and may go past the mark.
        let (from, to) = (offset - offset % WRITE_OUT, end - end % WRITE_OUT);
        if self.early_write_out && from < to {
            start_write_out(&self.file, from, to - from);
        }
        Ok(())
    }

    /// Makes the content durable. If that fails, the file is not to be trusted any more: the next
    /// fsync of the same data would succeed, although the data is lost.
    pub(crate) fn flush(&self) -> Result<()> {
        self.file.sync_all().context("fsync", &self.path)
    }

    /// Hands the content in to a file system that may refuse it when a file is closed (NFS, FUSE).
    #[cfg(unix)]
    pub(crate) fn hand_in(&self) -> Result<()> {
        use std::os::fd::IntoRawFd as _;

        // Each close of a descriptor asks, so a second one is closed, and this one stays.
        let second = self.file.try_clone().context("close", &self.path)?.into_raw_fd();
        // SAFETY: the descriptor was given up by its owner in the line before.
        let closed = unsafe { libc::close(second) };
        if closed == 0 {
            return Ok(());
        }
        match std::io::Error::last_os_error() {
            // It is closed then, too.
            error if error.kind() == ErrorKind::Interrupted => Ok(()),
            error => Err(error).context("close", &self.path),
        }
    }

    /// Elsewhere a write that was accepted is not refused later.
    #[cfg(not(unix))]
    pub(crate) fn hand_in(&self) -> Result<()> {
        Ok(())
    }

    /// Says whether it is given a name now, under which others can open it.
    pub(crate) fn others_may_have_it(&mut self, may: bool) {
        self.shared = may;
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

    /// Its temporary name as a system call takes it.
    #[cfg(target_os = "linux")]
    pub(crate) fn anchored(&self) -> Option<(BorrowedFd<'_>, PathBuf)> {
        self.temporary.as_ref().map(Temporary::anchored)
    }

    pub(crate) fn forget_temporary_name(&mut self) {
        self.temporary = None;
    }

    pub(crate) fn remove_temporary_name(&mut self) -> Result<()> {
        match self.temporary.as_ref().map_or(Ok(()), Temporary::remove) {
            // Somebody else did, or a server that was asked twice.
            Err(Error::Missing { .. }) => {}
            result => result?,
        }
        self.forget_temporary_name();
        Ok(())
    }

    /// Refuses a file whose size is not the number of bytes that were counted.
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
        // A forked child holds a copy of its parent's files, but not the right to remove them.
        if self.owner != process::id() {
            return;
        }
        if let Some(temporary) = &self.temporary {
            let _ = temporary.remove();
        }
        if !self.shared {
            free_in_steps(&self.file);
        }
    }
}
