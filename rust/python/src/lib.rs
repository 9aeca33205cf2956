//! The Python extension: converts arguments and results, and leaves all decisions to the core.
//!
//! - `store`, `writer`, `reader`, `audit`: one class or function per operation of the core. Each takes a
//!   `Ticket`, converts its arguments, and starts the operation; the result arrives at the event loop through
//!   `completions`.
//! - `hasher`, `hashing`: synchronous hashing in the calling thread.
//! - `bytes`: Python memory that workers read and fill without the interpreter.
//! - `deferred`: references that such threads drop.
//! - `convert`: errors, digests, keys and pointers.
//! - `interned`: objects created when the module is imported.

mod audit;
mod bytes;
mod completions;
mod convert;
mod deferred;
mod hasher;
mod hashing;
mod interned;
mod reader;
mod store;
mod writer;

use pyo3::exceptions::PyImportError;
use pyo3::{ffi, prelude::*};

/// The engine of laboxide. Private: its interface is not stable between versions.
///
/// Every class is frozen and synchronises its mutable state, so the module does not need the GIL.
#[pymodule(gil_used = false)]
mod _native {
    #[pymodule_export]
    use super::audit::{PyListing, PyOutcomes, PyPacer, audit_objects, clean};
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
        super::interned::init(module.py())?;
        let algorithms = laboxide_core::digest::Algorithm::ALL.map(laboxide_core::digest::Algorithm::name);
        module.add("ALGORITHMS", PyTuple::new(module.py(), algorithms)?)?;
        module.add("BLOCK", laboxide_core::BLOCK)?;
        module.add("DEBUG", cfg!(debug_assertions))
    }
}

/// Returns an error in a subinterpreter: worker threads and event loops belong to one interpreter.
///
/// From Python 3.12 on, the import itself fails there.
fn refuse_subinterpreters(_attached: Python<'_>) -> PyResult<()> {
    // SAFETY: this thread is attached to an interpreter, which the first call returns.
    let id = unsafe { ffi::PyInterpreterState_GetID(ffi::PyInterpreterState_Get()) };
    if id == 0 {
        return Ok(());
    }
    Err(PyImportError::new_err("module laboxide._native does not support loading in subinterpreters"))
}
