//! Conversions between Python and Rust values: errors, digests, algorithms, keys and pointers.

use std::io;
use std::path::Path;
use std::str::FromStr as _;

use laboxide_core::digest::{Algorithm, ContentDigest, Expected};
use laboxide_core::store::Key;
use laboxide_core::write::{Existing, Publication};
use laboxide_core::{Engine, Error};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::interned::interned;

/// Returns the engine of this process, or the exception for its error.
pub(crate) fn engine() -> PyResult<&'static Engine> {
    Engine::current().map_err(to_py)
}

/// A digest in Python: the size and (algorithm, hash) pairs.
pub(crate) type DigestTuple = (u64, Vec<(&'static str, String)>);

pub(crate) fn digest_tuple(digest: &ContentDigest) -> DigestTuple {
    (digest.size, digest.hashes.iter().map(|(algorithm, hash)| (algorithm.name(), hash.clone())).collect())
}

/// The name of an algorithm. The error covers hashlib-style calls that pass data as the first argument.
#[derive(Clone, Copy)]
pub(crate) struct Named(pub(crate) Algorithm);

impl<'py> FromPyObject<'_, 'py> for Named {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Ok(name) = object.cast::<PyString>() else {
            let kind = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!(
                "algorithm must be a name such as 'blake3', not {kind}"
            )));
        };
        Algorithm::from_str(&name.to_cow()?).map(Self).map_err(to_py)
    }
}

/// The names of the algorithms to hash with.
#[derive(FromPyObject)]
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn parse(self) -> PyResult<Vec<Algorithm>> {
        self.0.into_iter().map(|name| Algorithm::from_str(&name).map_err(to_py)).collect()
    }
}

/// The expected size of an object and, if the hash is verified, its algorithm and hash.
#[derive(FromPyObject)]
pub(crate) struct ExpectedArgument(u64, Option<(String, String)>);

impl ExpectedArgument {
    pub(crate) fn parse(self) -> PyResult<Expected> {
        let Self(size, hash) = self;
        let hash = hash.map(|(name, hash)| {
            let algorithm = Algorithm::from_str(&name).map_err(to_py)?;
            algorithm.check_hash(&hash).map_err(to_py)?;
            PyResult::Ok((algorithm, hash))
        });
        Ok(Expected { size, hash: hash.transpose()? })
    }
}

/// Combines the key and the expected content.
///
/// With `heal`, the hash follows from the key: an existing object with other content is corrupt and is
/// replaced. Otherwise it is kept, and the write fails.
pub(crate) fn publication(key: &str, expected: ExpectedArgument, heal: bool) -> PyResult<Publication> {
    let existing = if heal { Existing::Heal } else { Existing::Keep };
    Ok(Publication { key: self::key(key)?, expected: expected.parse()?, existing })
}

pub(crate) fn key(text: &str) -> PyResult<Key> {
    Key::parse(text).map_err(to_py)
}

/// Returns the key and expected content of a pointer of plain, valid values.
///
/// `None` is not an error: the caller validates such a pointer in detail.
pub(crate) fn pointer(config: &Bound<'_, PyAny>, hashed: bool) -> Option<(Key, Expected)> {
    let names = interned(config.py());
    let pointer = config.cast_exact::<PyDict>().ok()?;
    let text = |name| pointer.get_item(name).ok()??.cast_into_exact::<PyString>().ok();
    let (root, key) = (text(&names.root)?, text(&names.key)?);
    let (algorithm, hash) = (text(&names.algorithm)?, text(&names.hash)?);
    let size = pointer.get_item(&names.size).ok()??.cast_into_exact::<PyInt>().ok()?;
    if root.to_str().ok()?.contains('\0') {
        return None;
    }
    let algorithm = Algorithm::from_str(algorithm.to_str().ok()?).ok()?;
    let hash = hash.to_str().ok()?;
    algorithm.check_hash(hash).ok()?;
    let hash = hashed.then(|| (algorithm, hash.to_owned()));
    Some((Key::parse(key.to_str().ok()?).ok()?, Expected { size: size.extract().ok()?, hash }))
}

/// Raises `ValueError` for an invalid key, such as one that leaves the root.
#[pyfunction]
#[pyo3(name = "check_key", signature = (text, /))]
pub(crate) fn check_key(text: &str) -> PyResult<()> {
    key(text).map(drop)
}

/// Raises `ValueError` for an unknown algorithm, or a hash that is not lower-case hexadecimal of its length.
#[pyfunction]
#[pyo3(signature = (algorithm, hash, /))]
pub(crate) fn check_hash(algorithm: &str, hash: &str) -> PyResult<()> {
    Algorithm::from_str(algorithm).and_then(|algorithm| algorithm.check_hash(hash)).map_err(to_py)
}

/// Converts an error of the engine to an exception. The thread must be attached to the interpreter.
pub(crate) fn to_py(error: Error) -> PyErr {
    let message = error.to_string();
    match error {
        Error::Io { operation, path, source } => os_error(operation, &path, &source),
        Error::SpawnFailed { thread, source } => {
            let text = format!("cannot start {thread}: {}", text_of(&source));
            PyOSError::new_err((source.raw_os_error().unwrap_or(errno_of(source.kind())), text))
        }
        Error::Missing { path } => raise("object_not_found", (path.into_os_string(),)),
        Error::Corrupt { path, expected, actual } => {
            raise("CorruptDataError", (expected, actual, path.into_os_string()))
        }
        Error::TooLarge { path, limit, size } => {
            raise("ObjectTooLargeError", (limit, size, path.into_os_string()))
        }
        Error::Mismatch { expected, actual } => raise("DigestMismatchError", (expected, actual)),
        Error::Invalid(_) | Error::Closed(_) => PyValueError::new_err(message),
        Error::Cancelled | Error::Forked | Error::Panicked(_) => PyRuntimeError::new_err(message),
    }
}

/// Creates an exception by calling a class or function of `laboxide.errors`.
fn raise<A>(name: &str, arguments: A) -> PyErr
where
    A: for<'py> pyo3::call::PyCallArgs<'py>,
{
    Python::attach(|py| {
        let maker = interned(py).errors.bind(py).getattr(name);
        let made = maker.and_then(|maker| maker.call1(arguments));
        made.map_or_else(|error| error, PyErr::from_value)
    })
}

fn os_error(operation: &str, path: &Path, source: &io::Error) -> PyErr {
    let text = text_of(source);
    let path = path.as_os_str().to_owned();
    #[cfg(windows)]
    let error = PyOSError::new_err((errno_of(source.kind()), text, path, source.raw_os_error()));
    #[cfg(not(windows))]
    let error = PyOSError::new_err((source.raw_os_error().unwrap_or(errno_of(source.kind())), text, path));
    Python::attach(|py| {
        // A failure to add the note is ignored: the error is complete without it. `PyErr::add_note` interns a
        // name on first use, which would deadlock in a child forked at that moment.
        let note = format!("laboxide: could not {operation} it");
        let _ = error.value(py).call_method1("add_note", (note,));
    });
    error
}

/// Returns the text of a system error without its number.
fn text_of(source: &io::Error) -> String {
    source.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

/// Returns the errno of an error that no system call returned.
fn errno_of(kind: io::ErrorKind) -> i32 {
    match kind {
        io::ErrorKind::NotFound => 2,
        io::ErrorKind::ResourceBusy => 16,
        io::ErrorKind::AlreadyExists => 17,
        io::ErrorKind::NotADirectory => 20,
        _ => 5,
    }
}
