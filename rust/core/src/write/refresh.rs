//! The modification time of an object whose content is written again.
//!
//! A dedup hit refreshes it, so that a collector by age keeps an object that was just written again:
//!
//! 1. `dedup.rs` checks the object and sets its time through the open descriptor if it is old. With
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
use std::time::{Duration, SystemTime};

/// The age from which a time is refreshed: half of the shortest grace period of a collector. A younger
/// object has the other half left, and most dedup hits cost no system call that changes the file.
const YOUNG: Duration = Duration::from_secs(30 * 60);

/// Sets the modification time of `file` to now, unless it is younger than [`YOUNG`].
///
/// A time in the future counts as young. Only another host's clock can have set it; to set it back would
/// make the object older for a collector that runs there.
pub(super) fn refresh(file: &File, metadata: &Metadata) -> io::Result<()> {
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
