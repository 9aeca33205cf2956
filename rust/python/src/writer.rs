//! Hashing and writing a stream, and publishing the staged content.

use std::sync::{Arc, Mutex, PoisonError};

use laboxide_core::write::{Flow, Staged, StreamWriter};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::bytes::{SharedBytes, View};
use crate::completions::Ticket;
use crate::convert::{DigestTuple, ExpectedArgument, Names, digest_tuple, engine, publication, to_py};
use crate::deferred::detach;
use crate::store::{PyStore, published_name};

/// Accepts chunks without blocking. See `StreamWriter` of the core.
#[pyclass(frozen, module = "laboxide._native")]
pub(crate) struct Writer {
    inner: StreamWriter<SharedBytes>,
}

#[pymethods]
impl Writer {
    #[new]
    #[pyo3(signature = (algorithms, store = None, /))]
    fn new(algorithms: Names, store: Option<&PyStore>) -> PyResult<Self> {
        let algorithms = algorithms.parse()?;
        let store = store.map(|store| Arc::clone(&store.inner));
        Ok(Self { inner: StreamWriter::new(engine()?, store, algorithms) })
    }

    /// Accepts a chunk. Returns 0 to continue, 1 to yield to the event loop, 2 to wait for room.
    #[pyo3(signature = (chunk, /))]
    fn feed(&self, chunk: &Bound<'_, PyAny>) -> PyResult<u8> {
        let flow = match SharedBytes::of(chunk) {
            Some(shared) => self.inner.feed(shared),
            None => self.inner.feed_copy(View::of(chunk)?.as_slice()),
        };
        flow.map(|flow| match flow {
            Flow::Go => 0,
            Flow::Pause => 1,
            Flow::Full => 2,
        })
        .map_err(to_py)
    }

    /// Resolves when the queue has room for another chunk.
    #[pyo3(signature = (ticket, /))]
    fn room(&self, ticket: &Ticket) -> PyResult<()> {
        self.inner.room(ticket.reply(|py, ()| Ok(py.None()))).map_err(to_py)
    }

    /// Ends the stream. Returns True if the digest is complete; otherwise the ticket resolves when it is.
    #[pyo3(signature = (ticket, /))]
    fn finish(&self, ticket: &Ticket) -> PyResult<bool> {
        let at_once = self.inner.finish(ticket.reply(|py, ()| Ok(py.None())));
        at_once.map(|digest| digest.is_some()).map_err(to_py)
    }

    /// Returns the digest of all chunks so far. Waits for chunks in flight, detached from the interpreter.
    fn digest(&self, py: Python<'_>) -> PyResult<DigestTuple> {
        detach(py, || self.inner.digest()).map(|digest| digest_tuple(&digest)).map_err(to_py)
    }

    /// Returns the staged content. Callable once, after the end of the stream.
    fn take_staged(&self) -> PyResult<PyStaged> {
        self.inner.take_staged().map(PyStaged::new).map_err(to_py)
    }

    /// Stops writing and removes the staged content, without waiting.
    fn abort(&self) {
        self.inner.abort();
    }
}

/// Complete content that is not published yet. Dropping it removes the content.
#[pyclass(frozen, name = "Staged", module = "laboxide._native")]
pub(crate) struct PyStaged {
    digest: DigestTuple,
    inner: Mutex<Option<Staged<SharedBytes>>>,
}

impl PyStaged {
    pub(crate) fn new(staged: Staged<SharedBytes>) -> Self {
        Self { digest: digest_tuple(staged.digest()), inner: Mutex::new(Some(staged)) }
    }
}

#[pymethods]
impl PyStaged {
    #[getter]
    fn digest(&self) -> DigestTuple {
        self.digest.clone()
    }

    /// Removes the content, unless it was published.
    fn discard(&self) {
        drop(self.inner.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Publishes the content under `key` if it matches `expected`. Callable once.
    #[pyo3(signature = (ticket, key, expected, heal, /))]
    fn publish(&self, ticket: &Ticket, key: &str, expected: ExpectedArgument, heal: bool) -> PyResult<()> {
        let publication = publication(key, expected, heal)?;
        let staged = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        let staged = staged.ok_or_else(|| PyRuntimeError::new_err("content is already published"))?;
        let reply = ticket.reply(|py, (published, chunks)| {
            drop::<Option<Vec<Arc<SharedBytes>>>>(chunks);
            published_name(published).into_py_any(py)
        });
        staged.publish(publication, move |result, chunks| reply(result.map(|published| (published, chunks))));
        Ok(())
    }
}
