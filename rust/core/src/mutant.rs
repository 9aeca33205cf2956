//! Defects on purpose, to see whether the tests would find them.
//!
//! A build with `--cfg laboxide_mutants` leaves out or gets wrong the one step that `LABOXIDE_MUTANT`
//! names. That is no feature of Cargo's, so that none can bring it into a wheel; in every other build
//! the question costs nothing.

/// Whether the step `name` is to go wrong.
#[cfg(laboxide_mutants)]
pub(crate) fn is_on(name: &str) -> bool {
    static CHOSEN: std::sync::LazyLock<Option<String>> =
        std::sync::LazyLock::new(|| std::env::var("LABOXIDE_MUTANT").ok());
    CHOSEN.as_deref() == Some(name)
}

/// Keeps a lock that was just taken for as long as somebody forks, if it is the one that is asked for.
///
/// In the directory `LABOXIDE_LOCKS`, a file for each place where a lock is taken says that it was. Who
/// writes the name of one to `wanted` finds `kept` when the lock of that place is held, and removes it
/// to have the lock let go of.
#[cfg(laboxide_mutants)]
#[track_caller]
pub(crate) fn keep_lock() {
    use std::cell::RefCell;
    use std::collections::HashSet;
    use std::fs;
    use std::panic::Location;
    use std::path::PathBuf;
    use std::sync::LazyLock;
    use std::time::{Duration, Instant};

    const LONGEST: Duration = Duration::from_millis(200);
    static DIRECTORY: LazyLock<Option<PathBuf>> =
        LazyLock::new(|| std::env::var_os("LABOXIDE_LOCKS").map(PathBuf::from));
    thread_local!(static TOLD: RefCell<HashSet<*const Location<'static>>> = RefCell::default());

    let Some(directory) = &*DIRECTORY else { return };
    let caller = Location::caller();
    let name = || format!("{}:{}", caller.file().replace('/', "."), caller.line());
    if TOLD.try_with(|told| told.borrow_mut().insert(caller)) == Ok(true) {
        let _ = fs::File::create_new(directory.join(name()));
    }
    let (wanted, kept) = (directory.join("wanted"), directory.join("kept"));
    let is_wanted = fs::read_to_string(&wanted).is_ok_and(|wanted| wanted == name());
    if is_wanted && fs::rename(&wanted, &kept).is_ok() {
        let begun = Instant::now();
        while kept.exists() && begun.elapsed() < LONGEST {
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = fs::remove_file(&kept);
    }
}

#[cfg(not(laboxide_mutants))]
pub(crate) const fn keep_lock() {}

/// Panics, once for each time that somebody has made the file `LABOXIDE_ARMED`.
#[cfg(laboxide_mutants)]
pub(crate) fn panic_at(step: &str) {
    let armed = || std::env::var_os("LABOXIDE_ARMED");
    let fires = is_on(step) && armed().is_some_and(|file| std::fs::remove_file(file).is_ok());
    assert!(!fires, "on purpose, at {step}");
}

#[cfg(not(laboxide_mutants))]
pub(crate) const fn panic_at(_step: &str) {}

#[cfg(not(laboxide_mutants))]
pub(crate) const fn is_on(_name: &str) -> bool {
    false
}
