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
