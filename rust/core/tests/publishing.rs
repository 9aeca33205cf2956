//! Publishing: a name refers to the whole content or to nothing, regardless of its previous state.

mod common;

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::sync::Arc;

use common::{
    Chunk, engine, expected, feed, files, finish, get, painted, publication, publish, put, stores, writer,
};
use laboxide_core::digest::{Algorithm, Expected};
use laboxide_core::store::Store;
use laboxide_core::transfer::{Import, Link, import_file};
use laboxide_core::write::{Existing, Published, Staged, StreamWriter};
use laboxide_core::{BLOCK, CancelToken, Error};

fn each_store(test: impl Fn(Arc<Store>)) {
    let root = tempfile::tempdir().expect("a directory");
    stores(root.path()).into_iter().for_each(test);
}

/// Returns a stream of two blocks, written to its end.
fn ended_stream(store: &Arc<Store>) -> StreamWriter<Chunk> {
    let writer = writer(Some(store), &[Algorithm::Blake3]);
    feed(&writer, (0..2).map(|_| painted(BLOCK)), true).expect("fed");
    finish(&writer).expect("written");
    writer
}

#[test]
fn same_content_is_a_dedup_hit() {
    each_store(|store| {
        for len in [10, 3 * BLOCK] {
            let data = painted(len);
            let name = publication(&format!("a/{len}"), expected(Algorithm::Blake3, &data), Existing::Heal);
            assert_eq!(put(&store, &data, name.clone()).expect("written"), Published::Created);
            assert_eq!(put(&store, &data, name).expect("there"), Published::Existed);
        }
        assert_eq!(files(store.root()).len(), 2);
    });
}

#[test]
fn damaged_object_is_replaced() {
    each_store(|store| {
        let data = painted(10);
        let expected = expected(Algorithm::Blake3, &data);
        let path = store.root().join("a/b");
        fs::create_dir(store.root().join("a")).expect("made");
        let damages: [&dyn Fn(); 4] = [
            &|| fs::write(&path, b"").expect("emptied"),
            &|| fs::write(&path, [0; 11]).expect("extended"),
            &|| fs::write(&path, [0; 10]).expect("flipped"),
            &|| symlink("/dev/zero", &path).expect("linked"),
        ];
        for damage in damages {
            let _ = fs::remove_file(&path);
            damage();
            let name = publication("a/b", expected.clone(), Existing::Heal);
            assert_eq!(put(&store, &data, name).expect("healed"), Published::Healed);
            assert_eq!(get(&store, "a/b", expected.clone()).expect("read"), data);
        }
        assert_eq!(files(store.root()).len(), 1, "no temporary file remains");
    });
}

#[test]
fn other_content_under_a_kept_name_is_not_replaced() {
    each_store(|store| {
        let (first, second) = (b"first".to_vec(), b"other".to_vec());
        let name = |data: &[u8]| publication("name", expected(Algorithm::Sha256, data), Existing::Keep);
        put(&store, &first, name(&first)).expect("written");
        let refused = put(&store, &second, name(&second)).expect_err("taken");
        assert_eq!(refused.io_kind(), Some(io::ErrorKind::AlreadyExists));
        assert_eq!(put(&store, &first, name(&first)).expect("there"), Published::Existed);
        assert_eq!(get(&store, "name", expected(Algorithm::Sha256, &first)).expect("read"), first);
    });
}

#[test]
fn data_that_does_not_match_its_digest_is_refused() {
    each_store(|store| {
        for len in [10, 3 * BLOCK] {
            let data = painted(len);
            let mut wrong = data.clone();
            wrong[len / 2] ^= 1;
            let name = publication("a", expected(Algorithm::Blake3, &wrong), Existing::Heal);
            assert!(matches!(put(&store, &data, name), Err(Error::Mismatch { .. })));
            let short = Expected { size: len as u64 - 1, hash: None };
            let name = publication("a", short, Existing::Heal);
            assert!(matches!(put(&store, &data, name), Err(Error::Mismatch { .. })));
        }
        assert_eq!(files(store.root()), [] as [std::path::PathBuf; 0]);
    });
}

#[test]
fn aborted_stream_removes_its_staged_file() {
    each_store(|store| {
        let writer = writer(Some(&store), &[Algorithm::Blake3]);
        feed(&writer, (0..5).map(|_| painted(BLOCK)), true).expect("fed");
        writer.abort();
        assert!(matches!(writer.feed(painted(1)), Err(Error::Closed(_))));
        drop(writer);
        let gone = (0..500).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(10));
            files(store.root()).is_empty()
        });
        assert!(gone, "{:?}", files(store.root()));
    });
}

#[test]
fn aborted_stream_cannot_be_published() {
    each_store(|store| {
        let writer = ended_stream(&store);
        writer.abort();
        assert!(matches!(writer.take_staged().map(drop), Err(Error::Closed(_))));
    });
}

#[test]
fn unpublished_staged_file_is_removed() {
    each_store(|store| {
        let writer = ended_stream(&store);
        let staged = writer.take_staged().expect("ended");
        assert!(writer.take_staged().is_err(), "the staged file is taken once");
        let wrong = Expected { size: 1, hash: None };
        let refused = publish(staged, publication("a", wrong, Existing::Heal));
        assert!(matches!(refused, Err(Error::Mismatch { .. })));
        assert_eq!(files(store.root()).len(), 0);
    });
}

#[test]
fn objects_are_read_only_and_new_directories_are_writable() {
    each_store(|store| {
        let data = painted(10);
        let name = publication("a/b/c", expected(Algorithm::Blake3, &data), Existing::Heal);
        put(&store, &data, name).expect("written");
        let mode =
            |key: &str| fs::metadata(store.root().join(key)).expect("there").permissions().mode() & 0o777;
        assert_eq!(mode("a/b/c") & 0o222, 0);
        assert_eq!(mode("a/b") & 0o700, 0o700);
    });
}

#[test]
fn only_temporary_files_without_a_writer_are_removed() {
    each_store(|store| {
        let staging = store.root().join(".laboxide-staging");
        fs::create_dir(&staging).expect("made");
        let abandoned = staging.join("1-1-1.laboxide-tmp");
        let foreign = staging.join("notes.txt");
        let alive = staging.join("2-2-2.laboxide-tmp");
        for path in [&abandoned, &foreign, &alive] {
            fs::write(path, b"x").expect("written");
        }
        let lock = fs::File::open(&alive).expect("there");
        fs4::FileExt::try_lock(&lock).expect("free");
        let data = painted(10);
        put(&store, &data, publication("a", expected(Algorithm::Blake3, &data), Existing::Heal))
            .expect("written");
        assert_eq!([abandoned.exists(), foreign.exists(), alive.exists()], [false, true, true]);
    });
}

#[test]
fn links_below_the_root_are_not_followed() {
    each_store(|store| {
        let outside = tempfile::tempdir().expect("a directory");
        let data = painted(10);
        fs::write(outside.path().join("b"), &data).expect("written");
        symlink(outside.path(), store.root().join("a")).expect("linked");
        assert!(get(&store, "a/b", expected(Algorithm::Blake3, &data)).is_err());
        let name = publication("a/c", expected(Algorithm::Blake3, &data), Existing::Heal);
        put(&store, &data, name).expect_err("refused");
        assert!(!outside.path().join("c").exists());
    });
}

#[test]
#[cfg(target_os = "linux")]
fn imported_file_is_closed_before_the_import_completes() {
    each_store(|store| {
        let path = store.root().join("source");
        fs::write(&path, painted(3 * BLOCK)).expect("written");
        let opened = path.clone();
        let is_open = move |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| fs::read_link(entry.path()).is_ok_and(|target| target == opened))
        };
        let open = common::wait(|reply| {
            let done = move |staged: laboxide_core::Result<Staged<Chunk>>| {
                drop(staged.expect("staged"));
                reply(fs::read_dir("/proc/self/fd").expect("listed").any(is_open));
            };
            let import = Import { path, link: Link::Copy, algorithms: vec![], limit: None, counter: None };
            import_file(engine(), store, import, CancelToken::default(), done);
        });
        assert!(!open);
    });
}
