//! Whole stores compared with the names of their objects.
//!
//! An audit reads cold data for hours, so it has threads of its own: on the workers it would keep
//! everyone else waiting for the device.

mod look;
mod moved;
mod pacer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

pub use look::Named;
use look::{Looker, Verdict};
pub use moved::Moved;
pub use pacer::Pacer;

use crate::cancel::CancelToken;
use crate::error::{Error, Result};
use crate::pool::{guarded, lock};
use crate::priority::yield_to_loops;
use crate::store::Store;

/// How long a round goes on to the next object. What it has found is known when it is over.
const ROUND: Duration = Duration::from_millis(250);

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The content is not what the name says.
    Corrupt,
    /// It is no regular file.
    NotAFile,
    /// It cannot be read; what it is, is not known.
    Unreadable,
}

/// An object that is not what its name says.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Which of the objects.
    pub index: usize,
    /// What is wrong with it.
    pub problem: Problem,
    /// What it should be.
    pub expected: String,
    /// What it is.
    pub actual: String,
    /// Where it is now, if it was moved aside.
    pub moved_to: Option<PathBuf>,
}

/// What one round has seen to.
#[derive(Clone, Debug, Default)]
pub struct Round {
    /// So many objects, from the first.
    pub done: usize,
    /// How many of them are sound or bad, and not gone.
    pub looked_at: usize,
    /// Bytes in those that are sound.
    pub bytes: u64,
    /// Those that are bad, in the order of the objects; also later ones that were moved aside.
    pub findings: Vec<Finding>,
}

/// How to go about it.
pub struct Plan {
    /// Objects at once.
    pub workers: usize,
    /// How fast to read.
    pub pacer: Option<Arc<Pacer>>,
    /// Where to note what is bad and moved aside; without it nothing is. All rounds over the same
    /// objects have the same.
    pub moved: Option<Arc<Moved>>,
}

/// Looks at objects, from the first, for a while; what came of it goes to `done`.
pub fn audit(
    store: Arc<Store>,
    objects: Vec<Named>,
    plan: Plan,
    cancel: CancelToken,
    done: impl FnOnce(Result<Round>) + Send + 'static,
) {
    let done = Arc::new(Mutex::new(Some(done)));
    let reply = Arc::clone(&done);
    let answer = move |result| {
        if let Some(done) = lock(&reply).take() {
            done(result);
        }
    };
    let named = thread::Builder::new().name("laboxide-audit".into());
    let answer_here = answer.clone();
    let started = named.spawn(move || answer(guarded(|| round(&store, &objects, &plan, &cancel))));
    if let Err(error) = started {
        answer_here(Err(Error::no_thread("a thread for the audit", error)));
    }
}

fn round(store: &Store, objects: &[Named], plan: &Plan, cancel: &CancelToken) -> Result<Round> {
    let (over, moved) = (CancelToken::default(), plan.moved.as_deref());
    if let Some(moved) = moved {
        moved.settle();
    }
    let looker = Looker { store, pacer: plan.pacer.as_deref(), moved, cancel, over: &over };
    let running = Running {
        looker,
        objects,
        until: Instant::now() + ROUND,
        next: AtomicUsize::new(0),
        outcome: Mutex::default(),
    };
    thread::scope(|scope| {
        for _ in 1..plan.workers.min(objects.len()) {
            // Without it the others do its part.
            let _ =
                thread::Builder::new().name("laboxide-audit".into()).spawn_scoped(scope, || running.work());
        }
        running.work();
    });
    let Running { next, outcome, .. } = running;
    let outcome = outcome.into_inner().unwrap_or_else(PoisonError::into_inner);
    outcome.finish(next.into_inner().min(objects.len()))
}

struct Running<'a> {
    looker: Looker<'a>,
    objects: &'a [Named],
    until: Instant,
    next: AtomicUsize,
    outcome: Mutex<Outcome>,
}

/// What came of the objects that were taken.
#[derive(Default)]
struct Outcome {
    seen: Vec<(usize, Verdict)>,
    /// The first object that could not be seen to, or was given up.
    undone: Option<usize>,
    /// Why not.
    error: Option<Error>,
}

impl Running<'_> {
    fn work(&self) {
        yield_to_loops();
        while let Some((index, named)) = self.take() {
            let verdict = guarded(|| self.looker.look(index, named));
            let goes_on = verdict.as_ref().is_ok_and(|verdict| !verdict.is_moved());
            lock(&self.outcome).add(index, verdict);
            // Who waits is told at once of what was moved, and of the error before those that follow.
            if !goes_on {
                self.looker.over.cancel();
            }
        }
    }

    fn take(&self) -> Option<(usize, &Named)> {
        if self.looker.over.check().is_err() || self.is_over() {
            return None;
        }
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        Some((index, self.objects.get(index)?))
    }

    /// However short the time, a round gets somewhere.
    fn is_over(&self) -> bool {
        self.next.load(Ordering::Relaxed) > 0 && Instant::now() > self.until
    }
}

impl Outcome {
    fn add(&mut self, index: usize, verdict: Result<Verdict>) {
        match verdict {
            Ok(verdict) => self.seen.push((index, verdict)),
            Err(error) => {
                self.undone = Some(self.undone.map_or(index, |first| first.min(index)));
                self.error.get_or_insert(error);
            }
        }
    }

    /// An error is left for the next round, which comes upon it again, if there is anything to tell.
    /// Of what comes after the first that is undone only what was moved: the rest is seen to again.
    fn finish(mut self, taken: usize) -> Result<Round> {
        self.seen.sort_unstable_by_key(|(index, _)| *index);
        let mut round = Round { done: self.undone.unwrap_or(taken), ..Round::default() };
        for (index, verdict) in self.seen {
            if index < round.done || verdict.is_moved() {
                round.count(index, verdict);
            }
        }
        match self.error {
            Some(error) if round.findings.is_empty() => Err(error),
            _ => Ok(round),
        }
    }
}

impl Round {
    fn count(&mut self, index: usize, verdict: Verdict) {
        match verdict {
            Verdict::Gone => return,
            Verdict::Sound(bytes) => self.bytes += bytes,
            Verdict::Bad(fault) => self.findings.push(fault.at(index)),
        }
        self.looked_at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use look::Fault;

    fn bad(moved_to: Option<PathBuf>) -> Verdict {
        let (expected, actual) = (String::new(), String::new());
        Verdict::Bad(Fault { problem: Problem::Corrupt, expected, actual, moved_to })
    }

    #[test]
    fn an_error_takes_nothing_away_that_was_moved() {
        let mut outcome = Outcome::default();
        outcome.add(4, Ok(bad(Some(PathBuf::from("aside")))));
        outcome.add(3, Ok(bad(None)));
        outcome.add(2, Err(Error::Closed("on purpose")));
        outcome.add(1, Ok(Verdict::Sound(10)));
        outcome.add(0, Ok(bad(None)));
        let round = outcome.finish(5).expect("there is something to tell");
        let found: Vec<_> = round.findings.iter().map(|finding| finding.index).collect();
        assert_eq!((round.done, round.looked_at, round.bytes, found), (2, 3, 10, vec![0, 4]));
    }

    #[test]
    fn of_several_errors_the_first_is_told() {
        let mut outcome = Outcome::default();
        outcome.add(1, Err(Error::Closed("on purpose")));
        outcome.add(0, Err(Error::Cancelled));
        assert!(matches!(outcome.finish(2), Err(Error::Closed("on purpose"))));
    }
}
