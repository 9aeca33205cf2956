//! Switches for defects that are built in on purpose, to test the tests.
//!
//! The special build of faults/ adds this module to its copy of the engine. The engine itself has
//! neither the module nor a call of it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::panic::Location;
use std::path::PathBuf;
use std::sync::LazyLock;
use std::time::{Duration, Instant};
use std::{env, fs, thread};

/// A thread that holds a lock on request releases it after this time, whatever happens.
const LONGEST: Duration = Duration::from_millis(200);

/// Returns whether `LABOXIDE_MUTANT` names this mutant.
pub(crate) fn is_on(name: &str) -> bool {
    static CHOSEN: LazyLock<Option<String>> = LazyLock::new(|| env::var("LABOXIDE_MUTANT").ok());
    CHOSEN.as_deref() == Some(name)
}

/// Panics if `step` is the chosen mutant and the file `LABOXIDE_ARMED` exists; removes that file.
pub(crate) fn panic_at(step: &str) {
    let armed = || env::var_os("LABOXIDE_ARMED");
    let fires = is_on(step) && armed().is_some_and(|file| fs::remove_file(file).is_ok());
    assert!(!fires, "on purpose, at {step}");
}

/// Holds the lock that the caller has just taken for as long as a process needs to fork.
///
/// Each place that takes a lock creates a file of its name in the directory `LABOXIDE_LOCKS`. The
/// process that forks writes such a name to `wanted`; `kept` appears when a thread holds the lock
/// of that place, and the thread releases the lock when `kept` is removed.
#[track_caller]
pub(crate) fn keep_lock() {
    static DIRECTORY: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| env::var_os("LABOXIDE_LOCKS").map(PathBuf::from));
    thread_local!(static REPORTED: RefCell<HashSet<*const Location<'static>>> = RefCell::default());

    let Some(directory) = &*DIRECTORY else { return };
    let caller = Location::caller();
    let name = || format!("{}:{}", caller.file().replace('/', "."), caller.line());
    if REPORTED.try_with(|reported| reported.borrow_mut().insert(caller)) == Ok(true) {
        let _ = fs::File::create_new(directory.join(name()));
    }
    let (wanted, kept) = (directory.join("wanted"), directory.join("kept"));
    let is_wanted = fs::read_to_string(&wanted).is_ok_and(|wanted| wanted == name());
    if is_wanted && fs::rename(&wanted, &kept).is_ok() {
        let begun = Instant::now();
        while kept.exists() && begun.elapsed() < LONGEST {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = fs::remove_file(&kept);
    }
}
