//! What has the name of an object and not its content, moved aside: its other name is beside it,
//! recognisable, and unique.

use std::path::PathBuf;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::{FileKind, Seen};

/// Why something was moved aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aside {
    /// A directory in the place of an object: it may hold somebody's files.
    Displaced,
    /// What has the name of an object and not its content.
    Quarantined,
}

impl Aside {
    const ALL: [Self; 2] = [Self::Displaced, Self::Quarantined];

    fn mark(self) -> &'static str {
        match self {
            Self::Displaced => ".displaced-",
            Self::Quarantined => ".corrupt-",
        }
    }

    /// The other name of `name`, short enough for every file system.
    pub(crate) fn name(self, name: &str) -> String {
        let start: String = name.chars().take(40).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        format!("{start}{}{:x}-{now:x}", self.mark(), process::id())
    }

    /// Why what has this name was moved aside, if it was.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|aside| {
            let numbers = name.rsplit_once(aside.mark()).and_then(|(_, numbers)| numbers.split_once('-'));
            numbers.is_some_and(|(process, time)| is_hex(process) && is_hex(time))
        })
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_why_it_was_given() {
        for aside in Aside::ALL {
            for name in ["a", &"f".repeat(64), &"\u{20ac}".repeat(85), "a.corrupt-1-2"] {
                let other = aside.name(name);
                assert!(other.len() <= 255 && other != name);
                assert_eq!(Aside::of(&other), Some(aside), "{other}");
            }
        }
    }

    #[test]
    fn no_other_name_tells_one() {
        for name in ["a", ".corrupt-", "a.corrupt-1", "a.corrupt-1-", "a.corrupt-x-1", "a.displaced-1-2.txt"]
        {
            assert_eq!(Aside::of(name), None, "{name}");
        }
    }
}
