//! Completions of operations, delivered to the event loop that waits for them.
//!
//! Each event loop has one [`Completions`] queue and drains it when its file descriptor is readable. Each
//! operation gets a [`Ticket`]: its identifier in the queue, its cancellation token, and the source of the
//! callback that pushes the result.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use laboxide_core::{CancelToken, Result};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::convert::to_py;
use crate::deferred::drop_deferred;

type Convert = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// The return value of operations that are expected to complete within microseconds.
pub(crate) const SOON: u8 = 2;

/// A result that is converted to a Python object on the loop's thread.
struct Finished {
    id: u64,
    convert: Convert,
}

/// The queue of completions of one event loop.
#[pyclass(frozen, module = "laboxide._native")]
pub(crate) struct Completions {
    queue: Arc<laboxide_core::Completions<Finished>>,
    next_id: AtomicU64,
}

#[pymethods]
impl Completions {
    #[new]
    #[pyo3(signature = (*, portable = false))]
    fn new(portable: bool) -> PyResult<Self> {
        let queue = laboxide_core::Completions::new(portable).map_err(to_py)?;
        Ok(Self { queue: Arc::new(queue), next_id: AtomicU64::new(0) })
    }

    /// Returns a file descriptor that is readable while the queue is not empty, or -1 without one.
    fn fileno(&self) -> i32 {
        self.queue.descriptor().unwrap_or(-1)
    }

    /// Creates the ticket of one operation.
    fn ticket(&self, py: Python<'_>) -> Ticket {
        drop_deferred(py);
        Ticket {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            cancel: CancelToken::default(),
            queue: Arc::clone(&self.queue),
        }
    }

    /// Removes and returns all completions, as (ticket id, value, exception or None).
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        drop_deferred(py);
        let items = PyList::empty(py);
        for Finished { id, convert } in self.queue.drain() {
            let (value, error) = match convert(py) {
                Ok(value) => (value, py.None()),
                Err(error) => (py.None(), error.into_py_any(py)?),
            };
            items.append(PyTuple::new(py, [id.into_py_any(py)?, value, error])?)?;
        }
        Ok(items)
    }

    /// Waits a few microseconds for an operation. Returns a tuple of its value, or None; raises its error.
    #[pyo3(signature = (ticket, /))]
    fn busy_wait(&self, py: Python<'_>, ticket: &Ticket) -> PyResult<Option<(Py<PyAny>,)>> {
        match py.detach(|| self.queue.busy_wait(|finished| finished.id == ticket.id)) {
            Some(finished) => Ok(Some(((finished.convert)(py)?,))),
            None => Ok(None),
        }
    }

    /// Drops all completions, now and in the future.
    fn close(&self) {
        self.queue.close();
    }

    /// Blocks, detached from the interpreter, until a completion arrives or `timeout` seconds have passed.
    #[pyo3(signature = (timeout, /))]
    fn wait(&self, py: Python<'_>, timeout: f64) -> bool {
        let timeout = Duration::from_secs_f64(timeout.clamp(0.0, 3600.0));
        py.detach(|| self.queue.wait(timeout))
    }
}

/// Identifier and cancellation token of one operation.
#[pyclass(frozen, module = "laboxide._native")]
pub(crate) struct Ticket {
    id: u64,
    cancel: CancelToken,
    queue: Arc<laboxide_core::Completions<Finished>>,
}

#[pymethods]
impl Ticket {
    #[getter]
    fn id(&self) -> u64 {
        self.id
    }

    /// Cancels the operation.
    fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// Returns whether the time slice of this thread's event loop is used up.
#[pyfunction]
pub(crate) fn pause_due() -> bool {
    laboxide_core::pause_due()
}

impl Ticket {
    pub(crate) fn token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// Returns a callback for the result, to call once on any thread. `convert` runs on the loop's thread.
    pub(crate) fn reply<T: Send + 'static>(
        &self,
        convert: impl FnOnce(Python<'_>, T) -> PyResult<Py<PyAny>> + Send + 'static,
    ) -> impl FnOnce(Result<T>) + Send + 'static {
        let (id, queue) = (self.id, Arc::clone(&self.queue));
        move |result| {
            let convert: Convert = Box::new(move |py| convert(py, result.map_err(to_py)?));
            queue.push(Finished { id, convert });
        }
    }
}
