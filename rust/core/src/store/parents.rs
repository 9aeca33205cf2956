//! The directories between a root and an object: open, create and fsync.

use std::sync::atomic::Ordering;

use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::{Directory, sync_parent};
#[cfg(target_os = "linux")]
use crate::fs::linux::OpenDirectory;
use crate::runtime::sync::lock;

/// The most parent directories remembered as durable.
const REMEMBERED: usize = 4096;

impl Store {
    /// Opens the parent directory of `key`, or returns None if it does not exist.
    pub(crate) fn open_parent(&self, key: &Key) -> Result<Option<Box<dyn Directory>>> {
        let Some(parent) = key.parent() else { return self.open_root().map(Some) };
        #[cfg(target_os = "linux")]
        if !self.portable
            && let Some(found) = OpenDirectory::open_below(&self.root, parent)
        {
            return Ok(Some(Box::new(found)));
        }
        match self.open_root()?.open_directory(parent).map_err(Error::or_missing) {
            Err(Error::Missing { .. }) => Ok(None),
            result => result.map(Some),
        }
    }

    /// Creates the directories on the way to `key`, and opens the last.
    pub(crate) fn make_parent(&self, key: &Key) -> Result<Box<dyn Directory>> {
        let names = key.parent().into_iter().flat_map(|parent| parent.split('/'));
        names.into_iter().try_fold(self.open_root()?, |directory, name| {
            directory.make_directory(name)?;
            directory.open_directory(name)
        })
    }

    /// Makes the directories on the way to `key`, and the root, durable.
    ///
    /// This process or another may have created them, so each path is fsynced once, and again when `created`
    /// says that this process created a part of it.
    pub(crate) fn sync_parents(&self, key: &Key, created: bool) -> Result<()> {
        let parent = key.parent().unwrap_or_default();
        if !created && lock(&self.durable_parents).contains(parent) {
            return Ok(());
        }
        sync_all(&*self.open_root()?, key)?;
        if !self.root_is_durable.load(Ordering::Relaxed) {
            sync_parent(&self.root)?;
            self.root_is_durable.store(true, Ordering::Relaxed);
        }
        let mut durable = lock(&self.durable_parents);
        if durable.len() >= REMEMBERED {
            durable.clear();
        }
        durable.insert(parent.to_owned());
        Ok(())
    }
}

/// Fsyncs every directory from the parent of `key` up to `root`.
fn sync_all(root: &dyn Directory, key: &Key) -> Result<()> {
    let mut next = key.parent();
    while let Some(relative) = next {
        root.open_directory(relative)?.sync()?;
        next = relative.rsplit_once('/').map(|(parent, _)| parent);
    }
    root.sync()
}
