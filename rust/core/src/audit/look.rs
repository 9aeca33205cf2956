//! One object: is it what its name says?

use std::time::Instant;

use super::{Finding, Moved, Pacer, Problem, Progress};
use crate::digest::{Algorithm, Expected};
use crate::error::{Context as _, Error, Result};
use crate::fs::kind::drop_page_cache;
use crate::pass::hash_open_file_with;
use crate::read::check_read;
use crate::runtime::cancel::CancelToken;
use crate::store::{Key, Object, Store};

/// An object, and what its name says that it is.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where it is.
    pub key: Key,
    /// The algorithm and hash in its name.
    pub hash: (Algorithm, String),
}

/// What came of looking at an object.
pub(super) enum Verdict {
    /// It is what its name says: so many bytes.
    Sound(u64),
    /// It has been deleted meanwhile.
    Gone,
    /// It is not what its name says.
    Bad(Finding),
}

impl Verdict {
    pub(super) fn is_bad(&self) -> bool {
        matches!(self, Self::Bad(_))
    }

    pub(super) fn is_moved(&self) -> bool {
        matches!(self, Self::Bad(Finding { moved_to: Some(_), .. }))
    }
}

/// How an audit looks at objects.
pub(super) struct Looker<'a> {
    pub store: &'a Store,
    pub pacer: Option<&'a Pacer>,
    /// Where to note what is moved aside; without it nothing is.
    pub moved: Option<&'a Moved>,
    pub progress: &'a Progress,
    /// When the round has no more time.
    pub until: Instant,
    pub cancel: &'a CancelToken,
    /// Whether the round is: something was moved aside, or an object could not be seen to.
    pub over: &'a CancelToken,
}

impl Looker<'_> {
    /// Looks at an object. What seems bad is looked at again, as it is on the device, before it is
    /// called so.
    pub(super) fn look(&self, named: &Named) -> Result<Verdict> {
        match self.read(named, false)? {
            Verdict::Bad(_) => {}
            verdict => return Ok(verdict),
        }
        // Before it is read: what is moved aside is what was found to be bad, or nothing.
        let seen = match self.store.lstat(&named.key) {
            Err(Error::Missing { .. }) => return Ok(Verdict::Gone),
            result => result,
        };
        let mut verdict = self.read(named, true)?;
        if let (Verdict::Bad(finding), Ok(seen), Some(moved)) = (&mut verdict, seen, self.moved)
            && finding.problem != Problem::Unreadable
        {
            moved.note(finding, || {
                self.check()?;
                self.store.quarantine(&named.key, &seen)
            })?;
        }
        Ok(verdict)
    }

    pub(super) fn is_late(&self) -> bool {
        Instant::now() > self.until
    }

    fn check(&self) -> Result<()> {
        self.cancel.check()?;
        // What is read may take longer than anybody waits to be told.
        if self.is_late() && self.progress.has_findings() {
            self.over.cancel();
        }
        self.over.check()
    }

    fn read(&self, named: &Named, past_cache: bool) -> Result<Verdict> {
        let object = match self.store.open(&named.key) {
            Ok(object) => object,
            Err(error) => return verdict_of(&named.key, error, Problem::NotAFile),
        };
        if past_cache {
            drop_page_cache(&object.file);
        }
        match self.hash(&object, named) {
            Ok(size) => Ok(Verdict::Sound(size)),
            Err(error) => verdict_of(&named.key, error, Problem::Corrupt),
        }
    }

    /// Reads and hashes all of an object, and tells its size.
    fn hash(&self, object: &Object, named: &Named) -> Result<u64> {
        let Object { file, path, .. } = object;
        let size = file.metadata().context("stat", path)?.len();
        let expected = Expected { size, hash: Some(named.hash.clone()) };
        let found = hash_open_file_with(file, path, size, &expected.algorithms(), |bytes| {
            self.pacer.map_or_else(|| self.check(), |pacer| pacer.wait(bytes, || self.check()))
        })?;
        check_read(path, &expected, &found).map(|()| size)
    }
}

/// What an error says of an object; one that says nothing of it is returned.
fn verdict_of(key: &Key, error: Error, corrupt: Problem) -> Result<Verdict> {
    let (problem, expected, actual) = match error {
        Error::Missing { .. } => return Ok(Verdict::Gone),
        Error::Corrupt { expected, actual, .. } => (corrupt, expected, actual),
        error if error.is_resource_exhausted() => return Err(error),
        Error::Io { operation, source, .. } => {
            let actual = format!("cannot {operation} it: {source}");
            (Problem::Unreadable, "a file that can be read".into(), actual)
        }
        error => return Err(error),
    };
    Ok(Verdict::Bad(Finding { key: key.clone(), problem, expected, actual, moved_to: None }))
}
