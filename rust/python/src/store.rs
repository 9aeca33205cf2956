//! A store of objects: one method per operation, each a conversion and a call.

use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Arc;

use laboxide_core::read::{self, Verified};
use laboxide_core::store::{Status, Store};
use laboxide_core::transfer::{self, Counter, Link};
use laboxide_core::write::{self, Published};
use pyo3::IntoPyObjectExt as _;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::audit::seconds;
use crate::bytes::{NewBytes, SharedBytes, View};
use crate::completions::{SOON, Ticket};
use crate::convert::{ExpectedArgument, Names, digest_tuple, engine, key, pointer, publication, to_py};
use crate::writer::PyStaged;

/// A root directory and the settings for writing objects below it.
#[pyclass(frozen, name = "Store", module = "laboxide._native")]
pub(crate) struct PyStore {
    pub(crate) inner: Arc<Store>,
}

/// Data of a blob write: shared, or copied because the buffer may be mutable.
enum Data {
    Shared(SharedBytes),
    Copied(Vec<u8>),
}

impl AsRef<[u8]> for Data {
    fn as_ref(&self) -> &[u8] {
        match self {
            Data::Shared(shared) => shared.as_ref(),
            Data::Copied(copied) => copied,
        }
    }
}

pub(crate) fn published_name(published: Published) -> &'static str {
    match published {
        Published::Created => "created",
        Published::Existed => "existed",
        Published::Healed => "healed",
        Published::Renewed => "renewed",
        Published::Stale => "stale",
    }
}

#[pymethods]
impl PyStore {
    #[new]
    #[pyo3(signature = (root, *, durable = false, portable = false))]
    fn new(root: PathBuf, durable: bool, portable: bool) -> Self {
        Self { inner: Arc::new(Store::new(root, durable, portable)) }
    }

    /// Writes `data` under `key` if it matches `expected`.
    #[pyo3(signature = (ticket, key, data, expected, heal, /))]
    fn write_blob(
        &self,
        ticket: &Ticket,
        key: &str,
        data: &Bound<'_, PyAny>,
        expected: ExpectedArgument,
        heal: bool,
    ) -> PyResult<u8> {
        let publication = publication(key, expected, heal)?;
        let data = match SharedBytes::of(data) {
            Some(shared) => Data::Shared(shared),
            None => Data::Copied(View::of(data)?.as_slice().to_vec()),
        };
        let reply = ticket.reply(|py, (published, data): (Published, Arc<Data>)| {
            drop(data);
            published_name(published).into_py_any(py)
        });
        let store = Arc::clone(&self.inner);
        let done = move |result: laboxide_core::Result<Published>, data| {
            reply(result.map(|published| (published, data)));
        };
        let soon = write::write_blob(engine()?, store, data, publication, ticket.token(), done);
        Ok(if soon { SOON } else { 0 })
    }

    /// Returns the object of the pointer `config` if it is small and in the page cache.
    ///
    /// None is not an error: the object, or the pointer, may be valid or not.
    #[pyo3(signature = (config, hashed, /))]
    fn read_cached(&self, config: &Bound<'_, PyAny>, hashed: bool) -> PyResult<Option<Py<PyBytes>>> {
        #[cfg(target_os = "linux")]
        if let Some((key, expected)) = pointer(config, hashed) {
            use laboxide_core::read::Buffer as _;

            let len = usize::try_from(expected.size).unwrap_or(usize::MAX);
            let Some(cached) = read::open_cached(&self.inner, &key, expected) else { return Ok(None) };
            let mut bytes = NewBytes::new(config.py(), len)?;
            return Ok(cached.read(bytes.memory()).then(|| bytes.into_object(config.py())));
        }
        let _ = (config, hashed);
        Ok(None)
    }

    /// Resolves to the whole object under `key`.
    #[pyo3(signature = (ticket, key, expected, /))]
    fn read_blob(
        &self,
        py: Python<'_>,
        ticket: &Ticket,
        key: &str,
        expected: ExpectedArgument,
    ) -> PyResult<()> {
        let (key, expected) = (self::key(key)?, expected.parse()?);
        let bytes = NewBytes::new(py, usize::try_from(expected.size).unwrap_or(usize::MAX))?;
        let reply = ticket.reply(|py, bytes: NewBytes| Ok(bytes.into_object(py).into_any()));
        let store = Arc::clone(&self.inner);
        read::read_blob(engine()?, store, key, expected, bytes, ticket.token(), reply);
        Ok(())
    }

    /// Verifies the whole object under `key`.
    #[pyo3(signature = (ticket, key, expected, /))]
    fn verify(&self, ticket: &Ticket, key: &str, expected: ExpectedArgument) -> PyResult<()> {
        let (store, key) = (Arc::clone(&self.inner), self::key(key)?);
        let reply = ticket.reply(|py, ()| Ok(py.None()));
        read::verify(engine()?, move || store.open(&key), expected.parse()?, ticket.token(), reply);
        Ok(())
    }

    /// Verifies the whole object under `key`, and resolves to the open object.
    #[pyo3(signature = (ticket, key, expected, /))]
    fn open_verified(&self, ticket: &Ticket, key: &str, expected: ExpectedArgument) -> PyResult<()> {
        let (store, key, expected) = (Arc::clone(&self.inner), self::key(key)?, expected.parse()?);
        let reply = ticket.reply(|py, inner| PyObject { inner }.into_py_any(py));
        read::open_verified(engine()?, move || store.open(&key), expected, ticket.token(), reply);
        Ok(())
    }

    /// Stages the file at `path`, hashed with each algorithm, if it has at most `limit` bytes.
    #[pyo3(signature = (ticket, path, link, names, limit, counter, /))]
    fn import_file(
        &self,
        ticket: &Ticket,
        path: PathBuf,
        link: &str,
        names: Names,
        limit: Option<u64>,
        counter: Option<&PyCounter>,
    ) -> PyResult<()> {
        let link = Link::from_str(link).map_err(to_py)?;
        let counter = counter.map(|counter| counter.inner.clone());
        let import = transfer::Import { path, link, algorithms: names.parse()?, limit, counter };
        let reply = ticket.reply(|py, staged| PyStaged::new(staged).into_py_any(py));
        let store = Arc::clone(&self.inner);
        transfer::import_file(engine()?, store, import, ticket.token(), reply);
        Ok(())
    }

    /// Writes the object under `key` to `path`. It is verified before it is visible there.
    #[pyo3(signature = (ticket, key, expected, path, link, overwrite, counter, /))]
    #[allow(clippy::too_many_arguments)]
    fn export_file(
        &self,
        ticket: &Ticket,
        key: &str,
        expected: ExpectedArgument,
        path: PathBuf,
        link: &str,
        overwrite: bool,
        counter: Option<&PyCounter>,
    ) -> PyResult<()> {
        let export = transfer::Export {
            path,
            link: Link::from_str(link).map_err(to_py)?,
            overwrite,
            portable: self.inner.portable(),
            counter: counter.map(|counter| counter.inner.clone()),
        };
        let (store, key) = (Arc::clone(&self.inner), self::key(key)?);
        let reply = ticket.reply(|py, ()| Ok(py.None()));
        let expected = expected.parse()?;
        transfer::export_file(engine()?, move || store.open(&key), export, expected, ticket.token(), reply);
        Ok(())
    }

    /// Resolves to (path, size, seconds since the epoch or None) of the object under `key`.
    #[pyo3(signature = (ticket, key, /))]
    fn status(&self, ticket: &Ticket, key: &str) -> PyResult<()> {
        let (store, key) = (Arc::clone(&self.inner), self::key(key)?);
        let reply = ticket.reply(|py, status: Status| {
            (status.path.into_os_string(), status.size, seconds(status.modified)).into_py_any(py)
        });
        engine()?.run(move || store.status(&key), reply);
        Ok(())
    }

    /// Hashes the object under `key` with each algorithm, without verifying it.
    #[pyo3(signature = (ticket, key, names, /))]
    fn hash(&self, ticket: &Ticket, key: &str, names: Names) -> PyResult<()> {
        let (store, key) = (Arc::clone(&self.inner), self::key(key)?);
        let reply = ticket.reply(|py, digest| digest_tuple(&digest).into_py_any(py));
        read::hash_object(engine()?, store, key, names.parse()?, ticket.token(), reply);
        Ok(())
    }

    /// Removes the object under `key`.
    #[pyo3(signature = (ticket, key, /))]
    fn remove(&self, ticket: &Ticket, key: &str) -> PyResult<()> {
        let (store, key) = (Arc::clone(&self.inner), self::key(key)?);
        engine()?.run(move || store.remove(&key), ticket.reply(|py, ()| Ok(py.None())));
        Ok(())
    }
}

/// An open, verified object.
#[pyclass(frozen, name = "Object", module = "laboxide._native")]
pub(crate) struct PyObject {
    pub(crate) inner: Verified,
}

/// The number of bytes that an import or export has hashed.
#[pyclass(frozen, name = "Counter", module = "laboxide._native")]
pub(crate) struct PyCounter {
    inner: Counter,
}

#[pymethods]
impl PyCounter {
    #[new]
    fn new() -> Self {
        Self { inner: Counter::default() }
    }

    /// Returns the count. It falls to 0 if the operation has to read the bytes a second time.
    fn get(&self) -> u64 {
        self.inner.get()
    }
}
