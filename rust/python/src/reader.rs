//! Reading an object as a stream of chunks.

use std::sync::Arc;

use laboxide_core::read::{StreamReader, Taken};
use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bytes::NewBytes;
use crate::completions::Ticket;
use crate::convert::{ExpectedArgument, engine, key, to_py};
use crate::store::{PyObject, PyStore};

/// Reads an object ahead of its consumer. See `StreamReader` of the core.
#[pyclass(frozen, module = "laboxide._native")]
pub(crate) struct Reader {
    inner: StreamReader<NewBytes>,
}

#[pymethods]
impl Reader {
    /// Starts to read the object under `key`. A worker opens it.
    #[new]
    #[pyo3(signature = (store, key, expected, chunk_size, /))]
    fn new(store: &PyStore, key: &str, expected: ExpectedArgument, chunk_size: usize) -> PyResult<Self> {
        let (store, key) = (Arc::clone(&store.inner), self::key(key)?);
        let inner = StreamReader::new(engine()?, move || store.open(&key), expected.parse()?, chunk_size);
        Ok(Self { inner })
    }

    /// Starts to read an open object.
    #[staticmethod]
    #[pyo3(signature = (object, expected, chunk_size, /))]
    fn of(object: &PyObject, expected: ExpectedArgument, chunk_size: usize) -> PyResult<Self> {
        let object = object.inner.object().clone();
        Ok(Self { inner: StreamReader::of(engine()?, object, expected.parse()?, chunk_size) })
    }

    /// Returns the next chunk, or None if it is not read yet. Raises `StopAsyncIteration` at the end.
    fn next(&self, py: Python<'_>) -> PyResult<Option<Py<PyBytes>>> {
        while let Some(len) = self.inner.next_buffer_size() {
            self.inner.supply(NewBytes::new(py, len)?);
        }
        match self.inner.take().map_err(to_py)? {
            Taken::Chunk(chunk) => Ok(Some(chunk.into_object(py))),
            Taken::Pending => Ok(None),
            Taken::End => Err(PyStopAsyncIteration::new_err(())),
        }
    }

    /// Resolves when the next chunk is read.
    #[pyo3(signature = (ticket, /))]
    fn wait(&self, ticket: &Ticket) {
        self.inner.wait(ticket.reply(|py, ()| Ok(py.None())));
    }

    /// Returns whether to yield to the event loop before the next chunk.
    fn pause_due(&self) -> bool {
        self.inner.pause_due()
    }

    /// Stops reading, and closes the object.
    fn close(&self) {
        self.inner.close();
    }
}
