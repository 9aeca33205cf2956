//! A stream being read.

use std::sync::Arc;

use laboxide_core::read::{StreamReader, Taken};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bytes::Fresh;
use crate::completions::Ticket;
use crate::convert::{ExpectedArgument, key, to_py};
use crate::store::{PyObject, PyStore};

/// Reads an object ahead of its consumer; see the core's `StreamReader`.
#[pyclass(frozen, module = "laboxide._native")]
pub(crate) struct Reader {
    inner: StreamReader<Fresh>,
}

#[pymethods]
impl Reader {
    /// Of the object under `key`, which the first worker opens.
    #[new]
    #[pyo3(signature = (store, key, expected, chunk_size, /))]
    fn new(store: &PyStore, key: &str, expected: ExpectedArgument, chunk_size: usize) -> PyResult<Self> {
        let (store, key) = (Arc::clone(&store.inner), self::key(key)?);
        let inner =
            StreamReader::new(Ticket::engine()?, move || store.open(&key), expected.parse()?, chunk_size);
        Ok(Self { inner })
    }

    /// Of an object that is open.
    #[staticmethod]
    #[pyo3(signature = (object, expected, chunk_size, /))]
    fn of(object: &PyObject, expected: ExpectedArgument, chunk_size: usize) -> PyResult<Self> {
        let object = object.inner.object().clone();
        Ok(Self { inner: StreamReader::of(Ticket::engine()?, object, expected.parse()?, chunk_size) })
    }

    /// The next chunk, or None if it is not there yet; raises `StopAsyncIteration` at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        while let Some(len) = self.inner.next_buffer_size() {
            self.inner.supply(Fresh::new(py, len)?);
        }
        match self.inner.take().map_err(to_py)? {
            Taken::Chunk(chunk) => Ok(Some(chunk.into_object(py))),
            Taken::Pending => Ok(None),
            Taken::End => Err(PyStopAsyncIteration::new_err(())),
        }
    }

    /// Resolves once the next chunk is there.
    #[pyo3(signature = (ticket, /))]
    fn wait(&self, ticket: &Ticket) {
        self.inner.wait(ticket.reply(|py, ()| Ok(py.None())));
    }

    /// Whether the loop should have a turn before the next chunk.
    fn pause_due(&self) -> bool {
        self.inner.pause_due()
    }

    /// Stops reading ahead.
    fn close(&self) {
        self.inner.close();
    }
}
