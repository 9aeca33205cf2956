//! Values that cross the boundary: errors, digests, algorithms.

use std::io;
use std::path::Path;
use std::str::FromStr as _;

use laboxide_core::Error;
use laboxide_core::digest::{Algorithm, ContentDigest, Expected};
use laboxide_core::store::Key;
use laboxide_core::write::{Existing, Publication};
use pyo3::exceptions::{PyOSError, PyRuntimeError, PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyString};

use crate::lasting::lasting;

/// A digest as Python gets it: the size and (algorithm, hash) pairs.
pub(crate) type DigestTuple = (u64, Vec<(&'static str, String)>);

pub(crate) fn digest_tuple(digest: &ContentDigest) -> DigestTuple {
    (digest.size, digest.hashes.iter().map(|(algorithm, hash)| (algorithm.name(), hash.clone())).collect())
}

/// An algorithm by its name, with an error of its own for those who give the first bytes there.
#[derive(Clone, Copy)]
pub(crate) struct Named(pub(crate) Algorithm);

impl<'py> FromPyObject<'_, 'py> for Named {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        let Ok(name) = object.cast::<PyString>() else {
            let kind = object.get_type().name()?;
            return Err(PyTypeError::new_err(format!("a name such as 'blake3' is expected, not {kind}")));
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

/// What an object must be: its size and, if it is to be checked, algorithm and hash.
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

/// The name, what it stands for, and whether that follows from the name: something else that has it
/// is then replaced, and otherwise left alone.
pub(crate) fn publication(key: &str, expected: ExpectedArgument, heal: bool) -> PyResult<Publication> {
    let existing = if heal { Existing::Heal } else { Existing::Keep };
    Ok(Publication { key: self::key(key)?, expected: expected.parse()?, existing })
}

pub(crate) fn key(text: &str) -> PyResult<Key> {
    Key::parse(text).map_err(to_py)
}

/// Key and content of a pointer that is as laboxide makes them. None says nothing of others but that
/// somebody has to look at them in more detail.
pub(crate) fn pointer(config: &Bound<'_, PyAny>, hashed: bool) -> Option<(Key, Expected)> {
    let names = lasting(config.py());
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

/// Refuses a key that does not stay below the root.
#[pyfunction]
#[pyo3(name = "check_key", signature = (text, /))]
pub(crate) fn check_key(text: &str) -> PyResult<()> {
    key(text).map(drop)
}

/// Refuses an unknown algorithm and anything but a lower-case hexadecimal hash of its length.
#[pyfunction]
#[pyo3(signature = (algorithm, hash, /))]
pub(crate) fn check_hash(algorithm: &str, hash: &str) -> PyResult<()> {
    Algorithm::from_str(algorithm).and_then(|algorithm| algorithm.check_hash(hash)).map_err(to_py)
}

/// The exception for an error of the engine. Needs the interpreter, which every caller is attached to.
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

/// Calls a class or function of `laboxide.errors` that makes an exception.
fn raise<A>(name: &str, arguments: A) -> PyErr
where
    A: for<'py> pyo3::call::PyCallArgs<'py>,
{
    Python::attach(|py| {
        let maker = lasting(py).errors.bind(py).getattr(name);
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
        // The note is a help for readers; without it the error says what it is all the same.
        // `PyErr::add_note` keeps a name from its first use on, in the middle of which may be a fork.
        let note = format!("laboxide could not {operation} it");
        let _ = error.value(py).call_method1("add_note", (note,));
    });
    error
}

/// What the system said, without the number.
fn text_of(source: &io::Error) -> String {
    source.to_string().split(" (os error").next().unwrap_or_default().to_owned()
}

/// The number of an error that no system call gave.
fn errno_of(kind: io::ErrorKind) -> i32 {
    match kind {
        io::ErrorKind::NotFound => 2,
        io::ErrorKind::ResourceBusy => 16,
        io::ErrorKind::AlreadyExists => 17,
        io::ErrorKind::NotADirectory => 20,
        _ => 5,
    }
}
