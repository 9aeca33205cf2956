//! What has the name of an object and not its content, moved aside.

use std::path::PathBuf;

use super::aside::Aside;
use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::{FileKind, Seen};

impl Store {
    /// What is under `key`, links not followed.
    pub(crate) fn look(&self, key: &Key) -> Result<Seen> {
        let parent = self.open_parent(key)?;
        let missing = || Error::Missing { path: self.root().join(key.as_str()) };
        parent.ok_or_else(missing)?.look(key.name().as_ref())
    }

    /// Gives `bad`, which was seen under `key`, another name beside it, and tells which. None if it
    /// is not there any more: a writer may have healed it.
    pub(crate) fn quarantine(&self, key: &Key, bad: &Seen) -> Result<Option<PathBuf>> {
        let Some(parent) = self.open_parent(key)? else { return Ok(None) };
        let name = key.name();
        let now = match parent.look(name.as_ref()) {
            Err(Error::Missing { .. }) => return Ok(None),
            result => result?,
        };
        if !now.is_same(bad) {
            return Ok(None);
        }
        let why = if bad.kind == FileKind::Directory { Aside::Displaced } else { Aside::Quarantined };
        let other = why.name(name);
        match parent.rename(name, &other) {
            Err(Error::Missing { .. }) => return Ok(None),
            result => result?,
        }
        // There is no renaming of one certain file: a writer may have put the right one in its
        // place between the look and the rename.
        let healed = !parent.look(other.as_ref())?.is_same(bad);
        if healed {
            put_back(&*parent, &other, name)?;
        }
        if self.durable() {
            parent.sync()?;
        }
        Ok((!healed).then(|| parent.path().join(other)))
    }
}

/// Gives a file its own name again, unless another writer has published the same content meanwhile.
fn put_back(parent: &dyn Directory, other: &str, name: &str) -> Result<()> {
    match parent.link_again(other, name) {
        Err(error) if error.io_kind() != Some(std::io::ErrorKind::AlreadyExists) => {
            parent.rename(other, name)
        }
        _ => parent.remove(other),
    }
}
