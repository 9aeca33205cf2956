//! Importing files into a store and exporting objects to files.
//!
//! Both directions stage a copy and hash it in the same pass, or share the blocks of the source (a reflink or a
//! hard link) and only hash. An import returns staged content, which the caller publishes under a key that
//! may depend on the hash. An export verifies the content and then publishes it at the target path.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::SystemTime;

use crate::digest::{Algorithm, ContentDigest, Expected};
use crate::engine::Engine;
use crate::error::{Context as _, Error, Result};
use crate::fs::kind::reflink;
use crate::fs::staged::StagedFile;
use crate::fs::temp_name::is_generated;
pub use crate::pass::Counter;
use crate::pass::{Destination, Pass, Passed, Source};
use crate::read::{Original, check_read};
use crate::runtime::cancel::CancelToken;
use crate::runtime::pool::guarded;
use crate::store::{Key, Object, Store};
use crate::write::{Content, Existing, Publication, Staged, publish, stage_for};

/// The method of copying a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// A reflink where the file system supports it, a copy otherwise.
    Auto,
    /// A reflink, which shares blocks until one file changes. An error where that is not supported.
    Reflink,
    /// A second name of the same file: changing one changes the other.
    Hardlink,
    /// A copy.
    Copy,
}

impl FromStr for Link {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "auto" => Ok(Link::Auto),
            "reflink" => Ok(Link::Reflink),
            "hardlink" => Ok(Link::Hardlink),
            "copy" => Ok(Link::Copy),
            _ => Err(Error::Invalid(format!("link must be auto, reflink, hardlink or copy: {name:?}"))),
        }
    }
}

/// The source and options of an import.
pub struct Import {
    /// The file to import.
    pub path: PathBuf,
    /// The method of copying.
    pub link: Link,
    /// The hashes to compute.
    pub algorithms: Vec<Algorithm>,
    /// The maximum size in bytes.
    pub limit: Option<u64>,
    /// Counts the bytes that were hashed.
    pub counter: Option<Counter>,
}

/// Stages a file, hashing it in the same pass.
pub fn import_file<P: AsRef<[u8]> + Send + Sync + 'static>(
    engine: &'static Engine,
    store: Arc<Store>,
    import: Import,
    cancel: CancelToken,
    done: impl FnOnce(Result<Staged<P>>) + Send + 'static,
) {
    let Import { path, link, algorithms, limit, counter } = import;
    engine.spawn_passing(move |permit| {
        let original = match guarded(|| cancel.check().and_then(|()| Original::open(path)?.within(limit))) {
            Ok(original) => original,
            Err(error) => return done(Err(error)),
        };
        let prepared = guarded(|| {
            let staged = if link == Link::Hardlink {
                store.stage_hardlink(&original.path, &original.file)?
            } else {
                stage_for(&store, original.size)?
            };
            let staged = staged.with_permit(permit);
            transfer(&original, staged, original.size, algorithms.clone(), link, cancel.clone())
        });
        let finish = move |original: Original, passed: Result<(ContentDigest, Content<P>)>| {
            let staged = guarded(|| {
                let (digest, content) = original.unchanged(passed)?;
                Ok(Staged::new(engine, store, content, digest))
            });
            // Closed before `done`: a lock held through this descriptor would hide a stray file from cleanup.
            drop(original);
            done(staged);
        };
        let second_counter = counter.clone();
        // After a refused write, the digest alone may still find an existing object.
        let hash_if_refused = move |original: Original, copied: Result<(ContentDigest, StagedFile)>| {
            let refused = match copied {
                Err(error) if error.is_create_refused() => error,
                copied => {
                    return finish(original, copied.map(|(digest, file)| (digest, Content::File(file))));
                }
            };
            let pass = Pass::hashing(&original.file, &original.path, original.size, algorithms, cancel);
            pass.start_counted(engine, second_counter, move |passed| {
                finish(original, passed.map(|passed| (passed.digest, Content::Refused(refused))));
            });
        };
        match prepared {
            Ok(transfer) => transfer.run(engine, original, counter, hash_if_refused),
            Err(error) => hash_if_refused(original, Err(error)),
        }
    });
}

/// The target and options of an export.
pub struct Export {
    /// The path of the new file, in an existing directory.
    pub path: PathBuf,
    /// The method of copying.
    pub link: Link,
    /// Whether to replace an existing file.
    pub overwrite: bool,
    /// Whether to use only the portable system calls.
    pub portable: bool,
    /// Counts the bytes that were hashed.
    pub counter: Option<Counter>,
}

/// Exports the object that `open` returns. The file is verified before it becomes visible.
pub fn export_file(
    engine: &'static Engine,
    open: impl FnOnce() -> Result<Object> + Send + 'static,
    export: Export,
    expected: Expected,
    cancel: CancelToken,
    done: impl FnOnce(Result<()>) + Send + 'static,
) {
    engine.spawn_passing(move |permit| {
        let prepared = guarded(|| {
            cancel.check()?;
            if export.link == Link::Hardlink {
                let message =
                    "an object cannot be exported as a hard link: changing the file would change it";
                return Err(Error::Invalid(message.into()));
            }
            let object = open()?;
            object.check_size(&expected)?;
            let (target, key) = target_of(&export.path, export.portable)?;
            let original = Original { file: object.file, path: object.path, size: expected.size };
            let staged = stage_for(&target, expected.size)?.with_permit(permit);
            let pass =
                transfer(&original, staged, expected.size, expected.algorithms(), export.link, cancel)?;
            Ok((original, target, key, pass))
        });
        let (original, target, key, transfer) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return done(Err(error)),
        };
        transfer.run(engine, original, export.counter, move |original, passed| {
            let published = guarded(|| {
                let (digest, mut file) = passed?;
                check_read(&original.path, &expected, &digest)?;
                let existing = if export.overwrite { Existing::Replace } else { Existing::Refuse };
                publish(&target, None, &mut file, &Publication { key, expected, existing }).map(drop)
            });
            drop(original);
            done(published);
        });
    });
}

/// Returns the directory of an export, as a store, and the name in it.
fn target_of(path: &Path, portable: bool) -> Result<(Store, Key)> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.ok_or_else(|| Error::Invalid(format!("{} does not name a file", path.display())))?;
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if is_generated(name) {
        let problem = "the name is reserved for temporary files of exports";
        return Err(Error::Invalid(format!("cannot export to {}: {problem}", path.display())));
    }
    Ok((Store::for_exports(directory.to_owned(), false, portable), Key::of_path(name)?))
}

/// A file being hashed by a pass, which also copies it unless it is linked.
struct Transfer {
    pass: Pass,
    linked: Option<Linked>,
}

struct Linked {
    staged: StagedFile,
    /// The time of the original's last change, if the pass hashes the original instead of its clone.
    ///
    /// The pages of the original are cached, while those of a clone are read from the device (18 GB/s
    /// compared with 0.5).
    since: Option<SystemTime>,
}

/// Links `staged` to the original if possible, and returns the pass that copies or only hashes it.
fn transfer(
    original: &Original,
    staged: StagedFile,
    size: u64,
    algorithms: Vec<Algorithm>,
    link: Link,
    cancel: CancelToken,
) -> Result<Transfer> {
    let since = original.settled_since();
    let linked = match link {
        Link::Hardlink => true,
        Link::Copy => false,
        Link::Auto => reflink(&original.file, staged.file()).is_ok(),
        Link::Reflink => {
            reflink(&original.file, staged.file()).context("reflink", &original.path)?;
            true
        }
    };
    if !linked {
        let source = Source::File(Arc::clone(&original.file), original.path.clone());
        let pass = Pass { source, destination: Destination::Staged(staged), size, algorithms, cancel };
        return Ok(Transfer { pass, linked: None });
    }
    let pass = match since {
        None => hashing(&staged, size, algorithms, cancel)?,
        Some(_) => Pass::hashing(&original.file, &original.path, size, algorithms, cancel),
    };
    Ok(Transfer { pass, linked: Some(Linked { staged, since }) })
}

fn hashing(staged: &StagedFile, size: u64, algorithms: Vec<Algorithm>, cancel: CancelToken) -> Result<Pass> {
    let file = staged.file().try_clone().context("open", staged.path())?;
    Ok(Pass::hashing(&Arc::new(file), staged.path(), size, algorithms, cancel))
}

impl Transfer {
    /// Runs the pass and passes the digest and the file to `done`.
    fn run(
        self,
        engine: &'static Engine,
        original: Original,
        counter: Option<Counter>,
        done: impl FnOnce(Original, Result<(ContentDigest, StagedFile)>) + Send + 'static,
    ) {
        let Self { pass, linked } = self;
        let Some(Linked { staged, since }) = linked else {
            return pass.start_counted(engine, counter, move |passed| {
                done(original, passed.and_then(Passed::into_staged));
            });
        };
        let (algorithms, cancel) = (pass.algorithms.clone(), pass.cancel.clone());
        pass.start_counted(engine, counter.clone(), move |passed| {
            if since.is_none() || since == original.settled_since() {
                return done(original, passed.map(|passed| (passed.digest, staged)));
            }
            // The original changed after it was cloned, so its digest may not be the clone's: hash the clone.
            match hashing(&staged, original.size, algorithms, cancel) {
                Ok(pass) => pass.start_counted(engine, counter, move |passed| {
                    done(original, passed.map(|passed| (passed.digest, staged)));
                }),
                Err(error) => done(original, Err(error)),
            }
        });
    }
}
