//! Hashing of complete buffers and files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use laboxide_core::digest::{Algorithm, Hasher, hash_parallel, hex};
use laboxide_core::{Engine, read};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;

use crate::bytes::{SharedBytes, View};
use crate::completions::Ticket;
use crate::convert::{DigestTuple, Names, digest_tuple, engine};
use crate::deferred::drop_deferred;

/// The size in bytes up to which detaching from the interpreter costs more than hashing, as in hashlib.
pub(crate) const DETACH_ABOVE: usize = 2048;

/// The size in bytes of a slice, hashed in about 10 ms. Signals are checked between slices.
const SLICE: usize = 16 << 20;

/// The interval of signal checks while workers share the hashing.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(10);

/// Hashes a contiguous buffer with each algorithm.
///
/// One call for all algorithms: for small objects, hashing takes as long as two more calls.
#[pyfunction]
#[pyo3(name = "hash_data", signature = (object, names, /), text_signature = "(data, names, /)")]
pub(crate) fn hash_data(py: Python<'_>, object: &Bound<'_, PyAny>, names: Names) -> PyResult<DigestTuple> {
    drop_deferred(py);
    let (view, algorithms) = (View::of(object)?, names.parse()?);
    let data = view.as_slice();
    let is_small = data.len() <= DETACH_ABOVE;
    let shared = if is_small { None } else { SharedBytes::of(object).map(Arc::new) };
    let hash_by = |algorithm: Algorithm| {
        let hash = shared
            .as_ref()
            .and_then(|shared| hash_parallel(Engine::pool, algorithm, shared, signal_checker()));
        let hash = hash.unwrap_or_else(|| hash_in_this_thread(algorithm, data))?;
        Ok((algorithm.name(), hex(&hash)))
    };
    let hash_all = || algorithms.into_iter().map(hash_by).collect::<PyResult<_>>();
    let hashes = if is_small { hash_all() } else { py.detach(hash_all) };
    Ok((data.len() as u64, hashes?))
}

fn hash_in_this_thread(algorithm: Algorithm, data: &[u8]) -> PyResult<[u8; 32]> {
    let mut hasher = Hasher::new(algorithm);
    update_in_slices(&mut hasher, data)?;
    Ok(hasher.finalize())
}

/// Hashes slices, and attaches to the interpreter between them to check signals.
pub(crate) fn update_in_slices(hasher: &mut Hasher, data: &[u8]) -> PyResult<()> {
    for slice in data.chunks(SLICE) {
        hasher.update(slice);
        if data.len() > SLICE {
            check_signals()?;
        }
    }
    Ok(())
}

/// Returns a function that checks signals every [`SIGNAL_INTERVAL`].
fn signal_checker() -> impl FnMut() -> PyResult<()> {
    let mut last_check = Instant::now();
    move || {
        if last_check.elapsed() < SIGNAL_INTERVAL {
            return Ok(());
        }
        last_check = Instant::now();
        check_signals()
    }
}

/// Raises pending signals. Attaching may have to wait until another thread releases the interpreter.
#[allow(clippy::redundant_closure_for_method_calls)] // the method itself is not general enough
fn check_signals() -> PyResult<()> {
    Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(()))
}

/// Hashes a regular file with each algorithm.
#[pyfunction]
#[pyo3(name = "hash_file", signature = (ticket, path, names, /))]
pub(crate) fn hash_file(ticket: &Ticket, path: PathBuf, names: Names) -> PyResult<()> {
    let done = ticket.reply(|py, digest| digest_tuple(&digest).into_py_any(py));
    read::hash_file(engine()?, path, names.parse()?, ticket.token(), done);
    Ok(())
}
