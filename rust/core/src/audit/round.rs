//! One round of an audit: reads objects in order until its time is over.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Finding, Named, Outcome, Plan, Problem};
use crate::digest::Expected;
use crate::error::{Context as _, Error, Result};
use crate::fs::kind::drop_page_cache;
use crate::pass::hash_open_file_with;
use crate::read::check_read;
use crate::runtime::cancel::CancelToken;
use crate::runtime::pool::guarded;
use crate::runtime::priority::lower_priority;
use crate::runtime::sync::lock;
use crate::store::{Object, Store};

/// The time after which a round begins no further object. Its findings are reported at its end.
const ROUND: Duration = Duration::from_millis(250);

struct Round<'a> {
    store: &'a Store,
    objects: &'a [Named],
    plan: &'a Plan,
    cancel: &'a CancelToken,
    until: Instant,
    /// The index of the next object.
    next: AtomicUsize,
    /// The index of the first object with a problem.
    first_bad: AtomicUsize,
    /// Set after a quarantine, to report it immediately, and after an error.
    stopped: AtomicBool,
    /// The first error.
    error: Mutex<Option<Error>>,
}

/// Runs a round on this thread and the helpers it starts.
pub(super) fn run(store: &Store, objects: &[Named], plan: &Plan, cancel: &CancelToken) -> Result<()> {
    drop(plan.outcomes.begin_move());
    let round = Round::new(store, objects, plan, cancel);
    thread::scope(|scope| {
        for _ in 1..plan.workers.min(objects.len()) {
            // Best effort: a helper that cannot be spawned is skipped.
            let builder = thread::Builder::new().name("laboxide-audit".into());
            let _ = builder.spawn_scoped(scope, || round.work());
        }
        round.work();
    });
    lock(&round.error).take().map_or(Ok(()), Err)
}

impl<'a> Round<'a> {
    fn new(store: &'a Store, objects: &'a [Named], plan: &'a Plan, cancel: &'a CancelToken) -> Self {
        Self {
            store,
            objects,
            plan,
            cancel,
            until: Instant::now() + ROUND,
            next: AtomicUsize::new(0),
            first_bad: AtomicUsize::new(usize::MAX),
            stopped: AtomicBool::new(false),
            error: Mutex::default(),
        }
    }

    fn work(&self) {
        lower_priority();
        while let Some((index, named)) = self.next_object() {
            if let Err(error) = guarded(|| self.audit_object(index, named))
                && !self.is_stopped(index)
            {
                lock(&self.error).get_or_insert(error);
                self.stopped.store(true, Ordering::Relaxed);
            }
        }
    }

    /// Returns the next object, or None at the end of the round. At least one object is begun.
    fn next_object(&self) -> Option<(usize, &Named)> {
        let is_late = self.is_late() && self.next.load(Ordering::Relaxed) > 0;
        if is_late || self.stopped.load(Ordering::Relaxed) {
            return None;
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Some((index, self.objects.get(index)?))
    }

    fn is_late(&self) -> bool {
        Instant::now() > self.until
    }

    /// Returns whether to give up the object with this index: the next round reads it again.
    ///
    /// Reading a large object may take far longer than a round. It must not delay the report of a finding
    /// that comes before it.
    fn is_stopped(&self, index: usize) -> bool {
        self.stopped.load(Ordering::Relaxed)
            || (self.is_late() && index > self.first_bad.load(Ordering::Relaxed))
    }

    fn check(&self, index: usize) -> Result<()> {
        self.cancel.check()?;
        if self.is_stopped(index) { Err(Error::Cancelled) } else { Ok(()) }
    }

    /// Reads an object, a second time from the device if the first read finds a problem.
    fn audit_object(&self, index: usize, named: &Named) -> Result<()> {
        let _moving; // held until the outcome is added
        let mut outcome = self.read(index, named, false)?;
        if matches!(outcome, Outcome::Bad(_)) {
            // Before the second read: only the file that was read may be quarantined.
            let seen = self.store.lstat(&named.key);
            outcome = match seen {
                Err(Error::Missing { .. }) => Outcome::Gone,
                _ => self.read(index, named, true)?,
            };
            if let (true, Outcome::Bad(finding), Ok(seen)) = (self.plan.repair, &mut outcome, seen)
                && finding.problem != Problem::Unreadable
            {
                _moving = self.plan.outcomes.begin_move();
                self.check(index)?;
                finding.moved_to = self.store.quarantine(&named.key, &seen)?;
            }
        }
        if let Outcome::Bad(finding) = &outcome {
            self.first_bad.fetch_min(index, Ordering::Relaxed);
            self.stopped.fetch_or(finding.moved_to.is_some(), Ordering::Relaxed);
        }
        self.plan.outcomes.add(named.key.clone(), outcome);
        Ok(())
    }

    fn read(&self, index: usize, named: &Named, bypass_cache: bool) -> Result<Outcome> {
        let object = match self.store.open(&named.key) {
            Ok(object) => object,
            Err(error) => return outcome_of(error, Problem::NotAFile),
        };
        if bypass_cache {
            drop_page_cache(&object.file);
        }
        match self.hash(index, &object, named) {
            Ok(size) => Ok(Outcome::Intact(size)),
            Err(error) => outcome_of(error, Problem::Corrupt),
        }
    }

    /// Hashes all of an object and returns its size.
    fn hash(&self, index: usize, object: &Object, named: &Named) -> Result<u64> {
        let Object { file, path, .. } = object;
        let size = file.metadata().context("stat", path)?.len();
        let expected = Expected { size, hash: Some(named.hash.clone()) };
        let check = || self.check(index);
        let found = hash_open_file_with(file, path, size, &expected.algorithms(), |bytes| {
            self.plan.pacer.as_ref().map_or_else(check, |pacer| pacer.wait(bytes, check))
        })?;
        check_read(path, &expected, &found).map(|()| size)
    }
}

/// Converts an error about the object to its outcome, and returns any other error.
fn outcome_of(error: Error, corrupt: Problem) -> Result<Outcome> {
    let (problem, expected, actual) = match error {
        Error::Missing { .. } => return Ok(Outcome::Gone),
        Error::Corrupt { expected, actual, .. } => (corrupt, expected, actual),
        error if error.is_resource_exhausted() => return Err(error),
        Error::Io { operation, source, .. } => {
            (Problem::Unreadable, "a readable file".into(), format!("cannot {operation} it: {source}"))
        }
        error => return Err(error),
    };
    Ok(Outcome::Bad(Finding { problem, expected, actual, moved_to: None }))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::digest::{Algorithm, Hasher, hex};
    use crate::store::Key;

    fn named(key: &str, data: &[u8]) -> Named {
        let hash = (Algorithm::Blake3, hex(&Hasher::hash(Algorithm::Blake3, data)));
        Named { key: Key::parse(key).expect("a key"), hash }
    }

    fn store(root: &Path) -> Store {
        fs::write(root.join("corrupt"), b"torn").expect("written");
        fs::write(root.join("intact"), b"data").expect("written");
        Store::new(root.to_owned(), false, false)
    }

    fn taken(plan: &Plan) -> Vec<(String, Option<bool>)> {
        let taken = plan.outcomes.take().into_iter().map(|(key, outcome)| {
            let is_moved = match outcome {
                Outcome::Bad(finding) => Some(finding.moved_to.is_some()),
                Outcome::Intact(_) | Outcome::Gone => None,
            };
            (key.as_str().to_owned(), is_moved)
        });
        taken.collect()
    }

    #[test]
    fn round_ends_after_a_quarantine_and_not_after_other_findings() {
        let objects = ["corrupt", "intact", "gone"].map(|key| named(key, b"data"));
        for repair in [false, true] {
            let root = tempfile::tempdir().expect("a directory");
            let plan = Plan { workers: 1, pacer: None, repair, outcomes: Arc::default() };
            run(&store(root.path()), &objects, &plan, &CancelToken::default()).expect("no error");
            let mut expected = vec![("corrupt".to_owned(), Some(repair))];
            if !repair {
                expected.extend([("intact".to_owned(), None), ("gone".to_owned(), None)]);
            }
            assert_eq!(taken(&plan), expected);
            assert_eq!(root.path().join("corrupt").exists(), !repair);
        }
    }

    #[test]
    fn late_round_gives_up_objects_after_a_finding_and_none_before() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, cancel) = (store(root.path()), CancelToken::default());
        let plan = Plan { workers: 1, pacer: None, repair: false, outcomes: Arc::default() };
        let mut round = Round::new(&store, &[], &plan, &cancel);
        round.first_bad = AtomicUsize::new(1);
        assert!(round.check(2).is_ok(), "in time");
        round.until = Instant::now().checked_sub(Duration::from_secs(1)).expect("after boot");
        assert!([0, 1].iter().all(|index| round.check(*index).is_ok()));
        assert!(matches!(round.check(2), Err(Error::Cancelled)));
    }

    #[test]
    fn cancelled_round_keeps_earlier_outcomes() {
        let root = tempfile::tempdir().expect("a directory");
        let (store, cancel) = (store(root.path()), CancelToken::default());
        let plan = Plan { workers: 1, pacer: None, repair: false, outcomes: Arc::default() };
        let objects = [named("intact", b"data"), named("corrupt", b"data")];
        run(&store, &objects, &plan, &cancel).expect("no error");
        cancel.cancel();
        assert!(matches!(run(&store, &objects, &plan, &cancel), Err(Error::Cancelled)));
        assert_eq!(taken(&plan), [("intact".to_owned(), None), ("corrupt".to_owned(), Some(false))]);
    }
}
