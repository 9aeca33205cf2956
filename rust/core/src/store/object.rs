//! Objects in a store: opened, described, removed.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::{Key, Store};
use crate::digest::Expected;
use crate::error::{Context as _, Error, Result, size_text};
use crate::fs::stat::Seen;
use crate::runtime::open_files::Permit;

/// An object, opened: whatever happens to its name, its content is served from here.
#[derive(Clone, Debug)]
pub struct Object {
    pub(crate) file: Arc<File>,
    pub(crate) path: PathBuf,
    /// Only held, by what stays open for long.
    #[allow(dead_code)]
    permit: Option<Arc<Permit>>,
}

/// What the file system says of an object.
#[derive(Clone, Debug)]
pub struct Status {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes.
    pub size: u64,
    /// When it was written, where the file system tells.
    pub modified: Option<SystemTime>,
}

impl Object {
    /// The same, with the right to stay open.
    pub(crate) fn permitted(self, permit: Permit) -> Self {
        Self { permit: Some(Arc::new(permit)), ..self }
    }

    /// Refuses an object of another size than `expected`. Tells what it is else.
    pub(crate) fn check_size(&self, expected: &Expected) -> Result<Seen> {
        let metadata = self.file.metadata().context("stat", &self.path)?;
        let size = metadata.len();
        if size == expected.size {
            return Ok(Seen::of(&metadata));
        }
        Err(Error::corrupt(&self.path, &size_text(expected.size), &size_text(size)))
    }

    /// What the file system says of the file that is open.
    pub(crate) fn seen(&self) -> Result<Seen> {
        Ok(Seen::of(&self.file.metadata().context("stat", &self.path)?))
    }

    /// Where it was when it was opened.
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
        self.learn_file_system(&file);
        Ok(Object { file: Arc::new(file), path, permit: None })
    }

    /// Opens the object under `key` and checks its size.
    pub fn open_expecting(&self, key: &Key, expected: &Expected) -> Result<Object> {
        let object = self.open(key)?;
        object.check_size(expected)?;
        Ok(object)
    }

    /// What the file system says of the object under `key`.
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
        // Only what could have been read may be removed; a directory or link in its place stays.
        parent.open_file(key.name()).map_err(|error| error.missing_at(&path))?;
        parent.remove(key.name())?;
        if self.durable() { parent.sync() } else { Ok(()) }
    }
}
