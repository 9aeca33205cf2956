//! Directories by path, with nothing but the standard library: macOS, Windows, and Linux when asked.
//!
//! Without descriptors to resolve beneath, links are looked for before each step; a process that
//! may swap directories for links in that moment already owns the store.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io;
#[cfg(target_os = "linux")]
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};

use super::directories::{Directory, not_a_file};
use super::io::open_at_once;
use super::staged::StagedFile;
use super::stat::Seen;
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

    /// The path of `relative`, no component of which but the last may be other than a directory.
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

    /// What is at a path may be another directory at any time.
    fn identity(&self) -> Option<(u64, u64)> {
        None
    }

    #[cfg(target_os = "linux")]
    fn anchored(&self, name: &str) -> (BorrowedFd<'_>, PathBuf) {
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
        let file = open_at_once(&path).context("open", &path)?;
        let kind = file.metadata().context("stat", &path)?.file_type();
        if kind.is_file() { Ok(file) } else { Err(not_a_file(path, kind)) }
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
            // Either the file system has no hard links, or the rename says the same again.
            Err(_) => staged.rename_where_absent(self, name),
        }
    }

    fn replace(&self, staged: &mut StagedFile, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let temporary = staged.temporary_path().ok_or(io::ErrorKind::NotFound).context("rename", &path)?;
        fs::rename(temporary, &path).context("rename", &path)?;
        staged.forget_temporary_name();
        Ok(())
    }

    fn move_aside(&self, name: &str, to: &str) -> Result<()> {
        // The slash demands a directory: a file that another writer has put there is not moved.
        let path = self.path.join(format!("{name}/"));
        match fs::rename(&path, self.path.join(to)) {
            Err(error) if matches!(error.kind(), io::ErrorKind::NotADirectory | io::ErrorKind::NotFound) => {
                Ok(())
            }
            result => result.context("move aside", &path),
        }
    }

    fn names(&self) -> Result<Vec<OsString>> {
        let entries = fs::read_dir(&self.path).context("list", &self.path)?;
        entries.map(|entry| Ok(entry.context("list", &self.path)?.file_name())).collect()
    }

    fn look(&self, name: &OsStr) -> Result<Seen> {
        let path = self.path.join(name);
        let metadata = path.symlink_metadata().context("stat", &path).map_err(Error::or_missing)?;
        Ok(Seen::of(&metadata))
    }

    fn identity_of(&self, name: &str) -> Result<Option<(u64, u64)>> {
        Ok(self.look(name.as_ref())?.identity)
    }

    fn link_again(&self, name: &str, second: &str) -> Result<()> {
        let second = self.path.join(second);
        fs::hard_link(self.path.join(name), &second).context("link", &second)
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

    /// Windows has no such call; its file systems journal names by themselves.
    #[cfg(not(unix))]
    fn sync(&self) -> Result<()> {
        Ok(())
    }
}
