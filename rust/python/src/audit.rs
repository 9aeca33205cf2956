//! Operations on a whole store: audits, listings and cleanup.

use std::ffi::OsString;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use laboxide_core::audit::{self, Finding, Named, Outcome, Outcomes, Pacer, Plan, Problem};
use laboxide_core::digest::Algorithm;
use laboxide_core::store::{Entry, EntryKind, FileKind, Key, Listing, Quarantine, StrayFile};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;

use crate::completions::Ticket;
use crate::convert::{engine, key, to_py};
use crate::store::PyStore;

/// Rate limit shared by all rounds of an audit.
#[pyclass(frozen, name = "Pacer", module = "laboxide._native")]
pub(crate) struct PyPacer {
    inner: Arc<Pacer>,
}

#[pymethods]
impl PyPacer {
    #[new]
    #[pyo3(signature = (bytes_per_second, /))]
    fn new(bytes_per_second: f64) -> Self {
        Self { inner: Arc::new(Pacer::new(bytes_per_second)) }
    }
}

/// The outcomes of the objects of one audit.
#[pyclass(frozen, name = "Outcomes", module = "laboxide._native")]
pub(crate) struct PyOutcomes {
    inner: Arc<Outcomes>,
}

#[pymethods]
impl PyOutcomes {
    #[new]
    fn new() -> Self {
        Self { inner: Arc::default() }
    }

    /// Takes (key, size, finding) of each object audited since the last call.
    ///
    /// The size is that of an intact object, the finding is (problem, expected, actual, new path or None).
    /// An object that was deleted has neither.
    fn take(&self) -> Vec<(String, Option<u64>, Option<FindingTuple>)> {
        let tuple = |(key, outcome): (Key, Outcome)| {
            let (size, found) = match outcome {
                Outcome::Intact(size) => (Some(size), None),
                Outcome::Gone => (None, None),
                Outcome::Bad(found) => (None, Some(finding(found))),
            };
            (key.as_str().to_owned(), size, found)
        };
        self.inner.take().into_iter().map(tuple).collect()
    }
}

/// Key, algorithm and hash of an object.
#[derive(FromPyObject)]
pub(crate) struct NamedArgument(String, String, String);

impl NamedArgument {
    fn parse(self) -> PyResult<Named> {
        let Self(text, name, hash) = self;
        let algorithm = Algorithm::from_str(&name).map_err(to_py)?;
        algorithm.check_hash(&hash).map_err(to_py)?;
        Ok(Named { key: key(&text)?, hash: (algorithm, hash) })
    }
}

/// Audits objects in order for the length of a round. The outcomes are added to `outcomes`.
#[pyfunction]
#[pyo3(name = "audit", signature = (ticket, store, objects, workers, pacer, repair, outcomes, /))]
pub(crate) fn audit_objects(
    ticket: &Ticket,
    store: &PyStore,
    objects: Vec<NamedArgument>,
    workers: usize,
    pacer: Option<&PyPacer>,
    repair: bool,
    outcomes: &PyOutcomes,
) -> PyResult<()> {
    let objects = objects.into_iter().map(NamedArgument::parse).collect::<PyResult<_>>()?;
    let pacer = pacer.map(|pacer| Arc::clone(&pacer.inner));
    let plan = Plan { workers, pacer, repair, outcomes: Arc::clone(&outcomes.inner) };
    let reply = ticket.reply(|py, ()| ().into_py_any(py));
    audit::audit(Arc::clone(&store.inner), objects, plan, ticket.token(), reply);
    Ok(())
}

type FindingTuple = (&'static str, String, String, Option<OsString>);

fn finding(finding: Finding) -> FindingTuple {
    let problem = match finding.problem {
        Problem::Corrupt => "corrupt",
        Problem::NotAFile => "not a file",
        Problem::Unreadable => "unreadable",
    };
    (problem, finding.expected, finding.actual, finding.moved_to.map(PathBuf::into_os_string))
}

/// A walk over all entries of a store.
#[pyclass(frozen, name = "Listing", module = "laboxide._native")]
pub(crate) struct PyListing {
    inner: Arc<Listing>,
}

#[pymethods]
impl PyListing {
    /// Starts at the first entry, or after a path below the root.
    #[new]
    #[pyo3(signature = (store, after = None, /))]
    fn new(store: &PyStore, after: Option<&str>) -> PyResult<Self> {
        let after = after.map(Key::of_path).transpose().map_err(to_py)?;
        Ok(Self { inner: Arc::new(Listing::new(Arc::clone(&store.inner), after.as_ref())) })
    }

    /// Resolves to the next entries, `limit` at most; an empty list at the end.
    ///
    /// An entry is (key, kind, size, seconds since the epoch or None, errno or None, error or None). The
    /// last two are set for unreadable entries.
    #[pyo3(signature = (ticket, limit, /))]
    fn next_batch(&self, ticket: &Ticket, limit: usize) -> PyResult<()> {
        let listing = Arc::clone(&self.inner);
        let reply = ticket.reply(|py, batch: Vec<Entry>| {
            batch.into_iter().map(entry_tuple).collect::<Vec<_>>().into_py_any(py)
        });
        engine()?.run(move || listing.next_batch(limit), reply);
        Ok(())
    }
}

fn entry_tuple(entry: Entry) -> (OsString, &'static str, u64, Option<f64>, Option<i32>, Option<String>) {
    let (errno, why) = match &entry.kind {
        EntryKind::Unreadable(errno, why) => (*errno, Some(why.clone())),
        _ => (None, None),
    };
    let kind = match entry.kind {
        EntryKind::Plain(FileKind::File) => "file",
        EntryKind::Plain(FileKind::Directory) => "directory",
        EntryKind::Plain(FileKind::Link) => "link",
        EntryKind::Plain(FileKind::Special) => "special",
        EntryKind::Quarantined(Quarantine::Displaced) => "displaced",
        EntryKind::Quarantined(Quarantine::Corrupt) => "quarantined",
        EntryKind::Unreadable(..) => "unreadable",
        EntryKind::InvalidKey => "invalid key",
    };
    (entry.key, kind, entry.size, seconds(entry.modified), errno, why)
}

/// Resolves to the stray entries in the staging directory; with `delete`, removes temporary files.
///
/// An entry is (name, whether it is a temporary file, size, seconds since the epoch or None, whether it was
/// removed).
#[pyfunction]
#[pyo3(signature = (ticket, store, delete, /))]
pub(crate) fn clean(ticket: &Ticket, store: &PyStore, delete: bool) -> PyResult<()> {
    let store = Arc::clone(&store.inner);
    let reply = ticket.reply(|py, stray_files: Vec<StrayFile>| {
        let tuple =
            |file: StrayFile| (file.name, file.temporary, file.size, seconds(file.modified), file.removed);
        stray_files.into_iter().map(tuple).collect::<Vec<_>>().into_py_any(py)
    });
    engine()?.run(move || store.clean(delete), reply);
    Ok(())
}

/// Returns seconds since the epoch.
pub(crate) fn seconds(time: Option<SystemTime>) -> Option<f64> {
    time?.duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64())
}
