//! Hashing what is there as a whole: data and files.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use laboxide_core::digest::{Algorithm, Hasher, hash_parallel, hex};
use laboxide_core::{Engine, read};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;

use crate::bytes::{Lent, View};
use crate::completions::Ticket;
use crate::convert::{DigestTuple, Names, digest_tuple};
use crate::left::drop_left;

/// As in hashlib: up to this size, letting go of the interpreter costs more than hashing.
pub(crate) const DETACH_ABOVE: usize = 2048;

/// Signals are looked at between slices of this size, which take about 10 ms.
const SLICE: usize = 16 << 20;

/// Where workers share the hashing, so long after a look comes the next one.
const LOOK: Duration = Duration::from_millis(10);

/// Hashes a contiguous buffer with each of the algorithms: in one call, as small objects take as long to
/// hash as another two would.
#[pyfunction]
#[pyo3(name = "hash_data", signature = (object, names, /), text_signature = "(data, names, /)")]
pub(crate) fn hash_data(py: Python<'_>, object: &Bound<'_, PyAny>, names: Names) -> PyResult<DigestTuple> {
    drop_left(py);
    let (view, algorithms) = (View::of(object)?, names.parse()?);
    let data = view.as_slice();
    let is_small = data.len() <= DETACH_ABOVE;
    let shared = if is_small { None } else { Lent::of(object).map(Arc::new) };
    let hash_by = |algorithm: Algorithm| {
        let hash = shared
            .as_ref()
            .and_then(|lent| hash_parallel(Engine::pool, algorithm, lent, look_now_and_then()));
        let hash = hash.unwrap_or_else(|| hash_alone(algorithm, data))?;
        Ok((algorithm.name(), hex(&hash)))
    };
    let hash_all = || algorithms.into_iter().map(hash_by).collect::<PyResult<_>>();
    let hashes = if is_small { hash_all() } else { py.detach(hash_all) };
    Ok((data.len() as u64, hashes?))
}

fn hash_alone(algorithm: Algorithm, data: &[u8]) -> PyResult<[u8; 32]> {
    let mut hasher = Hasher::new(algorithm);
    update_in_slices(&mut hasher, data)?;
    Ok(hasher.finalize())
}

/// Without the interpreter, but for a look at its signals now and then.
pub(crate) fn update_in_slices(hasher: &mut Hasher, data: &[u8]) -> PyResult<()> {
    for slice in data.chunks(SLICE) {
        hasher.update(slice);
        if data.len() > SLICE {
            check_signals()?;
        }
    }
    Ok(())
}

fn look_now_and_then() -> impl FnMut() -> PyResult<()> {
    let mut looked = Instant::now();
    move || {
        if looked.elapsed() < LOOK {
            return Ok(());
        }
        looked = Instant::now();
        check_signals()
    }
}

/// To attach to the interpreter may take as long as another thread has its turn.
#[allow(clippy::redundant_closure_for_method_calls)] // the method itself is not general enough
fn check_signals() -> PyResult<()> {
    Python::try_attach(|py| py.check_signals()).unwrap_or(Ok(()))
}

/// Hashes a regular file with each of the algorithms.
#[pyfunction]
#[pyo3(name = "hash_file", signature = (ticket, path, names, /))]
pub(crate) fn hash_file(ticket: &Ticket, path: PathBuf, names: Names) -> PyResult<()> {
    let done = ticket.reply(|py, digest| digest_tuple(&digest).into_py_any(py));
    read::hash_file(Ticket::engine()?, path, names.parse()?, ticket.token(), done);
    Ok(())
}
