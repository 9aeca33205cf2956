//! Finished work, handed to the event loop that waits for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use laboxide_core::Engine;
use laboxide_core::{CancelToken, Result};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};

use crate::convert::to_py;
use crate::left::drop_left;

type Convert = Box<dyn FnOnce(Python<'_>) -> PyResult<Py<PyAny>> + Send>;

/// What the start of an operation returns that takes but a moment.
pub(crate) const SOON: u8 = 2;

/// A result that becomes a Python object on the loop's thread, and not before.
struct Finished {
    id: u64,
    convert: Convert,
}

/// The list that one event loop drains.
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

    /// The descriptor that is readable while something is finished, or -1 where there is none.
    fn fileno(&self) -> i32 {
        self.queue.descriptor().unwrap_or(-1)
    }

    /// A ticket for one operation.
    fn ticket(&self, py: Python<'_>) -> Ticket {
        drop_left(py);
        Ticket {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            cancel: CancelToken::default(),
            queue: Arc::clone(&self.queue),
        }
    }

    /// Everything that has finished, as (ticket's id, value, exception or None).
    fn drain<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        drop_left(py);
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

    /// The value of an operation that ends in a moment, in a tuple, or None. Raises its error.
    #[pyo3(signature = (ticket, /))]
    fn glance(&self, py: Python<'_>, ticket: &Ticket) -> PyResult<Option<(Py<PyAny>,)>> {
        match py.detach(|| self.queue.busy_wait(|finished| finished.id == ticket.id)) {
            Some(finished) => Ok(Some(((finished.convert)(py)?,))),
            None => Ok(None),
        }
    }

    /// Drops everything that has finished, and from now on what finishes.
    fn close(&self) {
        self.queue.close();
    }

    /// Blocks, without the interpreter, until something is finished or `timeout` seconds are over.
    #[pyo3(signature = (timeout, /))]
    fn wait(&self, py: Python<'_>, timeout: f64) -> bool {
        let timeout = Duration::from_secs_f64(timeout.clamp(0.0, 3600.0));
        py.detach(|| self.queue.wait(timeout))
    }
}

/// Names one operation: its result comes back under `id`, and its caller may leave.
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

    /// Tells the work that nobody waits for it any more.
    fn cancel(&self) {
        self.cancel.cancel();
    }
}

/// Whether the event loop of this thread should have a turn.
#[pyfunction]
pub(crate) fn pause_due() -> bool {
    laboxide_core::pause_due()
}

impl Ticket {
    pub(crate) fn engine() -> PyResult<&'static Engine> {
        Engine::current().map_err(to_py)
    }

    pub(crate) fn token(&self) -> CancelToken {
        self.cancel.clone()
    }

    /// What hands over the result: called once, on any thread. `convert` runs on the loop's thread.
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
