//! Directories by path, with the standard library alone: macOS, Windows, and Linux on request.
//!
//! Each component is checked for symbolic links before it is opened. The race between check and open is
//! accepted: a process that can replace a directory with a link already has write access to the store.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::directories::{Directory, not_a_file, require_file};
use super::io::open_nonblocking;
use super::staged::StagedFile;
use super::stat::FileStat;
use crate::error::{Context as _, Error, Result};

pub(crate) struct PathDirectory {
    path: PathBuf,
}

impl PathDirectory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let metadata = fs::metadata(path).context("open", path)?;
        if !metadata.is_dir() {
            return Err(io::ErrorKind::NotADirectory).context("open", path);
        }
        Ok(Self { path: path.to_owned() })
    }

    /// Returns the path of `relative`. Fails if a component other than the last is no directory.
    fn beneath(&self, relative: &str) -> Result<PathBuf> {
        let (parent, name) = relative.rsplit_once('/').unwrap_or(("", relative));
        let mut path = self.path.clone();
        for component in parent.split('/').filter(|component| !component.is_empty()) {
            path.push(component);
            require_directory(&path)?;
        }
        path.push(name);
        Ok(path)
    }
}

fn require_directory(path: &Path) -> Result<()> {
    let metadata = path.symlink_metadata().context("open", path)?;
    if metadata.is_dir() {
        return Ok(());
    }
    Err(io::ErrorKind::NotADirectory).context("open", path)
}

impl Directory for PathDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    /// None: the path may lead to another directory at any time.
    fn identity(&self) -> Option<(u64, u64)> {
        None
    }

    #[cfg(target_os = "linux")]
    fn dirfd_and_path(&self, name: &str) -> (BorrowedFd<'_>, PathBuf) {
        (rustix::fs::CWD, self.path.join(name))
    }

    fn create_file(&self, name: &str, mode: u32) -> Result<File> {
        let path = self.path.join(name);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        let _ = mode;
        options.open(&path).context("create", &path)
    }

    fn open_file(&self, key: &str) -> Result<File> {
        let path = self.beneath(key)?;
        let kind = path.symlink_metadata().context("open", &path)?.file_type();
        if !kind.is_file() {
            return Err(not_a_file(path, kind));
        }
        require_file(open_nonblocking(&path).context("open", &path)?, path)
    }

    fn open_directory(&self, relative: &str) -> Result<Box<dyn Directory>> {
        let path = self.beneath(relative)?;
        require_directory(&path)?;
        Ok(Box::new(Self { path }))
    }

    fn make_directory(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            result => result.context("make directory", &path),
        }
    }

    fn unnamed_file(&self, _mode: u32) -> Result<Option<StagedFile>> {
        Ok(None)
    }

    fn link(&self, staged: &mut StagedFile, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let temporary = staged.temporary_path().ok_or(io::ErrorKind::NotFound).context("link", &path)?;
        match fs::hard_link(temporary, &path) {
            Ok(()) => staged.remove_temporary_name(),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error).context("link", &path),
            // No hard links on this file system; a rename fails again for any other reason.
            Err(_) => staged.rename_if_absent(self, name),
        }
    }

    fn replace(&self, staged: &mut StagedFile, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let temporary = staged.temporary_path().ok_or(io::ErrorKind::NotFound).context("rename", &path)?;
        fs::rename(temporary, &path).context("rename", &path)?;
        staged.forget_temporary_name();
        Ok(())
    }

    fn rename_directory(&self, name: &str, to: &str) -> Result<()> {
        // The trailing slash requires a directory: a file published by another writer stays.
        let path = self.path.join(format!("{name}/"));
        match fs::rename(&path, self.path.join(to)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => {
                Ok(())
            }
            result => result.context("rename", &path),
        }
    }

    fn names(&self) -> Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.path).context("list", &self.path)?;
        entries.map(|entry| Ok(entry.context("list", &self.path)?.file_name())).collect()
    }

    fn lstat(&self, name: &OsStr) -> Result<FileStat> {
        let path = self.path.join(name);
        let metadata = path.symlink_metadata().context("stat", &path).map_err(Error::or_missing)?;
        Ok(FileStat::of(&metadata))
    }

    fn identity_of(&self, name: &str) -> Result<Option<(u64, u64)>> {
        Ok(self.lstat(name.as_ref())?.identity)
    }

    fn hard_link(&self, name: &str, new_name: &str) -> Result<()> {
        let path = self.path.join(new_name);
        fs::hard_link(self.path.join(name), &path).context("link", &path)
    }

    fn rename(&self, name: &str, to: &str) -> Result<()> {
        let path = self.path.join(name);
        fs::rename(&path, self.path.join(to)).context("rename", &path).map_err(Error::or_missing)
    }

    fn remove(&self, name: &str) -> Result<()> {
        let path = self.path.join(name);
        fs::remove_file(&path).context("remove", &path).map_err(Error::or_missing)
    }

    #[cfg(unix)]
    fn sync(&self) -> Result<()> {
        File::open(&self.path).and_then(|directory| directory.sync_all()).context("fsync", &self.path)
    }

    /// Windows has no such call; its file systems journal directory entries.
    #[cfg(not(unix))]
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
