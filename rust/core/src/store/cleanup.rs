//! Temporary files whose writers are gone.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::time::SystemTime;

use super::Store;
use super::key::STAGING;
use crate::error::{Error, Result};
use crate::fs::directories::Directory;
use crate::fs::stat::FileKind;
use crate::fs::temp_name::{is_generated, is_temporary, lock_if_abandoned};

/// Something in the directory for temporary files that no writer is at.
#[derive(Clone, Debug)]
pub struct StrayFile {
    /// Its name there.
    pub name: OsString,
    /// Whether a writer has left it. Nothing is known of anything else.
    pub temporary: bool,
    /// Bytes.
    pub size: u64,
    /// When it was last changed, where the file system tells.
    pub modified: Option<SystemTime>,
    /// Whether it has been removed.
    pub removed: bool,
}

impl Store {
    /// Looks through the directory for temporary files and, if asked to, removes those whose
    /// writers are gone. One directory holds them all, so this never lists the objects.
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
                // The others are looked at all the same.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(stray_files), Err)
    }
}

/// Removes what killed exports have left in a directory of the user's: only names that are just as we
/// make them, and nobody has to know of one that stays.
pub(super) fn clean_exports(directory: &dyn Directory) {
    for name in directory.names().unwrap_or_default() {
        if let Some(name) = name.to_str().filter(|name| is_generated(name)) {
            let _ = remove_if_abandoned(directory, name, true);
        }
    }
}

/// None if it has gone meanwhile, or has a writer.
fn stray_file(staging: &dyn Directory, name: OsString, delete: bool) -> Result<Option<StrayFile>> {
    let seen = match staging.look(&name) {
        Err(Error::Missing { .. }) => return Ok(None),
        result => result?,
    };
    let ours = name.to_str().filter(|name| seen.kind == FileKind::File && is_temporary(name));
    let left = ours.map_or(Ok(Left::Unknown), |name| remove_if_abandoned(staging, name, delete))?;
    let (temporary, removed) = match left {
        Left::Unknown => (false, false),
        Left::Abandoned { removed } => (true, removed),
        Left::Nothing => return Ok(None),
    };
    Ok(Some(StrayFile { name, temporary, size: seen.size, modified: seen.modified, removed }))
}

enum Left {
    /// It has gone, or has a writer.
    Nothing,
    Abandoned {
        removed: bool,
    },
    Unknown,
}

fn remove_if_abandoned(staging: &dyn Directory, name: &str, delete: bool) -> Result<Left> {
    let file = match staging.open_file(name).map_err(Error::or_missing) {
        Err(Error::Missing { .. }) => return Ok(Left::Nothing),
        // Whose it is cannot be known.
        Err(_) => return Ok(Left::Unknown),
        Ok(file) => file,
    };
    // The lock is held over the removal: a writer that has created the file and not locked it
    // yet then finds it locked, or gone.
    let Some(_locked) = lock_if_abandoned(file) else { return Ok(Left::Nothing) };
    if !delete {
        return Ok(Left::Abandoned { removed: false });
    }
    match staging.remove(name) {
        Err(Error::Missing { .. }) => Ok(Left::Nothing),
        result => result.map(|()| Left::Abandoned { removed: true }),
    }
}
