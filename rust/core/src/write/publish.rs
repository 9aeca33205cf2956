//! The moment in which a staged file becomes visible under its final name.

use std::fs::File;
use std::io;

use super::StagedFile;
use crate::digest::{ContentDigest, Expected};
use crate::error::{Context as _, Error, Result};
use crate::read::hash_open_file;
use crate::store::{Directory, Key, Store, open_or_make_parent};

/// What a publication found under the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// Nothing: the object is new.
    Created,
    /// The same content: the staged file is not needed.
    Existed,
    /// Something that is not the content: it was replaced.
    Healed,
}

/// What to do about a name that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Keep what is there if it is the content, replace it otherwise.
    Heal,
    /// Fail with "already exists".
    Refuse,
    /// Replace it in any case.
    Replace,
}

/// A name may vanish between the attempt to take it and the look at who has it; a process that
/// deletes it each time would have to win this many races.
const ATTEMPTS: usize = 100;

/// Publishes `staged`, which holds the `expected` content, under `key`.
///
/// The order is what keeps a crash from showing anything but the whole object: the bytes are
/// written and counted, then (if durable) on the device, then named, then the names are on it.
pub(crate) fn publish(
    store: &Store,
    staged: &mut StagedFile,
    key: &Key,
    expected: &Expected,
    existing: Existing,
) -> Result<Published> {
    staged.check_size(expected.size)?;
    if store.durable() {
        staged.file().sync_all().context("fsync", staged.path())?;
    }
    let (parent, made) = open_or_make_parent(store.open_root()?, key)?;
    for _ in 0..ATTEMPTS {
        match parent.link(staged, key.name()) {
            Ok(()) => return sync(store, &*parent, key, made, Published::Created),
            Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => {
                if let Some(published) = settle(store, staged, &*parent, key, expected, existing, error)? {
                    return sync(store, &*parent, key, made, published);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::ResourceBusy).context("publish", &parent.path().join(key.name()))
}

/// Decides about a name that is taken; None if it is free again.
fn settle(
    store: &Store,
    staged: &mut StagedFile,
    parent: &dyn Directory,
    key: &Key,
    expected: &Expected,
    existing: Existing,
    taken: Error,
) -> Result<Option<Published>> {
    match existing {
        Existing::Refuse => return Err(taken),
        Existing::Replace => {}
        Existing::Heal => match sound(parent, key, expected) {
            Ok(file) => {
                if store.durable() {
                    file.sync_all().context("fsync", &parent.path().join(key.name()))?;
                }
                return Ok(Some(Published::Existed));
            }
            Err(Error::Missing { .. }) => return Ok(None),
            Err(Error::Corrupt { .. }) => {}
            Err(error) => return Err(error),
        },
    }
    store.name_temporarily(staged)?;
    parent.replace(staged, key.name())?;
    Ok(Some(Published::Healed))
}

/// The object in place, opened, if it is what it should be.
fn sound(parent: &dyn Directory, key: &Key, expected: &Expected) -> Result<File> {
    let path = parent.path().join(key.name());
    let file = parent.open_file(key.name()).map_err(Error::or_missing)?;
    let size = file.metadata().context("stat", &path)?.len();
    let mut found = ContentDigest { size, hashes: Vec::new() };
    if size == expected.size && expected.hash.is_some() {
        found = hash_open_file(&file, &path, size, &expected.algorithms())?;
    }
    match expected.difference(&found) {
        None => Ok(file),
        Some((expected, actual)) => Err(Error::Corrupt { path, expected, actual }),
    }
}

fn sync(
    store: &Store,
    parent: &dyn Directory,
    key: &Key,
    made: bool,
    published: Published,
) -> Result<Published> {
    if store.durable() {
        parent.sync()?;
        store.sync_way(key, made)?;
    }
    Ok(published)
}
