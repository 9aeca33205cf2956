//! Checks whether an existing object holds the content, also after a power cut.
//!
//! A dedup hit refreshes the modification time of the object, so that a collector by age keeps an object that was just written again:
//!
//! 1. [`check_existing`] checks the object and sets its time through the open descriptor if it is old. With
//!    `durable`, the flush of the object comes after that and covers the time.
//! 2. `publish.rs` checks whether the name still refers to that file. A collector that saw the old time may
//!    have removed the name; the staged file is then linked under it. The check is made for young objects as
//!    well: another writer may have refreshed the object after the collector decided.
//! 3. Where the time may not be set, the staged file replaces the object. Where that fails as well, the hit
//!    succeeds, and Python logs one warning for each root and process.
//!
//! The object of a hard-linked import is the user's file, whose time is refreshed too: a modification time
//! that is too young harms less than a lost object.

use std::fs::{File, Metadata};
use std::io;
use std::ops::Range;
use std::time::{Duration, SystemTime};

use super::Publication;
use crate::digest::ContentDigest;
use crate::error::{Context as _, Error, Result};
use crate::fs::directories::Directory;
use crate::fs::extents::unwritten;
use crate::fs::io::read_into_slab;
use crate::fs::staged::StagedFile;
use crate::fs::stat::FileStat;
use crate::memory::slab::Slab;
use crate::pass::hash_open_file;
use crate::store::Store;

/// The bytes compared per read.
const PIECE: usize = 64 << 10;

/// An existing object with the same content.
pub(super) struct Hit {
    file: File,
    /// Its metadata at the time it was opened.
    seen: FileStat,
    /// Whether its modification time is young, if need be after a refresh.
    pub(super) is_young: bool,
}

impl Hit {
    /// Returns whether `name` still refers to the file that was checked and refreshed.
    ///
    /// A collector that read the old time may have removed the name. So this check follows the refresh,
    /// and also runs for an object that another writer has just refreshed.
    pub(super) fn is_at(&self, parent: &dyn Directory, name: &str) -> Result<bool> {
        match parent.identity_of(name) {
            Err(Error::Missing { .. }) => Ok(false),
            result => Ok(result? == self.seen.identity),
        }
    }

    /// Returns whether `staged` is the same file: renaming a hard link over itself does nothing.
    pub(super) fn is(&self, staged: &StagedFile) -> bool {
        let identity = staged.file().metadata().ok().and_then(|metadata| FileStat::of(&metadata).identity);
        identity.is_some() && identity == self.seen.identity
    }
}

/// Checks the existing object against `publication` and refreshes its modification time.
///
/// With `durable`, the object and the time are on the device afterwards. After a power cut or a device error a
/// file may have its size but none of its bytes. So the size counts only where the device has allocated data,
/// or where `staged`, which holds the content, is zero as well.
pub(super) fn check_existing(
    store: &Store,
    parent: &dyn Directory,
    publication: &Publication,
    staged: Option<&StagedFile>,
) -> Result<Hit> {
    let hit = open_valid(parent, publication)?;
    let file = &hit.file;
    let path = parent.path().join(publication.key.name());
    let flush = || file.sync_all().context("fsync", &path);
    if store.durable() {
        // Its writer may not have flushed it yet, or not at all. The flush covers the refreshed time.
        flush()?;
    }
    let size = publication.expected.size;
    let mut missing = unwritten(file, size);
    if !missing.is_empty() && !store.durable() && flush().is_ok() {
        // The data was only in the page cache.
        missing = unwritten(file, size);
    }
    let lost = |range: Range<u64>| match staged {
        Some(staged) => first_lost(staged, range).transpose(),
        // There is no content to compare with.
        None => Some(Ok(range.start)),
    };
    match missing.into_iter().find_map(lost) {
        None => Ok(hit),
        Some(lost) => Err(Error::corrupt(&path, &"content", &format!("nothing written at byte {}", lost?))),
    }
}

/// Opens the existing object, checks its size and its hash, if one is expected, and refreshes it.
fn open_valid(parent: &dyn Directory, publication: &Publication) -> Result<Hit> {
    let Publication { key, expected, .. } = publication;
    let path = parent.path().join(key.name());
    let file = parent.open_file(key.name()).map_err(Error::or_missing)?;
    let metadata = file.metadata().context("stat", &path)?;
    let size = metadata.len();
    let hit = |file: File| {
        let is_young = refresh(&file, &metadata).is_ok();
        Hit { file, seen: FileStat::of(&metadata), is_young }
    };
    let mut found = ContentDigest { size, hashes: Vec::new() };
    if size == expected.size && expected.hash.is_some() {
        found = hash_open_file(&file, &path, size, &expected.algorithms())?;
    }
    match expected.difference(&found) {
        None => Ok(hit(file)),
        Some((expected, actual)) => Err(Error::Corrupt { path, expected, actual }),
    }
}

/// The age from which a time is refreshed: half of the shortest grace period of a collector. A younger
/// object has the other half left, and most dedup hits cost no system call that changes the file.
const YOUNG: Duration = Duration::from_secs(30 * 60);

/// Sets the modification time of `file` to now, unless it is younger than [`YOUNG`].
///
/// A time in the future counts as young. Only another host's clock can have set it; to set it back would
/// make the object older for a collector that runs there.
fn refresh(file: &File, metadata: &Metadata) -> io::Result<()> {
    let is_old = |modified| SystemTime::now().duration_since(modified).is_ok_and(|age| age >= YOUNG);
    if !is_old(metadata.modified()?) {
        return Ok(());
    }
    touch(file)
}

/// Sets both times to the clock of the file system, which is a server's on a network file system.
///
/// Both times are set to now, because the kernel then treats the call as a plain touch and allows it for
/// every user with write permission and for an append-only file. The descriptor may be read-only.
#[cfg(unix)]
fn touch(file: &File) -> io::Result<()> {
    use rustix::fs::{Timespec, Timestamps, UTIME_NOW, futimens};

    let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
    Ok(futimens(file, &Timestamps { last_access: now, last_modification: now })?)
}

/// Windows refuses this for a handle that was opened read-only: the object is then renewed.
#[cfg(not(unix))]
fn touch(file: &File) -> io::Result<()> {
    file.set_modified(SystemTime::now())
}

/// Returns the first nonzero byte of the content in `range`, which the existing object reads as zeros.
fn first_lost(staged: &StagedFile, range: Range<u64>) -> Result<Option<u64>> {
    let mut piece = Slab::with_capacity(PIECE);
    for start in range.clone().step_by(PIECE) {
        let len = PIECE.min(usize::try_from(range.end - start).unwrap_or(PIECE));
        piece.clear();
        read_into_slab(staged.file(), staged.path(), &mut piece, len, start)?;
        if let Some(index) = piece.iter().position(|byte| *byte != 0) {
            return Ok(Some(start + index as u64));
        }
    }
    Ok(None)
}
