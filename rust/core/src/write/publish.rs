//! The moment in which a staged file becomes visible under its final name.

use std::io;

use super::dedup::check_existing;
use crate::digest::Expected;
use crate::error::{Context as _, Error, Result};
use crate::fs::directories::Directory;
use crate::fs::staged::StagedFile;
use crate::store::{Aside, Key, Store};

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
pub enum Existing {
    /// Keep what is there if it is the content, replace it otherwise: the name says what it must be.
    Heal,
    /// Keep what is there if it is the content, fail with "already exists" otherwise.
    Keep,
    /// Fail with "already exists".
    Refuse,
    /// Replace it in any case.
    Replace,
}

/// A name to be given, and to what.
#[derive(Clone, Debug)]
pub struct Publication {
    /// Where the object will be.
    pub key: Key,
    /// What it is.
    pub expected: Expected,
    /// What to do if the name is taken.
    pub existing: Existing,
}

/// A name may vanish between the attempt to take it and the look at who has it; a process that
/// deletes it each time would have to win this many races.
const ATTEMPTS: usize = 100;

/// Publishes `staged`, which holds the expected content.
///
/// The order is what keeps a crash from showing anything but the whole object: the bytes are
/// written and counted, then (if durable) on the device, then named, then the names are on it.
pub(crate) fn publish(
    store: &Store,
    staged: &mut StagedFile,
    publication: &Publication,
) -> Result<Published> {
    publish_in(store, None, staged, publication)
}

/// As [`publish`], in the directory of the key where that is open already.
pub(crate) fn publish_in(
    store: &Store,
    parent: Option<Box<dyn Directory>>,
    staged: &mut StagedFile,
    publication: &Publication,
) -> Result<Published> {
    let Publication { key, expected, .. } = publication;
    staged.check_size(expected.size)?;
    if store.durable() {
        staged.flush()?;
    } else if !store.file_system().is_local {
        staged.hand_in()?;
    }
    let found = parent.map_or_else(|| store.open_parent(key), |parent| Ok(Some(parent)))?;
    let made = found.is_none();
    let parent = found.map_or_else(|| store.make_parent(key), Ok)?;
    let published = take_name(store, staged, &*parent, publication)?;
    if store.durable() {
        settle_names(store, &*parent, key, made)?;
    }
    Ok(published)
}

/// Links the file under its name, or decides about what has that.
fn take_name(
    store: &Store,
    staged: &mut StagedFile,
    parent: &dyn Directory,
    publication: &Publication,
) -> Result<Published> {
    let name = publication.key.name();
    staged.others_may_have_it(true);
    for _ in 0..ATTEMPTS {
        match parent.link(staged, name) {
            Ok(()) => return Ok(Published::Created),
            Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => {
                if let Some(published) = settle(store, staged, parent, publication, error)? {
                    staged.others_may_have_it(published != Published::Existed);
                    return Ok(published);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::ResourceBusy).context("publish", &parent.path().join(name))
}

/// Makes the name durable, and those of the directories that lead to it. Also of an object that was
/// there already: who wrote it may still wait for that, or not have asked for it.
fn settle_names(store: &Store, parent: &dyn Directory, key: &Key, made: bool) -> Result<()> {
    parent.sync()?;
    store.sync_parents(key, made)
}

/// Decides about a name that is taken; None if it is free again.
fn settle(
    store: &Store,
    staged: &mut StagedFile,
    parent: &dyn Directory,
    publication: &Publication,
    taken: Error,
) -> Result<Option<Published>> {
    let Publication { key, existing, .. } = publication;
    match existing {
        Existing::Refuse => return Err(taken),
        Existing::Replace => {}
        Existing::Heal | Existing::Keep => match check_existing(store, parent, publication, staged) {
            Ok(()) => return Ok(Some(Published::Existed)),
            Err(Error::Missing { .. }) => return Ok(None),
            Err(error) if *existing == Existing::Heal && error.is_damage() => {}
            Err(Error::Corrupt { .. }) => return Err(taken),
            Err(error) => return Err(error),
        },
    }
    store.name_temporarily(staged)?;
    match parent.replace(staged, key.name()) {
        Err(error) if error.io_kind() == Some(io::ErrorKind::IsADirectory) && *existing == Existing::Heal => {
            // Whatever it holds is somebody's, but it cannot keep the name.
            parent.move_aside(key.name(), &Aside::Displaced.name(key.name()))?;
            parent.replace(staged, key.name())?;
        }
        result => result?,
    }
    Ok(Some(Published::Healed))
}
