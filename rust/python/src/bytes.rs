//! Python memory, lent to workers that know nothing of Python.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use laboxide_core::read::Buffer;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyMemoryError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use crate::left::Reference;

/// A `bytes` object that is kept and read, never changed.
pub(crate) struct Lent {
    start: NonNull<u8>,
    len: usize,
    /// Keeps the object alive.
    _object: Reference,
}

// SAFETY: a `bytes` object never changes and never moves, so any thread may read its memory for as
// long as the reference that lies beside the pointer is held.
unsafe impl Send for Lent {}
// SAFETY: as above.
unsafe impl Sync for Lent {}

impl Lent {
    /// Keeps exactly a `bytes` object. A subclass may be anything, and other buffers may change.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> Option<Self> {
        let object = object.cast_exact::<PyBytes>().ok()?;
        let data = object.as_bytes();
        Some(Self {
            start: NonNull::from(data).cast(),
            len: data.len(),
            _object: Reference::new(object.clone().unbind()),
        })
    }
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: the memory of a living `bytes` object (see above).
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

/// A `bytes` object that nobody has seen yet, being filled.
pub(crate) struct Fresh {
    start: NonNull<MaybeUninit<u8>>,
    len: usize,
    object: Reference,
}

// SAFETY: nobody else has a reference to the object before `into_object`, so whoever owns the
// `Fresh` is the only one to touch its memory.
unsafe impl Send for Fresh {}
// SAFETY: as above, and a shared `Fresh` gives no access to the memory.
unsafe impl Sync for Fresh {}

impl Fresh {
    /// A new object of `len` bytes. Not zeroed: `PyBytes::new_with` would write it twice.
    pub(crate) fn new(py: Python<'_>, len: usize) -> PyResult<Self> {
        let size = ffi::Py_ssize_t::try_from(len).map_err(|_| {
            PyMemoryError::new_err(format!("an object of {len} bytes does not fit into memory"))
        })?;
        // SAFETY: a null pointer asks for uninitialised content, which the caller fills before
        // anyone sees the object; the result is owned, or null with an exception set.
        let object = unsafe {
            Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(std::ptr::null(), size))?
        };
        let object = object.cast_into::<PyBytes>()?;
        // SAFETY: the object is a `bytes`.
        let start = unsafe { ffi::PyBytes_AsString(object.as_ptr()) };
        let start = NonNull::new(start.cast()).ok_or_else(|| PyErr::fetch(py))?;
        Ok(Self { start, len, object: Reference::new(object.unbind()) })
    }

    /// The object, which has been filled.
    pub(crate) fn into_object(self, py: Python<'_>) -> Py<PyBytes> {
        self.object.object(py)
    }
}

impl Buffer for Fresh {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: the memory of an object that nobody else has (see above). Only the empty `bytes` is
        // shared by the whole interpreter, and of that there is nothing to write to.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// The memory of any contiguous buffer, for as long as the returned guard lives.
pub(crate) struct View {
    buffer: PyUntypedBuffer,
}

impl View {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<pyo3::types::PyString>() {
            let message = "strings must be encoded before they are hashed or stored";
            return Err(pyo3::exceptions::PyTypeError::new_err(message));
        }
        // Some exporters, ctypes among them, describe a contiguous buffer only to a memoryview.
        let through_view = || PyUntypedBuffer::get(PyMemoryView::from(object)?.as_any());
        let buffer = PyUntypedBuffer::get(object).or_else(|_| through_view()).map_err(|error| {
            let py = object.py();
            if !error.is_instance_of::<pyo3::exceptions::PyTypeError>(py) {
                return error;
            }
            let kind = object.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
            pyo3::exceptions::PyTypeError::new_err(format!("a bytes-like object is required, not '{kind}'"))
        })?;
        if buffer.is_c_contiguous() {
            return Ok(Self { buffer });
        }
        Err(PyBufferError::new_err("the buffer is not contiguous"))
    }

    /// The bytes. As with hashlib, whoever changes them meanwhile gets a hash of neither state.
    pub(crate) fn as_slice(&self) -> &[u8] {
        let len = self.buffer.len_bytes();
        if len == 0 {
            return &[];
        }
        // SAFETY: the buffer is contiguous, and its exporter keeps it in place until it is released.
        unsafe { slice::from_raw_parts(self.buffer.buf_ptr().cast::<u8>(), len) }
    }
}
