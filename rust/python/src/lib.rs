//! The Python binding: converts arguments and results, and decides nothing.

mod bytes;
mod completions;
mod convert;
mod hasher;
mod reader;
mod store;
mod writer;

use pyo3::prelude::*;

/// The engine of laboxide. Private: its interface changes with the package that it belongs to.
#[pymodule]
mod _native {
    #[pymodule_export]
    use super::completions::{Completions, Ticket, pause_due};
    #[pymodule_export]
    use super::convert::{check_hash, check_key};
    #[pymodule_export]
    use super::hasher::{PyHasher, forget_after_fork, hash_file};
    #[pymodule_export]
    use super::reader::Reader;
    #[pymodule_export]
    use super::store::{PyListing, PyObject, PyStore};
    #[pymodule_export]
    use super::writer::{PyStaged, Writer};

    use pyo3::prelude::*;
    use pyo3::types::PyTuple;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let algorithms = laboxide_core::digest::Algorithm::ALL.map(laboxide_core::digest::Algorithm::name);
        module.add("ALGORITHMS", PyTuple::new(module.py(), algorithms)?)?;
        module.add("BLOCK", laboxide_core::BLOCK)?;
        module.add("DEBUG", cfg!(debug_assertions))
    }
}
