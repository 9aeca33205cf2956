//! The directories between a root and an object: opened, made, and made durable.

use std::sync::atomic::Ordering;

use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::{Directory, sync_parent};
#[cfg(target_os = "linux")]
use crate::fs::linux::OpenDirectory;
use crate::runtime::sync::lock;

/// How many shard directories are remembered as durable.
const REMEMBERED: usize = 4096;

impl Store {
    /// The directory that holds `key`, or None if it is still to be made.
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

    /// Makes the directories that lead to `key`, and opens the last.
    pub(crate) fn make_parent(&self, key: &Key) -> Result<Box<dyn Directory>> {
        let names = key.parent().into_iter().flat_map(|parent| parent.split('/'));
        names.into_iter().try_fold(self.open_root()?, |directory, name| {
            directory.make_directory(name)?;
            directory.open_directory(name)
        })
    }

    /// Directories on the way to an object may be new, made by this process or another: each way is
    /// made durable once, and again after this process had to make a part of it. So may the root be.
    pub(crate) fn sync_parents(&self, key: &Key, made: bool) -> Result<()> {
        let way = key.parent().unwrap_or_default();
        if !made && lock(&self.durable_ways).contains(way) {
            return Ok(());
        }
        sync_all(&*self.open_root()?, key)?;
        if !self.root_is_durable.load(Ordering::Relaxed) {
            sync_parent(&self.root)?;
            self.root_is_durable.store(true, Ordering::Relaxed);
        }
        let mut ways = lock(&self.durable_ways);
        if ways.len() >= REMEMBERED {
            ways.clear();
        }
        ways.insert(way.to_owned());
        Ok(())
    }
}

/// Makes durable every name on the way from `root` to the directory that holds `key`, last first.
fn sync_all(root: &dyn Directory, key: &Key) -> Result<()> {
    let mut way = key.parent();
    while let Some(relative) = way {
        root.open_directory(relative)?.sync()?;
        way = relative.rsplit_once('/').map(|(parent, _)| parent);
    }
    root.sync()
}
