//! A root directory of objects, and their keys.
//!
//! A [`Store`] is a root, opened anew for each operation. A [`Key`] is a validated path below it.
//!
//! For one key, `parents` opens, creates and fsyncs the directories on the way, and `object` opens, describes
//! and removes the object. For all keys, `list` walks the tree in batches that can be resumed. `staging_dir`
//! is the directory of temporary names, and `cleanup` removes those whose writer is gone. `quarantine` renames
//! a corrupt object, or a directory that has its name, out of the way.

mod cleanup;
mod key;
mod list;
mod object;
mod parents;
mod quarantine;
mod staging_dir;

use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock};

pub use crate::fs::stat::FileKind;
pub use cleanup::StrayFile;
pub use key::Key;
pub use list::{Entry, EntryKind, Listing};
pub use object::{Object, Status};
pub use quarantine::Quarantine;

use crate::error::{Context as _, Result};
use crate::fs::directories::Directory;
use crate::fs::kind::FileSystem;
#[cfg(target_os = "linux")]
use crate::fs::linux::OpenDirectory;
use crate::fs::portable::PathDirectory;
use crate::fs::staged::StagedFile;

/// The use of the files below a root.
#[derive(Clone, Copy)]
enum Contents {
    /// Content-addressed objects, read-only.
    Objects,
    /// Copies for the user, writable.
    Exports,
}

impl Contents {
    /// Returns the mode of new files before the umask.
    fn mode(self) -> u32 {
        match self {
            Contents::Objects => 0o444,
            Contents::Exports => 0o666,
        }
    }
}

/// A root directory and the settings for writing below it.
///
/// Each operation opens the root anew, because it may have been moved, replaced or mounted.
pub struct Store {
    root: PathBuf,
    durable: bool,
    portable: bool,
    contents: Contents,
    file_system: OnceLock<FileSystem>,
    /// Set once the file system has refused an unnamed file.
    names_needed: AtomicBool,
    cleaned: AtomicBool,
    staging: staging_dir::SharedDirectory,
    /// The parents of objects, as paths below the root, that are durable.
    durable_parents: Mutex<HashSet<String>>,
    root_is_durable: AtomicBool,
}

impl Store {
    /// Returns a store of content-addressed objects.
    ///
    /// With `portable`, no Linux-only system call is used.
    #[must_use]
    pub fn new(root: PathBuf, durable: bool, portable: bool) -> Self {
        Self::with(root, durable, portable, Contents::Objects)
    }

    /// Returns a directory for exports.
    pub(crate) fn for_exports(root: PathBuf, durable: bool, portable: bool) -> Self {
        Self::with(root, durable, portable, Contents::Exports)
    }

    fn with(root: PathBuf, durable: bool, portable: bool, contents: Contents) -> Self {
        Self {
            root,
            durable,
            portable,
            contents,
            file_system: OnceLock::new(),
            names_needed: AtomicBool::new(portable),
            cleaned: AtomicBool::new(false),
            staging: staging_dir::SharedDirectory::default(),
            durable_parents: Mutex::default(),
            root_is_durable: AtomicBool::new(false),
        }
    }

    /// Returns the root as passed to [`Self::new`].
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Returns whether Linux-only system calls are avoided.
    #[must_use]
    pub fn portable(&self) -> bool {
        self.portable
    }

    pub(crate) fn durable(&self) -> bool {
        self.durable
    }

    /// Opens the root. Links in its path are followed: the user chose it.
    pub(crate) fn open_root(&self) -> Result<Box<dyn Directory>> {
        #[cfg(target_os = "linux")]
        if !self.portable {
            return Ok(Box::new(OpenDirectory::open(&self.root)?));
        }
        Ok(Box::new(PathDirectory::open(&self.root)?))
    }

    /// Returns the properties of the file system, or the defaults before the first open file.
    pub(crate) fn file_system(&self) -> FileSystem {
        self.file_system.get().copied().unwrap_or_default()
    }

    /// Reads the properties of the file system from the first open file.
    pub(crate) fn detect_file_system(&self, file: &File) {
        #[cfg(target_os = "linux")]
        if !self.portable {
            self.file_system.get_or_init(|| FileSystem::of(file));
        }
        let _ = file;
    }

    /// Creates a staged file.
    pub(crate) fn stage(&self) -> Result<StagedFile> {
        self.stage_in(None)
    }

    /// Creates a staged file: unnamed, in `directory` or the root, where the file system supports it.
    pub(crate) fn stage_in(&self, directory: Option<&dyn Directory>) -> Result<StagedFile> {
        Ok(self.new_file(directory)?.with_early_write_out(self.durable))
    }

    fn new_file(&self, directory: Option<&dyn Directory>) -> Result<StagedFile> {
        if matches!(self.contents, Contents::Objects) {
            self.clean_once();
        }
        if !self.names_needed.load(Ordering::Relaxed) {
            let mode = self.contents.mode();
            let unnamed = match directory {
                Some(directory) => directory.unnamed_file(mode),
                None => self.open_root()?.unnamed_file(mode),
            };
            if let Some(staged) = unnamed? {
                self.detect_file_system(staged.file());
                return Ok(staged);
            }
            self.names_needed.store(true, Ordering::Relaxed);
        }
        StagedFile::named(&self.staging()?, self.contents.mode())
    }

    /// Wraps the original, which publishing then hard-links.
    pub(crate) fn stage_hardlink(&self, original: &Path, file: &File) -> Result<StagedFile> {
        let file = file.try_clone().context("open", original)?;
        if self.portable || cfg!(not(target_os = "linux")) {
            return StagedFile::hard_link_of(file, original, &self.staging()?);
        }
        Ok(StagedFile::unnamed(file, original))
    }

    /// Gives a staged file a temporary name if it has none.
    pub(crate) fn name_temporarily(&self, staged: &mut StagedFile) -> Result<()> {
        if staged.temporary_path().is_some() {
            return Ok(());
        }
        staged.name_temporarily(&self.staging()?)
    }

    /// Removes the temporary files of crashed writers before the first write.
    fn clean_once(&self) {
        if !self.cleaned.load(Ordering::Relaxed) && !self.cleaned.swap(true, Ordering::Relaxed) {
            let _ = self.clean(true);
        }
    }
}
