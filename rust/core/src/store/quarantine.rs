//! Renames a corrupt object out of the way.
//!
//! The quarantine name is in the same directory, recognizable by its suffix, and unique.

use std::path::PathBuf;
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use super::{Key, Store};
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::{FileKind, FileStat};

/// The reason for a quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quarantine {
    /// A directory with the name of an object. It may contain files of the user.
    Displaced,
    /// A file with the name of an object and other content.
    Corrupt,
}

impl Quarantine {
    pub(super) const ALL: [Self; 2] = [Self::Displaced, Self::Corrupt];

    fn mark(self) -> &'static str {
        match self {
            Self::Displaced => ".displaced-",
            Self::Corrupt => ".corrupt-",
        }
    }

    /// Returns a quarantine name for `name`, short enough for every file system.
    pub(crate) fn name(self, name: &str) -> String {
        let start: String = name.chars().take(40).collect();
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_nanos());
        format!("{start}{}{:x}-{now:x}", self.mark(), process::id())
    }

    /// Returns the reason in a quarantine name, or None for any other name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| {
            let numbers = name.rsplit_once(reason.mark()).and_then(|(_, numbers)| numbers.split_once('-'));
            numbers.is_some_and(|(process, time)| is_hex(process) && is_hex(time))
        })
    }
}

fn is_hex(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

impl Store {
    /// Describes the file under `key` without following a link.
    pub(crate) fn lstat(&self, key: &Key) -> Result<FileStat> {
        let parent = self.open_parent(key)?;
        let missing = || Error::Missing { path: self.root().join(key.as_str()) };
        parent.ok_or_else(missing)?.lstat(key.name().as_ref())
    }

    /// Renames the corrupt file that `bad` describes, and returns its new path.
    ///
    /// Returns None if `key` does not lead to that file any more: a writer may have healed the object.
    pub(crate) fn quarantine(&self, key: &Key, bad: &FileStat) -> Result<Option<PathBuf>> {
        let Some(parent) = self.open_parent(key)? else { return Ok(None) };
        let name = key.name();
        let now = match parent.lstat(name.as_ref()) {
            Err(Error::Missing { .. }) => return Ok(None),
            result => result?,
        };
        if !now.is_same(bad) {
            return Ok(None);
        }
        let is_directory = bad.kind == FileKind::Directory;
        let reason = if is_directory { Quarantine::Displaced } else { Quarantine::Corrupt };
        let new_name = reason.name(name);
        match parent.rename(name, &new_name) {
            Err(Error::Missing { .. }) => return Ok(None),
            result => result?,
        }
        // No call renames one specific inode: a writer may have healed the object since `lstat`.
        let healed = !parent.lstat(new_name.as_ref())?.is_same(bad);
        if healed {
            restore_name(&*parent, &new_name, name)?;
        }
        if self.durable() {
            parent.sync()?;
        }
        Ok((!healed).then(|| parent.path().join(new_name)))
    }
}

/// Renames a healed object back, unless another writer has published the same content by now.
fn restore_name(parent: &dyn Directory, new_name: &str, name: &str) -> Result<()> {
    match parent.hard_link(new_name, name) {
        Err(error) if error.io_kind() != Some(std::io::ErrorKind::AlreadyExists) => {
            parent.rename(new_name, name)
        }
        _ => parent.remove(new_name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quarantine_name_contains_its_reason() {
        for reason in Quarantine::ALL {
            for name in ["a", &"f".repeat(64), &"\u{20ac}".repeat(85), "a.corrupt-1-2"] {
                let new_name = reason.name(name);
                assert!(new_name.len() <= 255 && new_name != name);
                assert_eq!(Quarantine::of(&new_name), Some(reason), "{new_name}");
            }
        }
    }

    #[test]
    fn other_names_are_no_quarantine_names() {
        for name in ["a", ".corrupt-", "a.corrupt-1", "a.corrupt-1-", "a.corrupt-x-1", "a.displaced-1-2.txt"]
        {
            assert_eq!(Quarantine::of(name), None, "{name}");
        }
    }
}
