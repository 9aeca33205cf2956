//! A root directory of objects, and their keys.
//!
//! A [`Store`] opens its root anew for each operation. A [`Key`] is a checked path below it: `parents` opens and
//! makes the directories on that path, `object` opens, describes and removes the object, and `list` walks
//! through all of them. `staging_dir` has the temporary names, `cleanup` removes those without a writer, and
//! `quarantine` renames a corrupt object out of the way.

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
pub use list::{Kind, Listed, Listing};
pub use object::{Object, Status};
pub use quarantine::Aside;

use crate::error::{Context as _, Result};
use crate::fs::directories::{self, Directory};
use crate::fs::kind::FileSystem;
use crate::fs::staged::StagedFile;

/// What the files below a root are.
#[derive(Clone, Copy)]
enum Contents {
    /// Content-addressed, not to be changed by anyone: read-only.
    Objects,
    /// Copies for the user.
    Exports,
}

impl Contents {
    /// Of new files, before the umask.
    fn mode(self) -> u32 {
        match self {
            Contents::Objects => 0o444,
            Contents::Exports => 0o666,
        }
    }
}

/// A root directory and how objects are written below it.
///
/// The root is opened anew for each operation: it may be moved, replaced or mounted meanwhile.
pub struct Store {
    root: PathBuf,
    durable: bool,
    portable: bool,
    contents: Contents,
    file_system: OnceLock<FileSystem>,
    /// Set when the file system turns out to have no unnamed files.
    names_needed: AtomicBool,
    cleaned: AtomicBool,
    staging: staging_dir::SharedDirectory,
    durable_ways: Mutex<HashSet<String>>,
    root_is_durable: AtomicBool,
}

impl Store {
    /// A store of content-addressed objects.
    ///
    /// `portable` forbids everything that only Linux has.
    #[must_use]
    pub fn new(root: PathBuf, durable: bool, portable: bool) -> Self {
        Self::with(root, durable, portable, Contents::Objects)
    }

    /// A directory into which objects are exported.
    pub(crate) fn of_exports(root: PathBuf, durable: bool, portable: bool) -> Self {
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
            durable_ways: Mutex::default(),
            root_is_durable: AtomicBool::new(false),
        }
    }

    /// The root as it was given.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether this store keeps to what every platform has.
    #[must_use]
    pub fn portable(&self) -> bool {
        self.portable
    }

    pub(crate) fn durable(&self) -> bool {
        self.durable
    }

    pub(crate) fn open_root(&self) -> Result<Box<dyn Directory>> {
        directories::open(&self.root, self.portable)
    }

    /// What the file system can do, once a staged file has shown which it is.
    pub(crate) fn file_system(&self) -> FileSystem {
        self.file_system.get().copied().unwrap_or_default()
    }

    pub(crate) fn learn_file_system(&self, file: &File) {
        #[cfg(target_os = "linux")]
        if !self.portable {
            self.file_system.get_or_init(|| FileSystem::of(file));
        }
        let _ = file;
    }

    /// A new file that nobody sees.
    pub(crate) fn stage(&self) -> Result<StagedFile> {
        self.stage_in(None)
    }

    /// A new file that nobody sees, in `directory` or in the root.
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
                self.learn_file_system(staged.file());
                return Ok(staged);
            }
            self.names_needed.store(true, Ordering::Relaxed);
        }
        StagedFile::named(&self.staging()?, self.contents.mode())
    }

    /// The original itself, to be published under a second name.
    pub(crate) fn stage_hardlink(&self, original: &Path, file: &File) -> Result<StagedFile> {
        let file = file.try_clone().context("open", original)?;
        if self.portable || cfg!(not(target_os = "linux")) {
            return StagedFile::second_name(file, original, &self.staging()?);
        }
        Ok(StagedFile::unnamed(file, original))
    }

    pub(crate) fn name_temporarily(&self, staged: &mut StagedFile) -> Result<()> {
        if staged.temporary_path().is_some() {
            return Ok(());
        }
        staged.name_temporarily(&self.staging()?)
    }

    /// Files that crashed writers left are removed when the store is first written to.
    fn clean_once(&self) {
        if !self.cleaned.load(Ordering::Relaxed) && !self.cleaned.swap(true, Ordering::Relaxed) {
            let _ = self.clean(true);
        }
    }
}
