//! Python objects that are created when the module is imported.
//!
//! Not on first use: a child forked while another thread creates such an object would wait for that thread
//! forever.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// Objects that live as long as the process.
pub(crate) struct Interned {
    /// `laboxide.errors`. Exceptions are Python classes, since several have two base classes.
    pub errors: Py<PyModule>,
    /// The keys of a pointer.
    pub root: Py<PyString>,
    pub key: Py<PyString>,
    pub algorithm: Py<PyString>,
    pub hash: Py<PyString>,
    pub size: Py<PyString>,
}

static INTERNED: PyOnceLock<Interned> = PyOnceLock::new();

/// Creates the objects.
pub(crate) fn init(py: Python<'_>) -> PyResult<()> {
    let name = |text| PyString::intern(py, text).unbind();
    let created = Interned {
        errors: py.import("laboxide.errors")?.unbind(),
        root: name("root"),
        key: name("key"),
        algorithm: name("algorithm"),
        hash: name("hash"),
        size: name("size"),
    };
    // A second import keeps the first objects.
    let _ = INTERNED.set(py, created);
    Ok(())
}

/// Returns the objects, which exist before any function of the module can be called.
pub(crate) fn interned(py: Python<'_>) -> &'static Interned {
    INTERNED.get(py).expect("initialised by the module's import")
}
