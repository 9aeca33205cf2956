//! A listing of everything below a root, in batches.

use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::key::STAGING;
use super::quarantine::Quarantine;
use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::FileKind;
use crate::runtime::sync::lock;

/// The kind of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// A file of any type whose path may be a key.
    Plain(FileKind),
    /// A quarantined file or directory.
    Quarantined(Quarantine),
    /// A file that cannot be described, or a directory that cannot be listed: errno and message.
    Unreadable(Option<i32>, String),
    /// A path that cannot be a key: not valid Unicode, or too long.
    InvalidKey,
}

/// An entry of a listing.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The path below the root.
    pub key: OsString,
    /// The kind.
    pub kind: EntryKind,
    /// The size in bytes.
    pub size: u64,
    /// The modification time, where the file system keeps one.
    pub modified: Option<SystemTime>,
}

/// A depth-first walk through a store, sorted by name.
///
/// A directory comes before its contents. The walk holds the names of one directory per level, and follows no
/// link.
pub struct Listing {
    store: Arc<Store>,
    /// The components of the path after which the walk starts.
    after: Vec<String>,
    /// The directories from the root to the current one; None before the first batch.
    levels: Mutex<Option<Vec<Level>>>,
}

/// A directory on the current path.
struct Level {
    directory: Box<dyn Directory>,
    prefix: String,
    /// The names to visit, last first.
    names: Vec<OsString>,
    /// The rest of [`Listing::after`] below this directory.
    after: Vec<String>,
}

impl Listing {
    /// Returns a walk from the start, or after a path that need not exist.
    #[must_use]
    pub fn new(store: Arc<Store>, after: Option<&Key>) -> Self {
        let after = after.into_iter().flat_map(|key| key.as_str().split('/')).map(str::to_owned);
        Self { store, after: after.collect(), levels: Mutex::new(None) }
    }

    /// Returns up to `limit` further entries; none at the end.
    ///
    /// Temporary files are omitted. Files created or removed during the walk may be included or not. After
    /// an error the next call resumes at the same entry.
    pub fn next_batch(&self, limit: usize) -> Result<Vec<Entry>> {
        let mut guard = lock(&self.levels);
        if guard.is_none() {
            let root = self.store.open_root()?;
            *guard = Some(vec![Level::open(root, String::new(), self.after.clone())?]);
        }
        let levels = guard.get_or_insert_default();
        let mut batch = Vec::new();
        while batch.len() < limit {
            let Some(level) = levels.last_mut() else { break };
            let Some(name) = level.names.pop() else {
                levels.pop();
                continue;
            };
            match level.visit(&name) {
                Ok((entry, below)) => {
                    batch.extend(entry);
                    levels.extend(below);
                }
                Err(error) => {
                    level.names.push(name);
                    return if batch.is_empty() { Err(error) } else { Ok(batch) };
                }
            }
        }
        Ok(batch)
    }
}

impl Level {
    fn open(directory: Box<dyn Directory>, prefix: String, after: Vec<String>) -> Result<Self> {
        let mut names = directory.names()?;
        if let Some(first) = after.first() {
            names.retain(|name| name.as_os_str() >= OsStr::new(first));
        }
        names.sort_unstable_by(|one, other| other.cmp(one));
        Ok(Self { directory, prefix, names, after })
    }

    /// Returns the entry of a name and, for a directory, the level below. Fails if a resource is exhausted.
    fn visit(&self, name: &OsStr) -> Result<(Option<Entry>, Option<Self>)> {
        let after = self.after_below(name);
        let mut key = OsString::from(&self.prefix);
        key.push(name);
        if key.eq_ignore_ascii_case(STAGING) {
            return Ok((None, None));
        }
        let stat = self.directory.lstat(name);
        let (size, modified) = stat.as_ref().map_or((0, None), |stat| (stat.size, stat.modified));
        let text = name.to_str().filter(|_| key.to_str().is_some_and(|key| Key::of_path(key).is_ok()));
        let found = match (stat, text) {
            (Ok(_), None) => Ok((EntryKind::InvalidKey, None)),
            (Ok(stat), Some(name)) => self.descend(name, stat.kind, after.clone()),
            (Err(error), _) => Err(error),
        };
        let (kind, below) = match found.map_err(Error::or_missing) {
            Ok(found) => found,
            Err(Error::Missing { .. }) => return Ok((None, None)),
            Err(error) if error.is_resource_exhausted() => return Err(error),
            // A listing can resume only after a valid key.
            Err(_) if text.is_none() => (EntryKind::InvalidKey, None),
            Err(error) => (EntryKind::Unreadable(error.errno(), error.to_string()), None),
        };
        let is_new = match (&kind, after) {
            // The earlier walk ended inside this directory, so the rest of it is missing.
            (EntryKind::Unreadable(..), Some(rest)) => !rest.is_empty(),
            (_, after) => after.is_none(),
        };
        Ok((is_new.then_some(Entry { key, kind, size, modified }), below))
    }

    /// Returns the rest of `after` below `name`, or None if `name` is not its first component.
    fn after_below(&self, name: &OsStr) -> Option<Vec<String>> {
        let (first, rest) = self.after.split_first()?;
        (name == OsStr::new(first)).then(|| rest.to_vec())
    }

    /// Returns the kind of an entry with a valid key and, for a directory, the level below.
    fn descend(
        &self,
        name: &str,
        kind: FileKind,
        after: Option<Vec<String>>,
    ) -> Result<(EntryKind, Option<Self>)> {
        if let Some(reason) = Quarantine::of(name) {
            return Ok((EntryKind::Quarantined(reason), None));
        }
        if kind != FileKind::Directory {
            return Ok((EntryKind::Plain(kind), None));
        }
        let (below, prefix) = (self.directory.open_directory(name)?, format!("{}{name}/", self.prefix));
        let level = Self::open(below, prefix, after.unwrap_or_default())?;
        Ok((EntryKind::Plain(kind), Some(level)))
    }
}
