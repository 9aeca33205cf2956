//! Operations on one object: open, describe, remove.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Key, Store};
use crate::digest::Expected;
use crate::error::{Context as _, Error, Result, size_text};
use crate::fs::stat::FileStat;
use crate::runtime::open_files::Permit;

/// An open object. Its content stays readable after its name is removed or replaced.
#[derive(Clone, Debug)]
pub struct Object {
    pub(crate) file: Arc<File>,
    pub(crate) path: PathBuf,
    /// Held by streams, whose objects stay open for long.
    #[allow(dead_code)]
    permit: Option<Arc<Permit>>,
}

/// The path, size and time of an object.
#[derive(Clone, Debug)]
pub struct Status {
    /// The path of the object.
    pub path: PathBuf,
    /// The size in bytes.
    pub size: u64,
    /// The modification time, where the file system keeps one.
    pub modified: Option<SystemTime>,
}

impl Object {
    /// Holds `permit` until the object is closed.
    pub(crate) fn with_permit(self, permit: Permit) -> Self {
        Self { permit: Some(Arc::new(permit)), ..self }
    }

    /// Fails if the size is not the expected one; returns the metadata otherwise.
    pub(crate) fn check_size(&self, expected: &Expected) -> Result<FileStat> {
        let metadata = self.file.metadata().context("stat", &self.path)?;
        let size = metadata.len();
        if size == expected.size {
            return Ok(FileStat::of(&metadata));
        }
        Err(Error::corrupt(&self.path, &size_text(expected.size), &size_text(size)))
    }

    /// Returns the metadata of the open file.
    pub(crate) fn stat(&self) -> Result<FileStat> {
        Ok(FileStat::of(&self.file.metadata().context("stat", &self.path)?))
    }

    /// Returns the path at which the object was opened.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Store {
    /// Opens the object under `key`.
    pub fn open(&self, key: &Key) -> Result<Object> {
        let root = self.open_root().map_err(Error::or_missing)?;
        let path = self.root().join(key.as_str());
        let file = root.open_file(key.as_str()).map_err(|error| error.missing_at(&path))?;
        self.detect_file_system(&file);
        Ok(Object { file: Arc::new(file), path, permit: None })
    }

    /// Returns the path, size and modification time of the object under `key`.
    pub fn status(&self, key: &Key) -> Result<Status> {
        let Object { file, path, .. } = self.open(key)?;
        let metadata = file.metadata().context("stat", &path)?;
        Ok(Status { path, size: metadata.len(), modified: metadata.modified().ok() })
    }

    /// Removes the object under `key`.
    pub fn remove(&self, key: &Key) -> Result<()> {
        let root = self.open_root().map_err(Error::or_missing)?;
        let path = self.root().join(key.as_str());
        let parent = match key.parent() {
            None => root,
            Some(parent) => root.open_directory(parent).map_err(|error| error.missing_at(&path))?,
        };
        // Only a regular file is removed: a directory or link under this name stays.
        parent.open_file(key.name()).map_err(|error| error.missing_at(&path))?;
        parent.remove(key.name())?;
        if self.durable() { parent.sync() } else { Ok(()) }
    }
}
