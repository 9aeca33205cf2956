//! Checks whether an existing object holds the content, also after a power cut.

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
