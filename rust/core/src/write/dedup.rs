//! Whether what has a name already is the content, and will be after a power cut.

use std::fs::File;
use std::ops::Range;

use super::Publication;
use super::refresh::refresh;
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

/// Bytes looked at at once.
const PIECE: usize = 64 << 10;

/// An object that is there already and holds the content.
pub(super) struct Hit {
    file: File,
    /// As it was when it was opened.
    seen: FileStat,
    /// Whether its modification time is young now.
    pub(super) is_young: bool,
}

impl Hit {
    /// Whether `name` still leads to the file that was checked and refreshed.
    ///
    /// A collector that looked at the time before it was refreshed may have removed the name. So this
    /// look comes after the refresh, also of an object that another writer has just refreshed.
    pub(super) fn is_at(&self, parent: &dyn Directory, name: &str) -> Result<bool> {
        match parent.identity_of(name) {
            Err(Error::Missing { .. }) => Ok(false),
            result => Ok(result? == self.seen.identity),
        }
    }

    /// Whether `staged` is the same file: a second hard link to it cannot take its place.
    pub(super) fn is(&self, staged: &StagedFile) -> bool {
        let identity = staged.file().metadata().ok().and_then(|metadata| FileStat::of(&metadata).identity);
        identity.is_some() && identity == self.seen.identity
    }
}

/// Checks that the object in place is what it should be, and refreshes its modification time; with
/// `durable`, object and time are on the device after this.
///
/// After a power cut, or after the device has failed once, a file may have its size and none of its
/// bytes. So size is trusted only where the device has the bytes that `staged` has, which is the content.
pub(super) fn check_existing(
    store: &Store,
    parent: &dyn Directory,
    publication: &Publication,
    staged: Option<&StagedFile>,
) -> Result<Hit> {
    let hit = sound(parent, publication)?;
    let file = &hit.file;
    let path = parent.path().join(publication.key.name());
    let flush = || file.sync_all().context("fsync", &path);
    if store.durable() {
        // Who wrote it may still wait for that, or not have asked for it. The refreshed time goes with it.
        flush()?;
    }
    let size = publication.expected.size;
    let mut missing = unwritten(file, size);
    if !missing.is_empty() && !store.durable() && flush().is_ok() {
        // It was only on its way to the device.
        missing = unwritten(file, size);
    }
    let lost = |range: Range<u64>| match staged {
        Some(staged) => first_lost(staged, range).transpose(),
        // Nothing to compare it with.
        None => Some(Ok(range.start)),
    };
    match missing.into_iter().find_map(lost) {
        None => Ok(hit),
        Some(lost) => Err(Error::corrupt(&path, &"content", &format!("nothing written at byte {}", lost?))),
    }
}

/// The object in place, opened and refreshed, if its size is right and, where that is asked for, its hash.
fn sound(parent: &dyn Directory, publication: &Publication) -> Result<Hit> {
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

/// Where the content is not zero within `range`, of which the device has nothing: it gives zeros.
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
