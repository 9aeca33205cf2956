//! Calls on the event loop's thread return while all workers are blocked, as by a hung disk.
#![cfg(target_os = "linux")]

mod common;

use std::path::Path;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use std::{fs, io};

use common::{
    PATIENCE, engine, expected, finish, hashes, keep_workers_busy, painted, publication, put, stores, wait,
    writer,
};
use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, Hasher, hash_parallel};
use laboxide_core::store::Key;
use laboxide_core::write::Existing;
use laboxide_core::{BLOCK, CancelToken, Error, read};

fn is_open(path: &Path) -> bool {
    let links = fs::read_dir("/proc/self/fd").expect("listed").map(|entry| fs::read_link(entry?.path()));
    links.filter_map(io::Result::ok).any(|target| target == path)
}

#[test]
fn verified_object_is_closed_by_a_worker() {
    let root = tempfile::tempdir().expect("a directory");
    let [store, _] = stores(root.path());
    let expected = expected(Algorithm::Blake3, &painted(10));
    put(&store, &painted(10), publication("a", expected.clone(), Existing::Heal)).expect("written");
    let (path, reader) = (store.root().join("a"), store.clone());
    let open = move || reader.open(&Key::parse("a")?);
    let verified = wait(|done| {
        read::open_verified(engine(), open, expected, CancelToken::default(), done);
    })
    .expect("verified");
    let busy = keep_workers_busy();
    drop(verified);
    assert!(is_open(&path), "this thread closed it");
    drop(busy);
    for _ in 0..2000 {
        if !is_open(&path) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("no worker closed it");
}

#[test]
fn data_is_hashed_by_the_caller() {
    let mut data = Arc::new(painted(3 * BLOCK));
    let busy = keep_workers_busy();
    // None if a job of another test is queued as well.
    let hash = hash_parallel(Engine::pool, Algorithm::Blake3, &data, || Ok::<_, ()>(()));
    assert!(hash.is_none_or(|hash| hash == Ok(Hasher::hash(Algorithm::Blake3, &data))));
    assert!(Arc::get_mut(&mut data).is_some(), "a queued job keeps the data");
    let next = hash_parallel(Engine::pool, Algorithm::Blake3, &data, || Ok::<_, ()>(()));
    assert_eq!(next, None, "each call queues another job");
    drop(busy);
}

#[test]
fn digest_of_an_aborted_stream_fails_immediately() {
    let root = tempfile::tempdir().expect("a directory");
    let [store, _] = stores(root.path());
    let writer = writer(Some(&store), &[Algorithm::Blake3]);
    let busy = keep_workers_busy();
    writer.feed(painted(3 * BLOCK)).expect("fed");
    writer.abort();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || sender.send(writer.digest()));
    let digest = receiver.recv_timeout(PATIENCE).expect("a result while the workers are blocked");
    assert!(matches!(digest, Err(Error::Closed(_))));
    drop(busy);
}

#[test]
fn digest_of_an_open_stream_is_returned_immediately() {
    let root = tempfile::tempdir().expect("a directory");
    let [store, _] = stores(root.path());
    let writer = writer(Some(&store), &Algorithm::ALL);
    let data = painted(5 * BLOCK + 1000);
    writer.feed(data[..2 * BLOCK].to_vec()).expect("fed");
    let busy = keep_workers_busy();
    writer.feed(data[2 * BLOCK..].to_vec()).expect("fed");
    let (writer, (sender, receiver)) = (Arc::new(writer), mpsc::channel());
    let shared = Arc::clone(&writer);
    thread::spawn(move || sender.send(shared.digest()));
    let digest = receiver.recv_timeout(PATIENCE).expect("a result while the workers are blocked");
    let hashes = hashes(&data);
    assert_eq!(digest.expect("a digest").hashes, hashes);
    drop(busy);
    assert_eq!(finish(&writer).expect("written").hashes, hashes);
}
