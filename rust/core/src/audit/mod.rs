//! Whole stores compared with the names of their objects.
//!
//! An audit reads cold data for hours, so it has threads of its own: on the workers it would keep
//! everyone else waiting for the device.

mod look;
mod moved;
mod pacer;
mod progress;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

pub use look::Named;
use look::{Looker, Verdict};
pub use moved::Moved;
pub use pacer::Pacer;
pub use progress::Progress;

use crate::error::{Error, Result};
use crate::runtime::cancel::CancelToken;
use crate::runtime::pool::guarded;
use crate::runtime::priority::lower_priority;
use crate::runtime::sync::lock;
use crate::store::{Key, Store};

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
    /// The object.
    pub key: Key,
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
    /// Where to note what is bad and moved aside; without it nothing is. All rounds of an audit
    /// have the same.
    pub moved: Option<Arc<Moved>>,
    /// Where to note what was seen to. Each round has another.
    pub progress: Arc<Progress>,
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
        answer_here(Err(Error::spawn_failed("a thread for the audit", error)));
    }
}

fn round(store: &Store, objects: &[Named], plan: &Plan, cancel: &CancelToken) -> Result<Round> {
    let (over, moved) = (CancelToken::default(), plan.moved.as_deref());
    if let Some(moved) = moved {
        moved.settle();
    }
    let (pacer, progress, until) = (plan.pacer.as_deref(), &*plan.progress, Instant::now() + ROUND);
    let looker = Looker { store, pacer, moved, progress, until, cancel, over: &over };
    let running = RunningRound { looker, objects, next: AtomicUsize::new(0) };
    thread::scope(|scope| {
        for _ in 1..plan.workers.min(objects.len()) {
            // Without it the others do its part.
            let _ =
                thread::Builder::new().name("laboxide-audit".into()).spawn_scoped(scope, || running.work());
        }
        running.work();
    });
    progress.end()
}

struct RunningRound<'a> {
    looker: Looker<'a>,
    objects: &'a [Named],
    next: AtomicUsize,
}

impl RunningRound<'_> {
    fn work(&self) {
        lower_priority();
        while let Some((index, named)) = self.take() {
            let verdict = guarded(|| self.looker.look(named));
            let goes_on = verdict.as_ref().is_ok_and(|verdict| !verdict.is_moved());
            self.looker.progress.add(index, verdict);
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
        self.next.load(Ordering::Relaxed) > 0 && self.looker.is_late()
    }
}

impl Round {
    fn count(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Gone => return,
            Verdict::Sound(bytes) => self.bytes += bytes,
            Verdict::Bad(finding) => self.findings.push(finding.clone()),
        }
        self.looked_at += 1;
    }
}
