//! The directory of temporary names.

use std::sync::{Arc, Mutex, Weak};

use super::cleanup::clean_exports;
use super::key::STAGING;
use super::{Contents, Store};
use crate::engine::Engine;
use crate::error::Result;
use crate::fs::directories::Directory;
use crate::runtime::sync::lock;

/// The open staging directory, shared by all staged files with a temporary name.
///
/// The file descriptor is closed with the last of these files.
#[derive(Default)]
pub(super) struct SharedDirectory(Mutex<Option<Weak<dyn Directory>>>);

impl SharedDirectory {
    /// Returns the shared directory if it is the same as `fresh`; shares `fresh` otherwise.
    fn share(&self, fresh: Box<dyn Directory>) -> Arc<dyn Directory> {
        let mut shared = lock(&self.0);
        match shared.as_ref().and_then(Weak::upgrade) {
            Some(held) if held.identity().is_some() && held.identity() == fresh.identity() => held,
            _ => {
                let fresh: Arc<dyn Directory> = fresh.into();
                *shared = Some(Arc::downgrade(&fresh));
                fresh
            }
        }
    }
}

impl Store {
    /// Opens the directory of temporary names.
    ///
    /// Exports have theirs beside the final names: no extra directory appears among the user's files.
    pub(super) fn staging(&self) -> Result<Arc<dyn Directory>> {
        let root = self.open_root()?;
        match self.contents {
            Contents::Exports => {
                if Engine::current().is_ok_and(|engine| engine.export_directories.insert(&self.root)) {
                    clean_exports(&*root);
                }
                Ok(root.into())
            }
            Contents::Objects => {
                root.make_directory(STAGING)?;
                Ok(self.staging.share(root.open_directory(STAGING)?))
            }
        }
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::fs::staged::StagedFile;

    /// Stages a file and then replaces the staging directory with a link to another directory, which has a
    /// file of the same temporary name. Returns the path of that file last.
    fn replace_staging_dir(root: &Path) -> (Store, StagedFile, PathBuf) {
        let store = Store::new(root.to_owned(), false, false);
        store.names_needed.store(true, Ordering::Relaxed);
        let staged = store.stage().expect("staged");
        staged.write(0, [&b"ours"[..]].into_iter()).expect("written");
        let name = staged.path().file_name().expect("a temporary name").to_owned();
        fs::rename(root.join(STAGING), root.join("moved")).expect("moved");
        let theirs = root.join("elsewhere").join(name);
        fs::create_dir(root.join("elsewhere")).expect("created");
        fs::write(&theirs, "theirs").expect("written");
        std::os::unix::fs::symlink("elsewhere", root.join(STAGING)).expect("linked");
        (store, staged, theirs)
    }

    fn check(root: &Path, theirs: &Path) {
        assert_eq!(fs::read(theirs).expect("exists"), b"theirs");
        assert_eq!(fs::read_dir(root.join("moved")).expect("listed").count(), 0, "left behind");
    }

    #[test]
    fn link_uses_original_staging_dir() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, mut staged, theirs) = replace_staging_dir(root.path());
        let parent = store.open_root().expect("opened");
        parent.link(&mut staged, "a").expect("linked");
        assert_eq!(fs::read(root.path().join("a")).expect("exists"), b"ours");
        check(root.path(), &theirs);
    }

    #[test]
    fn replace_uses_original_staging_dir() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, mut staged, theirs) = replace_staging_dir(root.path());
        let parent = store.open_root().expect("opened");
        parent.replace(&mut staged, "a").expect("renamed");
        assert_eq!(fs::read(root.path().join("a")).expect("exists"), b"ours");
        check(root.path(), &theirs);
    }

    #[test]
    fn rename_if_absent_uses_original_staging_dir() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, mut staged, theirs) = replace_staging_dir(root.path());
        let parent = store.open_root().expect("opened");
        staged.rename_if_absent(&*parent, "a").expect("renamed");
        assert_eq!(fs::read(root.path().join("a")).expect("exists"), b"ours");
        check(root.path(), &theirs);
    }

    #[test]
    fn dropped_file_is_removed_from_original_staging_dir() {
        let root = tempfile::tempdir().expect("a directory");
        let (_, staged, theirs) = replace_staging_dir(root.path());
        drop(staged);
        check(root.path(), &theirs);
    }

    #[test]
    fn staging_descriptor_is_shared_until_directory_is_replaced() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::new(root.path().to_owned(), false, false);
        let first = store.staging().expect("opened");
        assert!(Arc::ptr_eq(&first, &store.staging().expect("opened")));
        fs::rename(root.path().join(STAGING), root.path().join("moved")).expect("moved");
        assert!(!Arc::ptr_eq(&first, &store.staging().expect("opened")));
    }
}
