//! Helpers of the engine's tests: wait for results, generate data, read and write objects.
#![allow(dead_code)] // each test program uses a part of it
#![allow(missing_docs)]

use std::mem::MaybeUninit;
use std::path::Path;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use laboxide_core::Engine;
use laboxide_core::digest::{Algorithm, ContentDigest, Expected, Hasher, hex};
use laboxide_core::read::{self, Buffer, StreamReader, Taken};
use laboxide_core::store::{Key, Store};
use laboxide_core::write::{Existing, Flow, Publication, Published, Staged, StreamWriter, write_blob};
use laboxide_core::{CancelToken, Result};

pub type Chunk = Vec<u8>;

/// Far longer than any operation takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Waits for the result of an operation.
pub fn wait<T: Send + 'static>(start: impl FnOnce(Box<dyn FnOnce(T) + Send>)) -> T {
    let (sender, receiver) = mpsc::channel();
    start(Box::new(move |value| sender.send(value).expect("the test waits")));
    receiver.recv().expect("every operation calls back")
}

/// Returns a cycle of 251 bytes, so that swapped blocks differ.
pub fn painted(len: usize) -> Vec<u8> {
    let cycle: Vec<u8> = (0..=250).collect();
    let mut data = cycle.repeat(len.div_ceil(cycle.len()));
    data.truncate(len);
    data
}

/// Keeps all workers blocked until it is dropped.
pub struct Busy {
    _until: Vec<Sender<()>>,
    /// Two tests that held half of the workers each would deadlock.
    _alone: MutexGuard<'static, ()>,
}

pub fn keep_workers_busy() -> Busy {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (begun, all_begun) = mpsc::channel();
    let engine = engine();
    let until = (0..engine.width()).map(|_| {
        let (sender, dropped) = mpsc::channel::<()>();
        let begun = begun.clone();
        engine.spawn(move || {
            begun.send(()).expect("the test waits");
            let _ = dropped.recv();
        });
        sender
    });
    let busy = Busy { _until: until.collect(), _alone: alone };
    for _ in 0..engine.width() {
        all_begun.recv_timeout(PATIENCE).expect("a worker begins");
    }
    busy
}

pub fn hash(algorithm: Algorithm, data: &[u8]) -> String {
    hex(&Hasher::hash(algorithm, data))
}

/// Returns the hashes of `data` by every algorithm.
pub fn hashes(data: &[u8]) -> Vec<(Algorithm, String)> {
    Algorithm::ALL.iter().map(|algorithm| (*algorithm, hash(*algorithm, data))).collect()
}

pub fn expected(algorithm: Algorithm, data: &[u8]) -> Expected {
    Expected { size: data.len() as u64, hash: Some((algorithm, hash(algorithm, data))) }
}

pub fn stores(root: &Path) -> [Arc<Store>; 2] {
    [false, true].map(|portable| {
        let root = root.join(if portable { "portable" } else { "native" });
        std::fs::create_dir(&root).expect("a new directory");
        Arc::new(Store::new(root, false, portable))
    })
}

pub fn publication(key: &str, expected: Expected, existing: Existing) -> Publication {
    Publication { key: Key::parse(key).expect("a valid key"), expected, existing }
}

pub fn engine() -> &'static Engine {
    Engine::current().expect("threads")
}

/// Returns a stream that is hashed with `algorithms` and, with a store, written.
pub fn writer(store: Option<&Arc<Store>>, algorithms: &[Algorithm]) -> StreamWriter<Chunk> {
    StreamWriter::new(engine(), store.cloned(), algorithms.to_vec())
}

/// Feeds all chunks with back-pressure, as an event loop does.
pub fn feed(writer: &StreamWriter<Chunk>, chunks: impl Iterator<Item = Chunk>, lend: bool) -> Result<()> {
    for chunk in chunks {
        let flow = if lend { writer.feed(chunk) } else { writer.feed_copy(&chunk) };
        if flow? == Flow::Full {
            wait(|done| writer.room(done).expect("open"))?;
        }
    }
    Ok(())
}

pub fn finish(writer: &StreamWriter<Chunk>) -> Result<ContentDigest> {
    let (sender, receiver) = mpsc::channel();
    match writer.finish(move |result| sender.send(result).expect("the test waits"))? {
        Some(digest) => Ok(digest),
        None => receiver.recv().expect("a result").and_then(|()| writer.digest()),
    }
}

pub fn publish(staged: Staged<Chunk>, publication: Publication) -> Result<Published> {
    wait(|done| staged.publish(publication, move |result, _| done(result)))
}

pub fn put(store: &Arc<Store>, data: &[u8], publication: Publication) -> Result<Published> {
    let (store, data) = (Arc::clone(store), data.to_vec());
    wait(|done| {
        write_blob(engine(), store, data, publication, CancelToken::default(), move |result, _| done(result));
    })
}

/// A buffer for reads, poisoned so that unfilled bytes are visible.
pub struct Memory(Vec<u8>);

impl Memory {
    pub fn new(len: usize) -> Self {
        Self(vec![0xEE; len])
    }

    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl Buffer for Memory {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: both types have the same layout, and the engine writes only initialised bytes.
        unsafe { &mut *(std::ptr::from_mut(self.0.as_mut_slice()) as *mut [MaybeUninit<u8>]) }
    }
}

pub fn get(store: &Arc<Store>, key: &str, expected: Expected) -> Result<Vec<u8>> {
    let (store, key) = (Arc::clone(store), Key::parse(key).expect("a valid key"));
    let len = usize::try_from(expected.size).expect("small");
    let memory = Memory::new(len);
    let cancel = CancelToken::default();
    let filled: Result<Memory> = wait(|done| {
        read::read_blob(engine(), store, key, expected, memory, cancel, done);
    });
    filled.map(Memory::into_bytes)
}

pub fn stream(store: &Arc<Store>, key: &str, expected: Expected, chunk_size: usize) -> Result<Vec<u8>> {
    let (store, key) = (Arc::clone(store), Key::parse(key).expect("a valid key"));
    let reader = StreamReader::new(engine(), move || store.open(&key), expected, chunk_size);
    let mut content = Vec::new();
    loop {
        while let Some(len) = reader.next_buffer_size() {
            reader.supply(Memory::new(len));
        }
        match reader.take()? {
            Taken::Chunk(chunk) => content.extend(chunk.into_bytes()),
            Taken::Pending => wait(|done| reader.wait(done))?,
            Taken::End => return Ok(content),
        }
    }
}

/// Returns all files below a directory.
pub fn files(root: &Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root).expect("a directory").map(|entry| entry.expect("readable")) {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}
