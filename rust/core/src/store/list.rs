//! Everything below a root, a batch at a time.

use std::ffi::{OsStr, OsString};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use super::aside::Aside;
use super::key::STAGING;
use super::seen::FileKind;
use super::{Directory, Key, Store};
use crate::error::{Error, Result};
use crate::pool::lock;

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
    /// A walk from the start, or from what comes after a key.
    #[must_use]
    pub fn new(store: Arc<Store>, after: Option<&Key>) -> Self {
        let after = after.into_iter().flat_map(|key| key.as_str().split('/')).map(str::to_owned);
        Self { store, after: after.collect(), levels: Mutex::new(None) }
    }

    /// The next things, `limit` at the most; none when the walk is over. What comes and goes
    /// meanwhile may be among them or not. Temporary files are not.
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
            let (listed, below) = level.visit(&name);
            batch.extend(listed);
            levels.extend(below);
        }
        Ok(batch)
    }
}

fn is_key(path: &str) -> bool {
    Key::parse(path).is_ok()
}

fn closed(error: &Error) -> Kind {
    Kind::Closed(error.errno(), error.to_string())
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

    /// What is under a name, and the directory that is to be walked through next.
    fn visit(&mut self, name: &OsStr) -> (Option<Listed>, Option<Self>) {
        let after = self.after_in(name);
        let mut key = OsString::from(&self.prefix);
        key.push(name);
        if key.eq_ignore_ascii_case(STAGING) {
            return (None, None);
        }
        let seen = match self.directory.look(name).map_err(Error::or_missing) {
            Ok(seen) => seen,
            Err(Error::Missing { .. }) => return (None, None),
            Err(error) => {
                let listed = Listed { key, kind: closed(&error), size: 0, modified: None };
                return (after.is_none().then_some(listed), None);
            }
        };
        let (kind, below) = match name.to_str().filter(|_| key.to_str().is_some_and(is_key)) {
            None => (Kind::Foreign, None),
            Some(text) => match self.kind(text, seen.kind, after.clone().unwrap_or_default()) {
                Some(found) => found,
                None => return (None, None),
            },
        };
        let listed = Listed { key, kind, size: seen.size, modified: seen.modified };
        (after.is_none().then_some(listed), below)
    }

    /// Where to go on in what has this name, if it lies on the way to where an earlier walk was.
    fn after_in(&self, name: &OsStr) -> Option<Vec<String>> {
        let (first, rest) = self.after.split_first()?;
        (name == OsStr::new(first)).then(|| rest.to_vec())
    }

    /// None if it has gone meanwhile.
    fn kind(&self, name: &str, kind: FileKind, after: Vec<String>) -> Option<(Kind, Option<Self>)> {
        if let Some(aside) = Aside::of(name) {
            return Some((Kind::Aside(aside), None));
        }
        if kind != FileKind::Directory {
            return Some((Kind::Plain(kind), None));
        }
        let below = self.directory.open_directory(name);
        match below.and_then(|below| Self::enter(below, format!("{}{name}/", self.prefix), after)) {
            Ok(level) => Some((Kind::Plain(kind), Some(level))),
            Err(error) => match error.or_missing() {
                Error::Missing { .. } => None,
                error => Some((closed(&error), None)),
            },
        }
    }
}
