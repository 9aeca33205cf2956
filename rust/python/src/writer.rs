//! A stream being hashed or written, and what comes of it.

use std::sync::{Arc, Mutex, PoisonError};

use laboxide_core::write::{Flow, Staged, StreamWriter};
use pyo3::IntoPyObjectExt as _;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

use crate::bytes::{Lent, View};
use crate::completions::Ticket;
use crate::convert::{DigestTuple, ExpectedArgument, Names, digest_tuple, publication, to_py};
use crate::left::detach;
use crate::store::{PyStore, published_name};

/// Takes in chunks without ever blocking; see the core's `StreamWriter`.
#[pyclass(frozen, module = "laboxide._native")]
pub(crate) struct Writer {
    inner: StreamWriter<Lent>,
}

#[pymethods]
impl Writer {
    #[new]
    #[pyo3(signature = (algorithms, store = None, /))]
    fn new(algorithms: Names, store: Option<&PyStore>) -> PyResult<Self> {
        let algorithms = algorithms.parse()?;
        let store = store.map(|store| Arc::clone(&store.inner));
        Ok(Self { inner: StreamWriter::new(Ticket::engine()?, store, algorithms) })
    }

    /// Takes in a chunk: 0 go on, 1 let the loop have a turn, 2 wait for room.
    #[pyo3(signature = (chunk, /))]
    fn feed(&self, chunk: &Bound<'_, PyAny>) -> PyResult<u8> {
        let flow = match Lent::of(chunk) {
            Some(lent) => self.inner.feed(lent),
            None => self.inner.feed_copy(View::of(chunk)?.as_slice()),
        };
        flow.map(|flow| match flow {
            Flow::Go => 0,
            Flow::Pause => 1,
            Flow::Full => 2,
        })
        .map_err(to_py)
    }

    /// Resolves once there is room for more.
    #[pyo3(signature = (ticket, /))]
    fn room(&self, ticket: &Ticket) -> PyResult<()> {
        self.inner.room(ticket.reply(|py, ()| Ok(py.None()))).map_err(to_py)
    }

    /// Ends the stream: True if its digest is there at once, else the ticket resolves when it is.
    #[pyo3(signature = (ticket, /))]
    fn finish(&self, ticket: &Ticket) -> PyResult<bool> {
        let at_once = self.inner.finish(ticket.reply(|py, ()| Ok(py.None())));
        at_once.map(|digest| digest.is_some()).map_err(to_py)
    }

    /// The digest of everything fed so far. Waits for what is in flight, without the interpreter.
    fn digest(&self, py: Python<'_>) -> PyResult<DigestTuple> {
        detach(py, || self.inner.digest()).map(|digest| digest_tuple(&digest)).map_err(to_py)
    }

    /// What was written, after the end and once.
    fn take_staged(&self) -> PyResult<PyStaged> {
        self.inner.take_staged().map(PyStaged::new).map_err(to_py)
    }

    /// Stops the work and removes what was written, both without waiting.
    fn abort(&self) {
        self.inner.abort();
    }
}

/// Complete content, waiting for its name. Dropped, it leaves nothing.
#[pyclass(frozen, name = "Staged", module = "laboxide._native")]
pub(crate) struct PyStaged {
    digest: DigestTuple,
    inner: Mutex<Option<Staged<Lent>>>,
}

impl PyStaged {
    pub(crate) fn new(staged: Staged<Lent>) -> Self {
        Self { digest: digest_tuple(staged.digest()), inner: Mutex::new(Some(staged)) }
    }
}

#[pymethods]
impl PyStaged {
    #[getter]
    fn digest(&self) -> DigestTuple {
        self.digest.clone()
    }

    /// Gives the content up. After it was published there is nothing to give up.
    fn discard(&self) {
        drop(self.inner.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Publishes the content under `key` if it is what is expected. Once.
    #[pyo3(signature = (ticket, key, expected, heal, /))]
    fn publish(&self, ticket: &Ticket, key: &str, expected: ExpectedArgument, heal: bool) -> PyResult<()> {
        let publication = publication(key, expected, heal)?;
        let staged = self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
        let staged = staged.ok_or_else(|| PyRuntimeError::new_err("the content is published already"))?;
        let reply = ticket.reply(|py, (published, chunks)| {
            drop::<Option<Vec<Arc<Lent>>>>(chunks);
            published_name(published).into_py_any(py)
        });
        staged.publish(publication, move |result, chunks| reply(result.map(|published| (published, chunks))));
        Ok(())
    }
}
