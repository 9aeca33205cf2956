//! Directories on Linux: every call is relative to an open file descriptor, and cannot leave it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{self, AtFlags, Dir, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::directories::{Directory, not_a_file, require_file};
use super::staged::StagedFile;
use super::stat::FileStat;
use crate::error::{Context as _, Error, Result};

const NO_LINKS: ResolveFlags = ResolveFlags::NO_SYMLINKS.union(ResolveFlags::NO_MAGICLINKS);
const BENEATH: ResolveFlags = ResolveFlags::BENEATH.union(NO_LINKS);
/// A base for `*at` calls. `O_PATH` is cheaper to open than a readable directory.
const DIRECTORY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A directory for listing or fsync.
const LISTED: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// A file to read. Non-blocking: the open of a FIFO would wait for its writer.
const OBJECT: OFlags = OFlags::RDONLY
    .union(OFlags::CLOEXEC)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOCTTY);

/// A file that must not exist yet.
const NEW: OFlags =
    OFlags::RDWR.union(OFlags::CREATE).union(OFlags::EXCL).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

pub(crate) struct OpenDirectory {
    descriptor: OwnedFd,
    path: PathBuf,
}

impl OpenDirectory {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let descriptor = fs::open(path, DIRECTORY, Mode::empty()).context("open", path)?;
        Ok(Self { descriptor, path: path.to_owned() })
    }

    fn resolve(&self, relative: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        match fs::openat2(&self.descriptor, relative, flags, Mode::empty(), BENEATH) {
            // Kernels before 5.6, and seccomp filters that deny unknown calls.
            Err(Errno::NOSYS | Errno::PERM) => self.walk(relative, flags),
            result => result,
        }
    }

    /// Opens one component at a time without following a link.
    fn walk(&self, relative: &str, flags: OFlags) -> rustix::io::Result<OwnedFd> {
        let (parent, name) = relative.rsplit_once('/').unwrap_or(("", relative));
        let mut directory = fs::openat(&self.descriptor, ".", DIRECTORY, Mode::empty())?;
        for component in parent.split('/').filter(|component| !component.is_empty()) {
            directory = fs::openat(&directory, component, DIRECTORY | OFlags::NOFOLLOW, Mode::empty())?;
        }
        fs::openat(&directory, name, flags | OFlags::NOFOLLOW, Mode::empty())
    }

    /// Opens `relative` below the root at `path` with one call. Returns None on any failure.
    ///
    /// Fails if a link leads to the root, or if the kernel has no `openat2`.
    pub(crate) fn open_below(path: &Path, relative: &str) -> Option<Self> {
        let path = path.join(relative);
        let descriptor = fs::openat2(fs::CWD, &path, DIRECTORY, Mode::empty(), NO_LINKS).ok()?;
        Some(Self { descriptor, path })
    }
}

/// Opens an object if its path is in the kernel's caches, without waiting for the device.
pub(crate) fn open_cached(root: &Path, key: &str) -> rustix::io::Result<File> {
    let how = NO_LINKS | ResolveFlags::CACHED;
    let opened = match fs::openat2(fs::CWD, root.join(key), OBJECT, Mode::empty(), how) {
        Err(Errno::LOOP) => {
            // Links are allowed in the path of the root, but not below it.
            let root = fs::openat2(fs::CWD, root, DIRECTORY, Mode::empty(), ResolveFlags::CACHED)?;
            fs::openat2(root, key, OBJECT, Mode::empty(), BENEATH | ResolveFlags::CACHED)
        }
        result => result,
    };
    opened.map(File::from)
}

impl Directory for OpenDirectory {
    fn path(&self) -> &Path {
        &self.path
    }

    fn identity(&self) -> Option<(u64, u64)> {
        fs::fstat(&self.descriptor).ok().map(|status| (status.st_dev, status.st_ino))
    }

    fn dirfd_and_path(&self, name: &str) -> (BorrowedFd<'_>, PathBuf) {
        (self.descriptor.as_fd(), PathBuf::from(name))
    }

    fn create_file(&self, name: &str, mode: u32) -> Result<File> {
        let created = fs::openat(&self.descriptor, name, NEW, Mode::from_raw_mode(mode));
        created.map(File::from).context("create", &self.path.join(name))
    }

    fn open_file(&self, key: &str) -> Result<File> {
        let path = self.path.join(key);
        let file = match self.resolve(key, OBJECT) {
            // A symbolic link (ELOOP) or a socket (ENXIO).
            Err(error @ (Errno::LOOP | Errno::NXIO)) => {
                let status = fs::statat(&self.descriptor, key, AtFlags::SYMLINK_NOFOLLOW);
                let regular = status.is_ok_and(|s| fs::FileType::from_raw_mode(s.st_mode).is_file());
                let kind = path.symlink_metadata().context("open", &path)?.file_type();
                return if regular || kind.is_file() {
                    Err(error).context("open", &path)
                } else {
                    Err(not_a_file(path, kind))
                };
            }
            result => File::from(result.context("open", &path)?),
        };
        require_file(file, path)
    }

    fn open_directory(&self, relative: &str) -> Result<Box<dyn Directory>> {
        let path = self.path.join(relative);
        let descriptor = self.resolve(relative, DIRECTORY).context("open", &path)?;
        Ok(Box::new(Self { descriptor, path }))
    }

    fn make_directory(&self, name: &str) -> Result<()> {
        match fs::mkdirat(&self.descriptor, name, Mode::from_raw_mode(0o777)) {
            Err(Errno::EXIST) => Ok(()),
            result => result.context("make directory", &self.path.join(name)),
        }
    }

    fn unnamed_file(&self, mode: u32) -> Result<Option<StagedFile>> {
        if !is_proc_mounted() {
            return Ok(None);
        }
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        match fs::openat(&self.descriptor, ".", flags, Mode::from_raw_mode(mode)) {
            Ok(descriptor) => Ok(Some(StagedFile::unnamed(descriptor.into(), &self.path))),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL | Errno::NOENT) => Ok(None),
            Err(error) => Err(error).context("create a temporary file in", &self.path),
        }
    }

    fn link(&self, staged: &mut StagedFile, name: &str) -> Result<()> {
        let path = self.path.join(name);
        if let Some((directory, temporary)) = staged.dirfd_and_path() {
            let linked = fs::linkat(directory, temporary, &self.descriptor, name, AtFlags::empty());
            return match linked {
                // No hard links on this file system (exFAT, some network file systems).
                Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK) => staged.rename_if_absent(self, name),
                result => {
                    result.context("link", &path)?;
                    staged.remove_temporary_name()
                }
            };
        }
        // AT_EMPTY_PATH on the descriptor needs CAP_DAC_READ_SEARCH on older kernels.
        let source = format!("/proc/self/fd/{}", staged.file().as_raw_fd());
        fs::linkat(fs::CWD, source, &self.descriptor, name, AtFlags::SYMLINK_FOLLOW).context("link", &path)
    }

    fn replace(&self, staged: &mut StagedFile, name: &str) -> Result<()> {
        let path = self.path.join(name);
        let (directory, temporary) =
            staged.dirfd_and_path().ok_or(io::ErrorKind::NotFound).context("rename", &path)?;
        fs::renameat(directory, temporary, &self.descriptor, name).context("rename", &path)?;
        staged.forget_temporary_name();
        Ok(())
    }

    fn rename_directory(&self, name: &str, to: &str) -> Result<()> {
        // The trailing slash requires a directory: a file published by another writer stays.
        match fs::renameat(&self.descriptor, format!("{name}/"), &self.descriptor, to) {
            Err(Errno::NOTDIR | Errno::NOENT) => Ok(()),
            result => result.context("rename", &self.path.join(name)),
        }
    }

    fn names(&self) -> Result<Vec<OsString>> {
        let entries = fs::openat(&self.descriptor, ".", LISTED, Mode::empty()).and_then(Dir::new);
        let names = entries.context("list", &self.path)?.map(|entry| {
            let name = entry.context("list", &self.path)?.file_name().to_bytes().to_vec();
            Ok(OsString::from_vec(name))
        });
        names.filter(|name| !matches!(name, Ok(name) if name == "." || name == "..")).collect()
    }

    fn lstat(&self, name: &OsStr) -> Result<FileStat> {
        let path = self.path.join(name);
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = fs::openat(&self.descriptor, name, flags, Mode::empty()).context("stat", &path);
        let found = found.map_err(Error::or_missing)?;
        Ok(FileStat::of(&File::from(found).metadata().context("stat", &path)?))
    }

    fn identity_of(&self, name: &str) -> Result<Option<(u64, u64)>> {
        let status = fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW);
        let status = status.context("stat", &self.path.join(name)).map_err(Error::or_missing)?;
        Ok(Some((status.st_dev, status.st_ino)))
    }

    fn hard_link(&self, name: &str, new_name: &str) -> Result<()> {
        let directory = &self.descriptor;
        fs::linkat(directory, name, directory, new_name, AtFlags::empty())
            .context("link", &self.path.join(new_name))
    }

    fn rename(&self, name: &str, to: &str) -> Result<()> {
        fs::renameat(&self.descriptor, name, &self.descriptor, to)
            .context("rename", &self.path.join(name))
            .map_err(Error::or_missing)
    }

    fn remove(&self, name: &str) -> Result<()> {
        fs::unlinkat(&self.descriptor, name, AtFlags::empty())
            .context("remove", &self.path.join(name))
            .map_err(Error::or_missing)
    }

    fn sync(&self) -> Result<()> {
        let directory = fs::openat(&self.descriptor, ".", LISTED, Mode::empty());
        directory.and_then(fs::fsync).context("fsync", &self.path)
    }
}

/// Returns whether /proc is mounted: without it an unnamed file cannot get a name later.
fn is_proc_mounted() -> bool {
    // An atomic, not a lock: a child forked while another thread holds a lock would wait for it forever.
    static MOUNTED: AtomicBool = AtomicBool::new(false);
    if !MOUNTED.load(Ordering::Relaxed) {
        MOUNTED.store(Path::new("/proc/self/fd").is_dir(), Ordering::Relaxed);
    }
    MOUNTED.load(Ordering::Relaxed)
}
