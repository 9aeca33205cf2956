//! Auditing: compares the objects of a store with the hashes in their names.
//!
//! An audit reads cold data for hours, so it has its own threads: on the workers it would delay every other
//! operation at the device. The caller lists the store and starts one round after the other. A round reads
//! objects in order on several threads for about 250 ms (`round`), limited by a [`Pacer`].
//!
//! The outcome of each object is complete in itself, and a thread adds it to [`Outcomes`] as soon as it is
//! known. The caller takes it from there, after a round as well as after a cancelled one, so no finding is
//! lost and no finished object is read again. A corrupt object may be quarantined. It will not be found again,
//! so its outcome is added under the same lock as the rename, and the round ends early to report it.

mod outcomes;
mod pacer;
mod round;

use std::sync::{Arc, Mutex};
use std::thread;

pub use outcomes::{Finding, Outcome, Outcomes, Problem};
pub use pacer::Pacer;

use crate::digest::Algorithm;
use crate::error::{Error, Result};
use crate::runtime::cancel::CancelToken;
use crate::runtime::pool::guarded;
use crate::runtime::sync::lock;
use crate::store::{Key, Store};

/// An object and the hash in its name.
#[derive(Clone, Debug)]
pub struct Named {
    /// The name of the object.
    pub key: Key,
    /// The algorithm and hash in the name.
    pub hash: (Algorithm, String),
}

/// The options of a round.
pub struct Plan {
    /// The number of objects read at once.
    pub workers: usize,
    /// The limit of the read rate.
    pub pacer: Option<Arc<Pacer>>,
    /// Whether to quarantine corrupt objects.
    pub repair: bool,
    /// Receives the outcomes. All rounds of an audit share it.
    pub outcomes: Arc<Outcomes>,
}

/// Checks objects in order for the length of a round, then calls `done`.
///
/// An error does not void the outcomes of other objects. The object that caused it has no outcome.
pub fn audit(
    store: Arc<Store>,
    objects: Vec<Named>,
    plan: Plan,
    cancel: CancelToken,
    done: impl FnOnce(Result<()>) + Send + 'static,
) {
    let done = Arc::new(Mutex::new(Some(done)));
    let reply = Arc::clone(&done);
    let finish = move |result| {
        if let Some(done) = lock(&reply).take() {
            done(result);
        }
    };
    let finish_here = finish.clone();
    let builder = thread::Builder::new().name("laboxide-audit".into());
    let started = builder.spawn(move || finish(guarded(|| round::run(&store, &objects, &plan, &cancel))));
    if let Err(error) = started {
        finish_here(Err(Error::spawn_failed("a thread for the audit", error)));
    }
}
