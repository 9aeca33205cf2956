//! Python objects that are needed again and again. They are made when the module is imported: a fork
//! while another thread makes one at its first use would leave the child waiting for that thread.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyString;

/// What lasts as long as the module.
pub(crate) struct Lasting {
    /// `laboxide.errors`: classes that inherit from two bases are written in Python.
    pub errors: Py<PyModule>,
    /// The keys of a pointer.
    pub root: Py<PyString>,
    pub key: Py<PyString>,
    pub algorithm: Py<PyString>,
    pub hash: Py<PyString>,
    pub size: Py<PyString>,
}

static LASTING: PyOnceLock<Lasting> = PyOnceLock::new();

/// Makes them.
pub(crate) fn make(py: Python<'_>) -> PyResult<()> {
    let name = |text| PyString::intern(py, text).unbind();
    let made = Lasting {
        errors: py.import("laboxide.errors")?.unbind(),
        root: name("root"),
        key: name("key"),
        algorithm: name("algorithm"),
        hash: name("hash"),
        size: name("size"),
    };
    // Imported once more, the module has the first ones.
    let _ = LASTING.set(py, made);
    Ok(())
}

/// They are there as soon as anything of the module can be called.
pub(crate) fn lasting(py: Python<'_>) -> &'static Lasting {
    LASTING.get(py).expect("made when the module was imported")
}
