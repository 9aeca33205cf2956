//! A store with a model of its objects.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use laboxide_core::Engine;
use laboxide_core::digest::Algorithm;
use laboxide_core::read::{StreamReader, Taken, read_blob};
use laboxide_core::store::{Key, Store};
use laboxide_core::write::{Existing, Publication, Published};
use laboxide_core::{CancelToken, Error, Result};
use tempfile::TempDir;

use crate::{Claim, Memory, Script, Session, painted, wait};

/// Much longer than a worker takes to stop after an abort.
const TIMEOUT: Duration = Duration::from_secs(30);
const MAX_CHUNKS: usize = 256;

/// A store with objects under three names.
pub struct World {
    root: TempDir,
    /// The store under test.
    pub store: Arc<Store>,
    objects: BTreeMap<u8, &'static [u8]>,
}

impl World {
    /// Creates an empty store, portable or not, durable or not.
    pub fn new(script: &mut Script<'_>) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let (portable, durable) = (script.flag(), script.choice(16) == 15);
        let store = Arc::new(Store::new(root.path().to_owned(), durable, portable));
        Self { root, store, objects: BTreeMap::new() }
    }

    fn path(&self, name: u8) -> PathBuf {
        self.root.path().join("a").join(name.to_string())
    }

    /// Publishes the content of `session` under any name, with a claim that may be false.
    pub fn publish(&mut self, script: &mut Script<'_>, session: &mut Session) {
        let Some(staged) = session.take() else { return };
        let (name, content) = (script.choice(3), session.content());
        let claim = Claim::choose(script, session.algorithm(), content);
        let existing = match script.choice(4) {
            0 => Existing::Heal,
            1 => Existing::Keep,
            2 => Existing::Refuse,
            _ => Existing::Replace,
        };
        let publication = Publication { key: key(name), expected: claim.expected.clone(), existing };
        let found = wait(|done| staged.publish(publication, move |result, _| done(result)));
        let present = self.objects.get(&name).copied();
        if !claim.holds(content) {
            return assert!(matches!(found, Err(Error::Mismatch { .. })), "{found:?}");
        }
        let kept = present.is_some_and(|present| claim.holds(present));
        match (present, existing) {
            (None, _) => assert_eq!(found.expect("created"), Published::Created),
            (Some(_), Existing::Heal | Existing::Keep) if kept => {
                return assert_eq!(found.expect("kept"), Published::Existed);
            }
            (Some(_), Existing::Keep | Existing::Refuse) => {
                let kind = found.expect_err("exists").io_kind();
                return assert_eq!(kind, Some(ErrorKind::AlreadyExists));
            }
            (Some(_), Existing::Heal | Existing::Replace) => {
                assert_eq!(found.expect("replaced"), Published::Healed);
            }
        }
        self.objects.insert(name, content);
    }

    /// Overwrites an object on disk, without the store.
    pub fn overwrite(&mut self, script: &mut Script<'_>, max: usize) -> usize {
        let name = script.choice(3);
        let content = painted(script.choice(251), script.size().min(max));
        let path = self.path(name);
        fs::create_dir_all(self.root.path().join("a")).expect("a directory");
        let _ = fs::remove_file(&path);
        fs::write(path, content).expect("written");
        self.objects.insert(name, content);
        content.len()
    }

    /// Removes an object.
    pub fn remove(&mut self, script: &mut Script<'_>) {
        let name = script.choice(3);
        match self.store.remove(&key(name)) {
            Ok(()) => assert!(self.objects.remove(&name).is_some(), "removed a missing object"),
            Err(error) => {
                assert!(matches!(error, Error::Missing { .. }), "{error}");
                assert!(!self.objects.contains_key(&name), "missed an existing object");
            }
        }
    }

    /// Reads an object with a claim that may be false.
    ///
    /// Reads it whole, or as a stream that may be dropped early.
    pub fn read(&self, script: &mut Script<'_>) -> usize {
        let name = script.choice(3);
        let content = self.objects.get(&name).copied();
        let algorithm = Algorithm::ALL[usize::from(script.choice(2))];
        let claim = Claim::choose(script, algorithm, content.unwrap_or_default());
        let read = if script.flag() {
            self.read_stream(script, name, &claim)
        } else {
            self.read_whole(name, &claim)
        };
        match (content, read) {
            (None, read) => assert!(matches!(read, Err(Error::Missing { .. })), "read no object: {read:?}"),
            (Some(content), Ok((read, complete))) => {
                assert!(content.starts_with(&read), "the read returned other bytes");
                assert!(!complete || (read.len() == content.len() && claim.holds(content)), "not verified");
            }
            (Some(content), Err(error)) => {
                assert!(matches!(error, Error::Corrupt { .. }), "{error}");
                assert!(!claim.holds(content), "{error}, but the claim holds");
            }
        }
        content.map_or(0, <[u8]>::len)
    }

    fn read_whole(&self, name: u8, claim: &Claim) -> Result<(Vec<u8>, bool)> {
        let (store, expected) = (Arc::clone(&self.store), claim.expected.clone());
        let memory = Memory::new(usize::try_from(expected.size).expect("small"));
        let cancel = CancelToken::default();
        let filled: Result<Memory> = wait(|done| {
            read_blob(Engine::current().expect("threads"), store, key(name), expected, memory, cancel, done);
        });
        filled.map(|memory| (memory.into_bytes(), true))
    }

    fn read_stream(&self, script: &mut Script<'_>, name: u8, claim: &Claim) -> Result<(Vec<u8>, bool)> {
        let size = usize::try_from(claim.expected.size).expect("small");
        let chunk_size = script.size().max(size / MAX_CHUNKS);
        let may_stop = script.flag();
        let max_chunks =
            script.byte().filter(|_| may_stop).map_or(usize::MAX, |count| 1 + usize::from(count));
        let store = Arc::clone(&self.store);
        let open = move || store.open(&key(name));
        let reader =
            StreamReader::new(Engine::current().expect("threads"), open, claim.expected.clone(), chunk_size);
        let mut read = Vec::new();
        for _ in 0..max_chunks {
            match next(&reader)? {
                Some(chunk) => read.extend(chunk.into_bytes()),
                None => return Ok((read, true)),
            }
        }
        Ok((read, false))
    }

    /// Checks that the store has exactly the objects of the model. All streams must have been dropped.
    pub fn check_objects(self) {
        let begun = std::time::Instant::now();
        let expected: Vec<_> = self.objects.keys().map(|name| self.path(*name)).collect();
        while files(self.root.path()) != expected {
            assert!(begun.elapsed() < TIMEOUT, "files on disk: {:?}", files(self.root.path()));
            std::thread::sleep(Duration::from_millis(1));
        }
        for (name, content) in &self.objects {
            assert!(fs::read(self.path(*name)).expect("the object") == *content, "object {name} was changed");
        }
    }
}

fn next(reader: &StreamReader<Memory>) -> Result<Option<Memory>> {
    loop {
        while let Some(len) = reader.next_buffer_size() {
            reader.supply(Memory::new(len));
        }
        match reader.take()? {
            Taken::Chunk(chunk) => return Ok(Some(chunk)),
            Taken::Pending => wait(|done| reader.wait(done))?,
            Taken::End => return Ok(None),
        }
    }
}

fn key(name: u8) -> Key {
    Key::parse(&format!("a/{name}")).expect("a key")
}

/// Returns all files below a directory, sorted.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory").flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found.sort();
    found
}
