//! The Python binding: converts arguments and results, and decides nothing.

mod audit;
mod bytes;
mod completions;
mod convert;
mod hasher;
mod hashing;
mod lasting;
mod left;
mod reader;
mod store;
mod writer;

use pyo3::exceptions::PyImportError;
use pyo3::{ffi, prelude::*};

/// The engine of laboxide. Private: its interface changes with the package that it belongs to.
///
/// Every class is frozen and guards what it changes by itself, so the module does not need the GIL.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::audit::{PyListing, PyOutcomes, PyPacer, audit_objects, sweep};
    #[pymodule_export]
    use super::completions::{Completions, Ticket, pause_due};
    #[pymodule_export]
    use super::convert::{check_hash, check_key};
    #[pymodule_export]
    use super::hasher::{PyHasher, forget_after_fork};
    #[pymodule_export]
    use super::hashing::{hash_data, hash_file};
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::store::{PyCounter, PyObject, PyStore};
    #[pymodule_export]
    use super::writer::{PyStaged, Writer};

    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::refuse_subinterpreters(module.py())?;
        super::lasting::make(module.py())?;
        let algorithms = laboxide_core::digest::Algorithm::ALL.map(laboxide_core::digest::Algorithm::name);
        module.add("ALGORITHMS", PyTuple::new(module.py(), algorithms)?)?;
        module.add("BLOCK", laboxide_core::BLOCK)?;
        module.add("DEBUG", cfg!(debug_assertions))
    }
}

/// The threads, and the loops that wait for them, are those of one interpreter. From 3.12 on
/// Python itself refuses.
fn refuse_subinterpreters(_attached: Python<'_>) -> PyResult<()> {
    // SAFETY: this thread is attached to an interpreter, which the first call returns.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err("module laboxide._native does not support loading in subinterpreters"))
}
