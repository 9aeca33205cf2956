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
    use std::sync::atomic::Ordering;

    use super::*;
    use crate::fs::staged::StagedFile;

    /// Stages a file, replaces the staging directory with a link to another one, and publishes the file.
    ///
    /// The other directory has a file of the same temporary name, which must stay.
    fn publish_after_swap(publish: impl FnOnce(StagedFile, &dyn Directory)) {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        let store = Store::new(root.to_owned(), false, false);
        store.names_needed.store(true, Ordering::Relaxed);
        let staged = store.stage().expect("staged");
        staged.write(0, [&b"ours"[..]].into_iter()).expect("written");
        let theirs = root.join("elsewhere").join(staged.path().file_name().expect("a temporary name"));
        fs::rename(root.join(STAGING), root.join("moved")).expect("moved");
        fs::create_dir(root.join("elsewhere")).expect("created");
        fs::write(&theirs, "theirs").expect("written");
        std::os::unix::fs::symlink("elsewhere", root.join(STAGING)).expect("linked");
        let parent = store.open_root().expect("opened");
        publish(staged, &*parent);
        assert_eq!(fs::read(theirs).expect("exists"), b"theirs");
        assert_eq!(fs::read_dir(root.join("moved")).expect("listed").count(), 0, "left behind");
    }

    fn assert_published(parent: &dyn Directory) {
        assert_eq!(fs::read(parent.path().join("a")).expect("exists"), b"ours");
    }

    #[test]
    fn link_uses_original_staging_dir() {
        publish_after_swap(|mut staged, parent| {
            parent.link(&mut staged, "a").expect("linked");
            assert_published(parent);
        });
    }

    #[test]
    fn replace_uses_original_staging_dir() {
        publish_after_swap(|mut staged, parent| {
            parent.replace(&mut staged, "a").expect("renamed");
            assert_published(parent);
        });
    }

    #[test]
    fn rename_if_absent_uses_original_staging_dir() {
        publish_after_swap(|mut staged, parent| {
            staged.rename_if_absent(parent, "a").expect("renamed");
            assert_published(parent);
        });
    }

    #[test]
    fn dropped_file_is_removed_from_original_staging_dir() {
        publish_after_swap(|staged, _| drop(staged));
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
