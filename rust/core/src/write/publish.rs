//! Publishing: links a staged file under its final name.

use std::io;

use super::dedup::{Hit, check_existing};
use crate::digest::Expected;
use crate::error::{Context as _, Error, Result};
use crate::fs::directories::Directory;
use crate::fs::staged::StagedFile;
use crate::store::{Key, Quarantine, Store};

/// The outcome of a publication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// The object is new.
    Created,
    /// A dedup hit: the object existed with the same content.
    Existed,
    /// Another or corrupt content was replaced.
    Healed,
    /// A dedup hit whose modification time could not be set: the object was replaced.
    Renewed,
    /// A dedup hit whose modification time could not be set, nor could the object be replaced.
    Stale,
}

/// The policy for a name that is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// Keep an object with the same content, replace any other: the name contains the hash.
    Heal,
    /// Keep an object with the same content, fail with "already exists" for any other.
    Keep,
    /// Fail with "already exists".
    Refuse,
    /// Always replace it.
    Replace,
}

/// The name, digest and policy of an object to be published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The object's name in the store.
    pub key: Key,
    /// The expected size and hash of the content.
    pub expected: Expected,
    /// The policy if the name is taken.
    pub existing: Existing,
}

/// The number of attempts to link a name. A name may vanish between the failed link and the check of the
/// existing object; a process that deletes it each time has to win this many races.
const ATTEMPTS: usize = 100;

/// Publishes `staged`, which holds the expected content. `parent` is the parent directory, if it is open already.
///
/// The order ensures that a crash leaves either the whole object or none: write the bytes and check the
/// size, then (if durable) fsync the file, then link the name, then (if durable) fsync the directories.
pub(crate) fn publish(
    store: &Store,
    parent: Option<Box<dyn Directory>>,
    staged: &mut StagedFile,
    publication: &Publication,
) -> Result<Published> {
    let Publication { key, expected, .. } = publication;
    staged.check_size(expected.size)?;
    if store.durable() {
        staged.flush()?;
    } else if !store.file_system().is_local {
        staged.check_close()?;
    }
    let found = parent.map_or_else(|| store.open_parent(key), |parent| Ok(Some(parent)))?;
    let made = found.is_none();
    let parent = found.map_or_else(|| store.make_parent(key), Ok)?;
    let published = take_name(store, staged, &*parent, publication)?;
    if store.durable() {
        sync_names(store, &*parent, key, made)?;
    }
    Ok(published)
}

/// Links the file under its name, or applies the policy for a taken name.
fn take_name(
    store: &Store,
    staged: &mut StagedFile,
    parent: &dyn Directory,
    publication: &Publication,
) -> Result<Published> {
    let name = publication.key.name();
    staged.set_shared(true);
    for _ in 0..ATTEMPTS {
        match parent.link(staged, name) {
            Ok(()) => return Ok(Published::Created),
            Err(error) if error.io_kind() == Some(io::ErrorKind::AlreadyExists) => {
                if let Some(published) = resolve_taken(store, staged, parent, publication, error)? {
                    staged.set_shared(published != Published::Existed);
                    return Ok(published);
                }
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::ResourceBusy).context("publish", &parent.path().join(name))
}

/// Makes the name and the names of its parent directories durable.
///
/// Needed after a dedup hit as well: the object's writer may not have synced them yet, or not at all.
fn sync_names(store: &Store, parent: &dyn Directory, key: &Key, made: bool) -> Result<()> {
    parent.sync()?;
    store.sync_parents(key, made)
}

/// Applies the policy for a taken name. Returns None if the name is free again.
fn resolve_taken(
    store: &Store,
    staged: &mut StagedFile,
    parent: &dyn Directory,
    publication: &Publication,
    taken: Error,
) -> Result<Option<Published>> {
    let Publication { key, existing, .. } = publication;
    match existing {
        Existing::Refuse => return Err(taken),
        Existing::Replace => {}
        Existing::Heal | Existing::Keep => match check_existing(store, parent, publication, Some(staged)) {
            Ok(hit) => return accept(store, staged, parent, publication, &hit),
            Err(Error::Missing { .. }) => return Ok(None),
            Err(error) if *existing == Existing::Heal && error.is_corrupt_or_denied() => {}
            Err(Error::Corrupt { .. }) => return Err(taken),
            Err(error) => return Err(error),
        },
    }
    store.name_temporarily(staged)?;
    match parent.replace(staged, key.name()) {
        Err(error) if error.io_kind() == Some(io::ErrorKind::IsADirectory) && *existing == Existing::Heal => {
            // The directory may hold files of a user, so it is renamed rather than removed.
            parent.rename_directory(key.name(), &Quarantine::Displaced.name(key.name()))?;
            parent.replace(staged, key.name())?;
        }
        result => result?,
    }
    Ok(Some(Published::Healed))
}

/// Completes a dedup hit. Returns None if the name no longer refers to the checked object.
fn accept(
    store: &Store,
    staged: &mut StagedFile,
    parent: &dyn Directory,
    publication: &Publication,
    hit: &Hit,
) -> Result<Option<Published>> {
    let name = publication.key.name();
    if !hit.is_at(parent, name)? {
        return Ok(None);
    }
    if hit.is_young {
        return Ok(Some(Published::Existed));
    }
    // Directly after the check, because this also replaces an object that another writer put there since.
    // Under a key that contains the hash, that object has the same content.
    let renewed =
        !hit.is(staged) && store.name_temporarily(staged).and_then(|()| parent.replace(staged, name)).is_ok();
    Ok(Some(if renewed { Published::Renewed } else { Published::Stale }))
}

/// Accepts an existing object where none can be staged. Fails with `refused` unless it is valid.
///
/// Examples are a read-only mount, a full disk and a directory of another user.
pub(crate) fn publish_unstaged(
    store: &Store,
    publication: &Publication,
    refused: Error,
) -> Result<Published> {
    let may_exist = matches!(publication.existing, Existing::Heal | Existing::Keep);
    if !may_exist || !refused.is_create_refused() {
        return Err(refused);
    }
    match find_valid(store, publication) {
        Ok(Some(published)) => Ok(published),
        Ok(None) | Err(_) => Err(refused),
    }
}

/// Checks and refreshes the existing object as for a dedup hit. Returns None if it does not exist.
fn find_valid(store: &Store, publication: &Publication) -> Result<Option<Published>> {
    let key = &publication.key;
    let Some(parent) = store.open_parent(key)? else { return Ok(None) };
    let hit = check_existing(store, &*parent, publication, None)?;
    if !hit.is_at(&*parent, key.name())? {
        return Ok(None);
    }
    if store.durable() {
        sync_names(store, &*parent, key, false)?;
    }
    Ok(Some(if hit.is_young { Published::Existed } else { Published::Stale }))
}

#[cfg(test)]
mod tests {
    use std::ffi::{OsStr, OsString};
    use std::fs::{self, File};
    #[cfg(target_os = "linux")]
    use std::os::fd::BorrowedFd;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::fs::stat::FileStat;

    const CONTENT: &[u8] = b"content";
    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    /// A directory that calls `act` between the refresh of an object and the check of its name.
    struct Racing<F> {
        directory: Box<dyn Directory>,
        act: F,
        checks: AtomicUsize,
    }

    /// Defines methods that call the same method of the inner directory.
    macro_rules! forward {
        ($($(#[$attribute:meta])? fn $name:ident(&self $(, $argument:ident: $type:ty)*) -> $result:ty;)*) => {
            $($(#[$attribute])? fn $name(&self $(, $argument: $type)*) -> $result {
                self.directory.$name($($argument),*)
            })*
        };
    }

    impl<F: Fn(&Path, usize) + Send + Sync> Directory for Racing<F> {
        forward! {
            fn path(&self) -> &Path;
            fn identity(&self) -> Option<(u64, u64)>;
            #[cfg(target_os = "linux")]
            fn dirfd_and_path(&self, name: &str) -> (BorrowedFd<'_>, PathBuf);
            fn create_file(&self, name: &str, mode: u32) -> Result<File>;
            fn open_file(&self, key: &str) -> Result<File>;
            fn open_directory(&self, relative: &str) -> Result<Box<dyn Directory>>;
            fn make_directory(&self, name: &str) -> Result<()>;
            fn unnamed_file(&self, mode: u32) -> Result<Option<StagedFile>>;
            fn link(&self, staged: &mut StagedFile, name: &str) -> Result<()>;
            fn replace(&self, staged: &mut StagedFile, name: &str) -> Result<()>;
            fn rename_directory(&self, name: &str, to: &str) -> Result<()>;
            fn names(&self) -> Result<Vec<OsString>>;
            fn lstat(&self, name: &OsStr) -> Result<FileStat>;
            fn hard_link(&self, name: &str, new_name: &str) -> Result<()>;
            fn rename(&self, name: &str, to: &str) -> Result<()>;
            fn remove(&self, name: &str) -> Result<()>;
            fn sync(&self) -> Result<()>;
        }

        fn identity_of(&self, name: &str) -> Result<Option<(u64, u64)>> {
            (self.act)(&self.path().join(name), self.checks.fetch_add(1, Ordering::Relaxed));
            self.directory.identity_of(name)
        }
    }

    fn put(store: &Store, parent: Option<Box<dyn Directory>>) -> Result<Published> {
        let expected = Expected { size: CONTENT.len() as u64, hash: None };
        let publication =
            Publication { key: Key::parse("a").expect("a valid key"), expected, existing: Existing::Heal };
        let mut staged = store.stage()?;
        staged.write(0, [CONTENT].into_iter())?;
        publish(store, parent, &mut staged, &publication)
    }

    /// Writes an object of this age again while `act` interferes, on the native and the portable path.
    fn race(
        age: Duration,
        act: impl Fn(&Path, usize) + Clone + Send + Sync + 'static,
    ) -> Vec<Result<Published>> {
        let race_in = |portable| {
            let root = tempfile::tempdir().expect("a directory");
            let store = Store::new(root.path().to_owned(), false, portable);
            put(&store, None).expect("written");
            set_age(&root.path().join("a"), age);
            let directory = store.open_root().expect("opened");
            let racing = Racing { directory, act: act.clone(), checks: AtomicUsize::new(0) };
            let published = put(&store, Some(Box::new(racing)));
            if published.is_ok() {
                assert_eq!(fs::read(root.path().join("a")).expect("there"), CONTENT);
                let modified = fs::metadata(root.path().join("a")).and_then(|found| found.modified());
                let age = SystemTime::now().duration_since(modified.expect("known")).unwrap_or_default();
                assert!(age < DAY, "{age:?}");
            }
            published
        };
        [false, true].map(race_in).into()
    }

    /// Replaces an object with another file of the same content and this age.
    fn replace_object(path: &Path, age: Duration) {
        let other = path.with_file_name("other");
        fs::write(&other, CONTENT).expect("written");
        set_age(&other, age);
        fs::rename(other, path).expect("replaced");
    }

    fn set_age(path: &Path, age: Duration) {
        let file = File::open(path).expect("there");
        file.set_modified(SystemTime::now() - age).expect("set");
    }

    #[test]
    fn object_removed_after_its_refresh_is_published_anew() {
        for age in [Duration::ZERO, DAY] {
            for published in race(age, |path, check| {
                if check == 0 {
                    fs::remove_file(path).expect("removed");
                }
            }) {
                assert_eq!(published.expect("written"), Published::Created);
            }
        }
    }

    #[test]
    fn object_that_replaces_a_refreshed_one_is_refreshed_too() {
        for published in race(DAY, |path, check| {
            if check == 0 {
                replace_object(path, DAY);
            }
        }) {
            assert_eq!(published.expect("written"), Published::Existed);
        }
    }

    #[test]
    fn object_replaced_after_each_refresh_ends_in_an_error() {
        for published in race(DAY, |path, _| replace_object(path, Duration::ZERO)) {
            let error = published.expect_err("replaced each time");
            assert_eq!(error.io_kind(), Some(io::ErrorKind::ResourceBusy));
        }
    }
}
