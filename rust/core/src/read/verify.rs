//! Hashing files in place: verifies objects and computes digests of arbitrary files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::digest::{Algorithm, ContentDigest, Expected};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::fs::kind::drop_page_cache;
use crate::pass::Pass;
use crate::read::Original;
use crate::runtime::cancel::CancelToken;
use crate::runtime::pool::guarded;
use crate::store::{Key, Object, Store};

/// Reads the whole object and compares it with `expected`.
///
/// After a mismatch the object is read again, bypassing the page cache: a page corrupted in memory does not
/// make the object corrupt.
pub fn verify(
    engine: &'static Engine,
    open: impl Fn() -> Result<Object> + Send + 'static,
    expected: Expected,
    cancel: CancelToken,
    done: impl FnOnce(Result<()>) + Send + 'static,
) {
    engine.spawn_passing(move |permit| {
        let object = guarded(&open);
        let again = cancel.clone();
        compare(engine, object, expected.clone(), cancel, move |compared| {
            if !matches!(compared, Err(Error::Corrupt { .. })) {
                let result = compared.map(drop);
                drop(permit);
                return done(result);
            }
            let object = guarded(|| open().inspect(|object| drop_page_cache(&object.file)));
            compare(engine, object, expected, again, move |compared| {
                let result = compared.map(drop);
                drop(permit);
                done(result);
            });
        });
    });
}

/// Verifies an object in a single read and passes it to `done`, still open.
pub fn open_verified(
    engine: &'static Engine,
    open: impl FnOnce() -> Result<Object> + Send + 'static,
    expected: Expected,
    cancel: CancelToken,
    done: impl FnOnce(Result<Verified>) + Send + 'static,
) {
    engine.spawn_reading(move |permit| {
        let object = guarded(|| Ok(open()?.with_permit(permit)));
        compare(engine, object, expected, cancel, move |compared| {
            done(compared.map(|object| Verified { engine, object: Some(object) }));
        });
    });
}

/// A verified object, still open: reads return the file that was verified.
pub struct Verified {
    engine: &'static Engine,
    /// None only during drop.
    object: Option<Object>,
}

impl Verified {
    /// Returns the object. Clones keep the file open.
    ///
    /// # Panics
    ///
    /// Never: only `drop` takes the object.
    #[must_use]
    pub fn object(&self) -> &Object {
        self.object.as_ref().expect("only drop takes it")
    }
}

impl Drop for Verified {
    /// Closes the file on a worker: on a network or FUSE file system, and for a deleted file, a close blocks.
    fn drop(&mut self) {
        let object = self.object.take();
        if self.engine.is_current() {
            self.engine.spawn(move || drop(object));
        }
    }
}

/// Passes `object` to `done` if its size and hash are the expected ones.
fn compare(
    engine: &'static Engine,
    object: Result<Object>,
    expected: Expected,
    cancel: CancelToken,
    done: impl FnOnce(Result<Object>) + Send + 'static,
) {
    let checked = guarded(|| {
        cancel.check()?;
        let object = object?;
        object.check_size(&expected)?;
        Ok(object)
    });
    let object = match checked {
        Ok(object) => object,
        Err(error) => return done(Err(error)),
    };
    let algorithms = expected.algorithms();
    let pass = Pass::hashing(&object.file, &object.path, expected.size, algorithms, cancel);
    pass.start(engine, move |passed| {
        done(passed.and_then(|passed| {
            check_read(&object.path, &expected, &passed.digest)?;
            Ok(object)
        }));
    });
}

/// Returns an error if the digest of the object at `path` is not the expected one.
pub(crate) fn check_read(path: &Path, expected: &Expected, found: &ContentDigest) -> Result<()> {
    match expected.difference(found) {
        None => Ok(()),
        Some((expected, actual)) => Err(Error::Corrupt { path: path.to_owned(), expected, actual }),
    }
}

/// Hashes any regular file, on all cores if the algorithm allows it.
pub fn hash_file(
    engine: &'static Engine,
    path: PathBuf,
    algorithms: Vec<Algorithm>,
    cancel: CancelToken,
    done: impl FnOnce(Result<ContentDigest>) + Send + 'static,
) {
    hash_original(engine, || Original::open(path), algorithms, cancel, done);
}

/// Hashes the object under `key` without an expected digest. Follows no link below the root.
pub fn hash_object(
    engine: &'static Engine,
    store: Arc<Store>,
    key: Key,
    algorithms: Vec<Algorithm>,
    cancel: CancelToken,
    done: impl FnOnce(Result<ContentDigest>) + Send + 'static,
) {
    hash_original(engine, move || store.open(&key).and_then(Original::of), algorithms, cancel, done);
}

fn hash_original(
    engine: &'static Engine,
    open: impl FnOnce() -> Result<Original> + Send + 'static,
    algorithms: Vec<Algorithm>,
    cancel: CancelToken,
    done: impl FnOnce(Result<ContentDigest>) + Send + 'static,
) {
    engine.spawn_passing(move |permit| {
        let opened = guarded(|| {
            cancel.check()?;
            open()
        });
        let original = match opened {
            Ok(original) => original,
            Err(error) => return done(Err(error)),
        };
        let pass = Pass::hashing(&original.file, &original.path, original.size, algorithms, cancel);
        pass.start(engine, move |passed| {
            let digest = guarded(|| original.unchanged(passed.map(|passed| passed.digest)));
            drop((original, permit));
            done(digest);
        });
    });
}
