//! An incremental hasher with the interface of hashlib.

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

/// Incremental hash with the interface of hashlib. Thread-safe; each update is atomic.
///
/// Args:
///     algorithm: ``"blake3"`` (the default) or ``"sha256"``.
///     data: The first bytes, as for `update`; none by default.
///
/// Raises:
///     `BufferError`: `data` is not contiguous.
///     `TypeError`: `algorithm` is not a string, or `data` is not a buffer.
///     `ValueError`: `algorithm` is unknown.
#[pyclass(frozen, name = "Hasher", module = "laboxide._native")]
pub(crate) struct PyHasher {
    algorithm: Algorithm,
    state: Mutex<Hasher>,
    /// The number of forks before the process that used the hasher last.
    forks: AtomicU64,
}

impl PyHasher {
    fn of(algorithm: Algorithm, state: Hasher) -> Self {
        Self { algorithm, state: Mutex::new(state), forks: AtomicU64::new(forks()) }
    }

    /// Returns an error if another thread was updating the hasher during a fork.
    ///
    /// That thread does not exist in the child, so its lock is never released. No thread of the child can
    /// hold the lock before the first check: every caller checks first, attached to the interpreter.
    fn check_fork(&self, _: Python<'_>) -> PyResult<()> {
        let forks = forks();
        if self.forks.load(Ordering::Relaxed) != forks {
            if matches!(self.state.try_lock(), Err(TryLockError::WouldBlock)) {
                let message = "hasher unusable: another thread was updating it during the fork";
                return Err(PyRuntimeError::new_err(message));
            }
            self.forks.store(forks, Ordering::Relaxed);
        }
        Ok(())
    }

    fn lock(&self) -> PyResult<MutexGuard<'_, Hasher>> {
        self.state.lock().map_err(|_| PyRuntimeError::new_err("hasher unusable: an update failed"))
    }

    /// Detaches before locking: the holder of the lock may be waiting for the interpreter.
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

    /// Update the hash with the next bytes, in the calling thread.
    ///
    /// Args:
    ///     data: A contiguous buffer.
    ///
    /// Raises:
    ///     `BufferError`: `data` is not contiguous.
    ///     `RuntimeError`: Another thread was updating the hasher when the process was forked.
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

    /// Return the hash of all bytes so far, as bytes.
    fn digest<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        Ok(PyBytes::new(py, &self.finalize(py)?))
    }

    /// Return the hash of all bytes so far, as lower-case hexadecimal digits.
    fn hexdigest(&self, py: Python<'_>) -> PyResult<String> {
        Ok(hex(&self.finalize(py)?))
    }

    /// Return an independent copy of the hasher.
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

    /// The block size of the algorithm in bytes.
    #[getter]
    fn block_size(&self) -> usize {
        self.algorithm.block_size()
    }

    fn __repr__(&self) -> String {
        format!("<laboxide.Hasher {}>", self.algorithm)
    }
}

/// Discards the engine in a forked child, which has none of the parent's threads.
#[pyfunction]
#[pyo3(name = "forget_after_fork")]
pub(crate) fn forget_after_fork() {
    Engine::forget_after_fork();
}
