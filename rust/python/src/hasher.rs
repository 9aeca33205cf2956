//! Hashing, in the shape of hashlib.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, TryLockError};

use laboxide_core::digest::{Algorithm, Hasher, hex};
use laboxide_core::{Engine, forks};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::bytes::View;
use crate::convert::Named;
use crate::hashing::{DETACH_ABOVE, update_in_slices};

/// An incremental hash, in the shape of hashlib's. Safe to share between threads; each update is taken
/// in as a whole.
///
/// Args:
///     algorithm: ``"blake3"`` or ``"sha256"``.
///     data: The first bytes, as for `update`.
///
/// Raises:
///     `BufferError`: `data` is not contiguous.
///     `TypeError`: `algorithm` is not a string, or `data` not a buffer.
///     `ValueError`: `algorithm` is unknown.
#[pyclass(frozen, name = "Hasher", module = "laboxide._native")]
pub(crate) struct PyHasher {
    algorithm: Algorithm,
    state: Mutex<Hasher>,
    /// The forks on the way to the process that has last used it.
    forks: AtomicU64,
}

impl PyHasher {
    fn of(algorithm: Algorithm, state: Hasher) -> Self {
        Self { algorithm, state: Mutex::new(state), forks: AtomicU64::new(forks()) }
    }

    /// Refuses a hasher that was in the middle of an update when the process was forked: the thread
    /// that holds its lock is not there. Nobody else has the lock now, for who wants it was here
    /// first, and this thread has the interpreter.
    fn check_fork(&self, _: Python<'_>) -> PyResult<()> {
        let forks = forks();
        if self.forks.load(Ordering::Relaxed) != forks {
            if matches!(self.state.try_lock(), Err(TryLockError::WouldBlock)) {
                let message = "another thread was updating this hasher at the moment of the fork";
                return Err(PyRuntimeError::new_err(message));
            }
            self.forks.store(forks, Ordering::Relaxed);
        }
        Ok(())
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, Hasher>> {
        self.state.lock().map_err(|_| PyRuntimeError::new_err("an update of this hasher has failed"))
    }

    /// Locks without the interpreter: another thread may hold the lock and want the interpreter.
    fn finalize(&self, py: Python<'_>) -> PyResult<[u8; 32]> {
        self.check_fork(py)?;
        py.detach(|| Ok(self.lock()?.finalize()))
    }
}

#[pymethods]
impl PyHasher {
    #[new]
    #[pyo3(
        signature = (algorithm = Named(Algorithm::Blake3), data = None, /),
        text_signature = "(algorithm='blake3', data=None, /)"
    )]
    fn new(py: Python<'_>, algorithm: Named, data: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        let Named(algorithm) = algorithm;
        let hasher = Self::of(algorithm, Hasher::new(algorithm));
        data.map_or(Ok(()), |data| hasher.update(py, data))?;
        Ok(hasher)
    }

    /// Takes in the next bytes, in the thread that calls.
    ///
    /// Args:
    ///     data: Any contiguous buffer.
    ///
    /// Raises:
    ///     `BufferError`: `data` is not contiguous.
    ///     `RuntimeError`: Another thread was updating this hasher when the process was forked.
    ///     `TypeError`: `data` is not a buffer.
    #[pyo3(signature = (data, /))]
    fn update(&self, py: Python<'_>, data: &Bound<'_, PyAny>) -> PyResult<()> {
        self.check_fork(py)?;
        let view = View::of(data)?;
        let data = view.as_slice();
        if data.len() <= DETACH_ABOVE
            && let Ok(mut hasher) = self.state.try_lock()
        {
            hasher.update(data);
            return Ok(());
        }
        py.detach(|| update_in_slices(&mut *self.lock()?, data))
    }

    /// The hash of everything so far, as bytes.
    fn digest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.finalize(py)?))
    }

    /// The hash of everything so far, as lower-case hexadecimal digits.
    fn hexdigest(&self, py: Python<'_>) -> PyResult<String> {
        Ok(hex(&self.finalize(py)?))
    }

    /// A second hasher that goes on from the same bytes.
    fn copy(&self, py: Python<'_>) -> PyResult<Self> {
        self.check_fork(py)?;
        let state = py.detach(|| PyResult::Ok(self.lock()?.clone()))?;
        Ok(Self::of(self.algorithm, state))
    }

    /// The name of the algorithm.
    #[getter]
    fn name(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The size of the hash in bytes.
    #[getter]
    fn digest_size(&self) -> usize {
        self.algorithm.digest_size()
    }

    /// The size in bytes of the blocks that the algorithm works on.
    #[getter]
    fn block_size(&self) -> usize {
        self.algorithm.block_size()
    }

    fn __repr__(&self) -> String {
        format!("<laboxide.Hasher {}>", self.algorithm)
    }
}

/// To be called in a forked child, which has none of its parent's threads.
#[pyfunction]
#[pyo3(name = "forget_after_fork")]
pub(crate) fn forget_after_fork() {
    Engine::forget_after_fork();
}
