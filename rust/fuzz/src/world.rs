//! A store, beside what has to be in it.

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

use crate::{Claim, Memory, Script, Session, answer, painted};

/// The work of a worker that was told to stop is over by far.
const PATIENCE: Duration = Duration::from_secs(30);
const CHUNKS_MOST: usize = 256;

/// A store of a few names.
pub struct World {
    root: TempDir,
    /// Through which it is written and read.
    pub store: Arc<Store>,
    objects: BTreeMap<u8, &'static [u8]>,
}

impl World {
    /// An empty store, of either kind.
    pub fn new(script: &mut Script<'_>) -> Self {
        let root = tempfile::tempdir().expect("a directory");
        let (portable, durable) = (script.flag(), script.choice(16) == 15);
        let store = Arc::new(Store::new(root.path().to_owned(), durable, portable));
        Self { root, store, objects: BTreeMap::new() }
    }

    fn path(&self, name: u8) -> PathBuf {
        self.root.path().join("a").join(name.to_string())
    }

    /// Publishes what `session` has written, under any name, as what it is or is not.
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
        let found = answer(|done| staged.publish(publication, move |result, _| done(result)));
        let taken = self.objects.get(&name).copied();
        if !claim.holds(content) {
            return assert!(matches!(found, Err(Error::Mismatch { .. })), "{found:?}");
        }
        let kept = taken.is_some_and(|taken| claim.holds(taken));
        match (taken, existing) {
            (None, _) => assert_eq!(found.expect("free"), Published::Created),
            (Some(_), Existing::Heal | Existing::Keep) if kept => {
                return assert_eq!(found.expect("there"), Published::Existed);
            }
            (Some(_), Existing::Keep | Existing::Refuse) => {
                let kind = found.expect_err("taken").io_kind();
                return assert_eq!(kind, Some(ErrorKind::AlreadyExists));
            }
            (Some(_), Existing::Heal | Existing::Replace) => {
                assert_eq!(found.expect("replaced"), Published::Healed);
            }
        }
        self.objects.insert(name, content);
    }

    /// Puts other bytes under a name, past the store.
    pub fn tear(&mut self, script: &mut Script<'_>, most: usize) -> usize {
        let name = script.choice(3);
        let content = painted(script.choice(251), script.size().min(most));
        let path = self.path(name);
        fs::create_dir_all(self.root.path().join("a")).expect("made");
        let _ = fs::remove_file(&path);
        fs::write(path, content).expect("written");
        self.objects.insert(name, content);
        content.len()
    }

    /// Removes an object.
    pub fn remove(&mut self, script: &mut Script<'_>) {
        let name = script.choice(3);
        match self.store.remove(&key(name)) {
            Ok(()) => assert!(self.objects.remove(&name).is_some(), "nothing was removed"),
            Err(error) => {
                assert!(matches!(error, Error::Missing { .. }), "{error}");
                assert!(!self.objects.contains_key(&name), "it is there");
            }
        }
    }

    /// Reads an object as what it is or is not, whole or as a stream that may be left.
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
            (None, read) => assert!(matches!(read, Err(Error::Missing { .. })), "found nothing: {read:?}"),
            (Some(content), Ok((read, ended))) => {
                assert!(content.starts_with(&read), "read what was not there");
                assert!(!ended || (read.len() == content.len() && claim.holds(content)), "trusted");
            }
            (Some(content), Err(error)) => {
                assert!(matches!(error, Error::Corrupt { .. }), "{error}");
                assert!(!claim.holds(content), "{error}, but it is right");
            }
        }
        content.map_or(0, <[u8]>::len)
    }

    fn read_whole(&self, name: u8, claim: &Claim) -> Result<(Vec<u8>, bool)> {
        let (store, expected) = (Arc::clone(&self.store), claim.expected.clone());
        let memory = Memory::new(usize::try_from(expected.size).expect("small"));
        let cancel = CancelToken::default();
        let filled: Result<Memory> = answer(|done| {
            read_blob(Engine::current().expect("threads"), store, key(name), expected, memory, cancel, done);
        });
        filled.map(|memory| (memory.into_bytes(), true))
    }

    fn read_stream(&self, script: &mut Script<'_>, name: u8, claim: &Claim) -> Result<(Vec<u8>, bool)> {
        let size = usize::try_from(claim.expected.size).expect("small");
        let chunk_size = script.size().max(size / CHUNKS_MOST);
        let may_leave = script.flag();
        let leaves_after =
            script.byte().filter(|_| may_leave).map_or(usize::MAX, |count| 1 + usize::from(count));
        let store = Arc::clone(&self.store);
        let open = move || store.open(&key(name));
        let reader =
            StreamReader::new(Engine::current().expect("threads"), open, claim.expected.clone(), chunk_size);
        let mut read = Vec::new();
        for _ in 0..leaves_after {
            match next(&reader)? {
                Some(chunk) => read.extend(chunk.into_bytes()),
                None => return Ok((read, true)),
            }
        }
        Ok((read, false))
    }

    /// After the last stream is gone: is there what should be, and nothing else?
    pub fn end(self) {
        let begun = std::time::Instant::now();
        let expected: Vec<_> = self.objects.keys().map(|name| self.path(*name)).collect();
        while files(self.root.path()) != expected {
            assert!(begun.elapsed() < PATIENCE, "{:?} are left", files(self.root.path()));
            std::thread::sleep(Duration::from_millis(1));
        }
        for (name, content) in &self.objects {
            assert!(fs::read(self.path(*name)).expect("there") == *content, "{name} was changed");
        }
    }
}

fn next(reader: &StreamReader<Memory>) -> Result<Option<Memory>> {
    loop {
        while let Some(len) = reader.wants() {
            reader.supply(Memory::new(len));
        }
        match reader.take()? {
            Taken::Chunk(chunk) => return Ok(Some(chunk)),
            Taken::Pending => answer(|done| reader.wait(done))?,
            Taken::End => return Ok(None),
        }
    }
}

fn key(name: u8) -> Key {
    Key::parse(&format!("a/{name}")).expect("a key")
}

/// All files below a directory, in order.
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
