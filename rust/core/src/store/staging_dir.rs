//! Where temporary names are.

use std::sync::{Arc, Mutex, Weak};

use super::cleanup::clean_exports;
use super::key::STAGING;
use super::{Contents, Store};
use crate::engine::Engine;
use crate::error::Result;
use crate::fs::directories::Directory;
use crate::runtime::sync::lock;

/// The directory for temporary names, as whoever has a name there holds it: one descriptor for all of
/// them, for as long as there are any.
#[derive(Default)]
pub(super) struct SharedDirectory(Mutex<Option<Weak<dyn Directory>>>);

impl SharedDirectory {
    /// The one that others hold, if it is still the same directory.
    fn instead_of(&self, fresh: Box<dyn Directory>) -> Arc<dyn Directory> {
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
    /// Where temporary names are. Among exports they stand beside the final ones: the directory is
    /// the user's, and not to be filled with ours.
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
                Ok(self.staging.instead_of(root.open_directory(STAGING)?))
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

    /// A file with a temporary name, and another of that name where a link leads that somebody has
    /// put in the place of the directory.
    fn swapped(root: &Path) -> (Store, StagedFile, PathBuf) {
        let store = Store::new(root.to_owned(), false, false);
        store.names_needed.store(true, Ordering::Relaxed);
        let staged = store.stage().expect("staged");
        staged.write(0, [&b"ours"[..]].into_iter()).expect("written");
        let name = staged.path().file_name().expect("it has a name").to_owned();
        fs::rename(root.join(STAGING), root.join("moved")).expect("moved");
        let theirs = root.join("elsewhere").join(name);
        fs::create_dir(root.join("elsewhere")).expect("made");
        fs::write(&theirs, "theirs").expect("written");
        std::os::unix::fs::symlink("elsewhere", root.join(STAGING)).expect("linked");
        (store, staged, theirs)
    }

    fn check(root: &Path, theirs: &Path) {
        assert_eq!(fs::read(theirs).expect("it is there"), b"theirs");
        assert_eq!(fs::read_dir(root.join("moved")).expect("listed").count(), 0, "left behind");
    }

    #[test]
    fn a_file_is_linked_from_where_it_was_made() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, mut staged, theirs) = swapped(root.path());
        let parent = store.open_root().expect("opened");
        parent.link(&mut staged, "a").expect("linked");
        assert_eq!(fs::read(root.path().join("a")).expect("it is there"), b"ours");
        check(root.path(), &theirs);
    }

    #[test]
    fn a_file_is_renamed_from_where_it_was_made() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, mut staged, theirs) = swapped(root.path());
        let parent = store.open_root().expect("opened");
        parent.replace(&mut staged, "a").expect("renamed");
        assert_eq!(fs::read(root.path().join("a")).expect("it is there"), b"ours");
        check(root.path(), &theirs);
    }

    #[test]
    fn without_links_a_file_is_renamed_from_where_it_was_made() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, mut staged, theirs) = swapped(root.path());
        let parent = store.open_root().expect("opened");
        staged.rename_where_absent(&*parent, "a").expect("renamed");
        assert_eq!(fs::read(root.path().join("a")).expect("it is there"), b"ours");
        check(root.path(), &theirs);
    }

    #[test]
    fn a_file_that_is_given_up_is_removed_where_it_was_made() {
        let root = tempfile::tempdir().expect("a directory");
        let (_, staged, theirs) = swapped(root.path());
        drop(staged);
        check(root.path(), &theirs);
    }

    #[test]
    fn temporary_names_share_a_descriptor_until_the_directory_is_another() {
        let root = tempfile::tempdir().expect("a directory");
        let store = Store::new(root.path().to_owned(), false, false);
        let first = store.staging().expect("opened");
        assert!(Arc::ptr_eq(&first, &store.staging().expect("opened")));
        fs::rename(root.path().join(STAGING), root.path().join("moved")).expect("moved");
        assert!(!Arc::ptr_eq(&first, &store.staging().expect("opened")));
    }
}
