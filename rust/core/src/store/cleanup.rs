//! Removal of temporary files whose writer is gone.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::time::SystemTime;

use super::Store;
use super::key::STAGING;
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::FileKind;
use crate::fs::temp_name::{is_generated, is_temporary, lock_if_abandoned};

/// A file in the staging directory that no writer uses.
#[derive(Clone, Debug)]
pub struct StrayFile {
    /// The name in the staging directory.
    pub name: OsString,
    /// Whether it is the abandoned temporary file of a writer, not an unknown file.
    pub temporary: bool,
    /// The size in bytes.
    pub size: u64,
    /// The modification time, where the file system keeps one.
    pub modified: Option<SystemTime>,
    /// Whether it was removed.
    pub removed: bool,
}

impl Store {
    /// Lists the stray files of the staging directory and, with `delete`, removes abandoned ones.
    ///
    /// All temporary files are in one directory, so the objects are never listed.
    pub fn clean(&self, delete: bool) -> Result<Vec<StrayFile>> {
        let staging = match self.open_root()?.open_directory(STAGING) {
            Err(error) if error.io_kind() == Some(ErrorKind::NotFound) => return Ok(Vec::new()),
            result => result?,
        };
        let mut names = staging.names()?;
        names.sort_unstable();
        let (mut stray_files, mut failed) = (Vec::new(), None);
        for name in names {
            match stray_file(&*staging, name, delete) {
                Ok(found) => stray_files.extend(found),
                // The other files are processed first.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(stray_files), Err)
    }
}

/// Removes the temporary files of killed exports from a directory of the user.
///
/// Only names in exactly the generated format are removed. Errors are ignored.
pub(super) fn clean_exports(directory: &dyn Directory) {
    for name in directory.names().unwrap_or_default() {
        if let Some(name) = name.to_str().filter(|name| is_generated(name)) {
            let _ = remove_if_abandoned(directory, name, true);
        }
    }
}

/// Describes and removes one file. Returns None if it is gone or has a writer.
fn stray_file(staging: &dyn Directory, name: OsString, delete: bool) -> Result<Option<StrayFile>> {
    let stat = match staging.lstat(&name) {
        Err(Error::Missing { .. }) => return Ok(None),
        result => result?,
    };
    let ours = name.to_str().filter(|name| stat.kind == FileKind::File && is_temporary(name));
    let state = ours.map_or(Ok(State::Unknown), |name| remove_if_abandoned(staging, name, delete))?;
    let (temporary, removed) = match state {
        State::Unknown => (false, false),
        State::Abandoned { removed } => (true, removed),
        State::GoneOrInUse => return Ok(None),
    };
    Ok(Some(StrayFile { name, temporary, size: stat.size, modified: stat.modified, removed }))
}

/// The state of a file in the staging directory.
enum State {
    GoneOrInUse,
    Abandoned { removed: bool },
    Unknown,
}

fn remove_if_abandoned(staging: &dyn Directory, name: &str, delete: bool) -> Result<State> {
    let file = match staging.open_file(name).map_err(Error::or_missing) {
        Err(Error::Missing { .. }) => return Ok(State::GoneOrInUse),
        // Not locked, so a writer cannot be excluded.
        Err(_) => return Ok(State::Unknown),
        Ok(file) => file,
    };
    // The lock is held during the removal: a writer that has created the file but not locked it yet then
    // finds it locked or gone.
    let Some(_locked) = lock_if_abandoned(file) else { return Ok(State::GoneOrInUse) };
    if !delete {
        return Ok(State::Abandoned { removed: false });
    }
    match staging.remove(name) {
        Err(Error::Missing { .. }) => Ok(State::GoneOrInUse),
        result => result.map(|()| State::Abandoned { removed: true }),
    }
}
