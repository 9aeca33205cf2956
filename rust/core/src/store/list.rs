//! Everything below a root, a batch at a time.

use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::key::STAGING;
use super::quarantine::Aside;
use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::FileKind;
use crate::runtime::sync::lock;

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Something of a kind, with a name that may be a key.
    Plain(FileKind),
    /// Something that was moved aside.
    Aside(Aside),
    /// Something that cannot be looked at, or a directory that cannot be listed: the system's number
    /// of the error, and what it says. What is in it was not found.
    Closed(Option<i32>, String),
    /// Something of which the path is no key: it is not valid Unicode, or too long.
    Foreign,
}

/// One thing found.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its path below the root.
    pub key: OsString,
    /// What it is.
    pub kind: Kind,
    /// Bytes.
    pub size: u64,
    /// When it was last changed, where the file system tells.
    pub modified: Option<SystemTime>,
}

/// A walk through a store in the order of names, those of a directory before what is beside it. It
/// holds the names of one directory per level, and follows no link.
pub struct Listing {
    store: Arc<Store>,
    /// Where to go on, as components.
    after: Vec<String>,
    /// The directories on the way to where it is; None before the walk began.
    levels: Mutex<Option<Vec<Level>>>,
}

/// A directory that is being walked through.
struct Level {
    directory: Box<dyn Directory>,
    prefix: String,
    /// Those that are still to be visited, last first.
    names: Vec<OsString>,
    /// Where to go on in it, from the components of what came last in an earlier walk.
    after: Vec<String>,
}

impl Listing {
    /// A walk from the start, or from what comes after something that need not be an object.
    #[must_use]
    pub fn new(store: Arc<Store>, after: Option<&Key>) -> Self {
        let after = after.into_iter().flat_map(|key| key.as_str().split('/')).map(str::to_owned);
        Self { store, after: after.collect(), levels: Mutex::new(None) }
    }

    /// The next things, `limit` at the most; none when the walk is over. What comes and goes
    /// meanwhile may be among them or not. Temporary files are not. After an error it goes on where
    /// it was.
    pub fn next_batch(&self, limit: usize) -> Result<Vec<Listed>> {
        let mut guard = lock(&self.levels);
        if guard.is_none() {
            let root = self.store.open_root()?;
            *guard = Some(vec![Level::enter(root, String::new(), self.after.clone())?]);
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
                Ok((listed, below)) => {
                    batch.extend(listed);
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

/// Whether a path may be a key, or that of something that was moved aside from one.
fn is_known(path: &str) -> bool {
    Key::of_path(path).is_ok()
}

impl Level {
    fn enter(directory: Box<dyn Directory>, prefix: String, after: Vec<String>) -> Result<Self> {
        let mut names = directory.names()?;
        if let Some(first) = after.first() {
            names.retain(|name| name.as_os_str() >= OsStr::new(first));
        }
        names.sort_unstable_by(|one, other| other.cmp(one));
        Ok(Self { directory, prefix, names, after })
    }

    /// What is under a name, and the directory that is to be walked through next. Fails if there is too
    /// little of something to look.
    fn visit(&self, name: &OsStr) -> Result<(Option<Listed>, Option<Self>)> {
        let after = self.after_in(name);
        let mut key = OsString::from(&self.prefix);
        key.push(name);
        if key.eq_ignore_ascii_case(STAGING) {
            return Ok((None, None));
        }
        let seen = self.directory.look(name);
        let (size, modified) = seen.as_ref().map_or((0, None), |seen| (seen.size, seen.modified));
        let text = name.to_str().filter(|_| key.to_str().is_some_and(is_known));
        let found = match (seen, text) {
            (Ok(_), None) => Ok((Kind::Foreign, None)),
            (Ok(seen), Some(name)) => self.enter_at(name, seen.kind, after.clone()),
            (Err(error), _) => Err(error),
        };
        let (kind, below) = match found.map_err(Error::or_missing) {
            Ok(found) => found,
            Err(Error::Missing { .. }) => return Ok((None, None)),
            Err(error) if error.is_resource_exhausted() => return Err(error),
            // Without a key nobody could go on after it.
            Err(_) if text.is_none() => (Kind::Foreign, None),
            Err(error) => (Kind::Closed(error.errno(), error.to_string()), None),
        };
        let is_new = match (&kind, after) {
            // What came last was in it, and what follows there is not found.
            (Kind::Closed(..), Some(rest)) => !rest.is_empty(),
            (_, after) => after.is_none(),
        };
        Ok((is_new.then_some(Listed { key, kind, size, modified }), below))
    }

    /// Where to go on in what has this name, if it lies on the way to where an earlier walk was.
    fn after_in(&self, name: &OsStr) -> Option<Vec<String>> {
        let (first, rest) = self.after.split_first()?;
        (name == OsStr::new(first)).then(|| rest.to_vec())
    }

    /// What has a name that may be in a key and, if it is a directory, the walk through it.
    fn enter_at(
        &self,
        name: &str,
        kind: FileKind,
        after: Option<Vec<String>>,
    ) -> Result<(Kind, Option<Self>)> {
        if let Some(aside) = Aside::of(name) {
            return Ok((Kind::Aside(aside), None));
        }
        if kind != FileKind::Directory {
            return Ok((Kind::Plain(kind), None));
        }
        let (below, prefix) = (self.directory.open_directory(name)?, format!("{}{name}/", self.prefix));
        let level = Self::enter(below, prefix, after.unwrap_or_default())?;
        Ok((Kind::Plain(kind), Some(level)))
    }
}
