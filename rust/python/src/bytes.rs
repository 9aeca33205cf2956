//! Python memory that worker threads read and fill without the interpreter.
//!
//! [`SharedBytes`] is an immutable `bytes` object that workers read. [`NewBytes`] is a `bytes` object that
//! workers fill before Python gets it. [`View`] is any other contiguous buffer; it is copied before the call
//! returns, or hashed in the calling thread.

use std::mem::MaybeUninit;
use std::ptr::NonNull;
use std::slice;

use laboxide_core::read::Buffer;
use pyo3::buffer::PyUntypedBuffer;
use pyo3::exceptions::{PyBufferError, PyMemoryError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView};

use crate::deferred::Reference;

/// An immutable `bytes` object, readable on any thread.
pub(crate) struct SharedBytes {
    start: NonNull<u8>,
    len: usize,
    /// Keeps the object alive.
    _object: Reference,
}

// SAFETY: a `bytes` object never changes and never moves, so any thread may read its memory while the
// reference in `_object` is held.
unsafe impl Send for SharedBytes {}
// SAFETY: as above.
unsafe impl Sync for SharedBytes {}

impl SharedBytes {
    /// Returns `None` unless the type is exactly `bytes`: subclasses and other buffers may be mutable.
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

impl AsRef<[u8]> for SharedBytes {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `_object` keeps the memory alive (see above).
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }
}

/// A new `bytes` object with uninitialised content, not visible to Python yet.
pub(crate) struct NewBytes {
    start: NonNull<MaybeUninit<u8>>,
    len: usize,
    object: Reference,
}

// SAFETY: no other reference to the object exists before `into_object`, so only the owner of the `NewBytes`
// accesses its memory.
unsafe impl Send for NewBytes {}
// SAFETY: as above, and a shared reference to a `NewBytes` gives no access to the memory.
unsafe impl Sync for NewBytes {}

impl NewBytes {
    /// Allocates `len` bytes. Not zeroed: `PyBytes::new_with` would write them twice.
    pub(crate) fn new(py: Python<'_>, len: usize) -> PyResult<Self> {
        let size = ffi::Py_ssize_t::try_from(len)
            .map_err(|_| PyMemoryError::new_err(format!("object too large for memory: {len} bytes")))?;
        // SAFETY: a null pointer requests uninitialised content, which is filled before `into_object` makes
        // the object visible; the result is owned, or null with an exception set.
        let object = unsafe {
            Bound::from_owned_ptr_or_err(py, ffi::PyBytes_FromStringAndSize(std::ptr::null(), size))?
        };
        let object = object.cast_into::<PyBytes>()?;
        // SAFETY: the object is a `bytes`.
        let start = unsafe { ffi::PyBytes_AsString(object.as_ptr()) };
        let start = NonNull::new(start.cast()).ok_or_else(|| PyErr::fetch(py))?;
        Ok(Self { start, len, object: Reference::new(object.unbind()) })
    }

    /// Returns the object. The caller must have filled it.
    pub(crate) fn into_object(self, py: Python<'_>) -> Py<PyBytes> {
        self.object.object(py)
    }
}

impl Buffer for NewBytes {
    fn memory(&mut self) -> &mut [MaybeUninit<u8>] {
        // SAFETY: this is the only reference to the object (see above). The empty `bytes` object is shared by
        // the whole interpreter, but has no memory to write.
        unsafe { slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// A contiguous buffer, held until the view is dropped.
pub(crate) struct View {
    buffer: PyUntypedBuffer,
}

impl View {
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if object.is_instance_of::<pyo3::types::PyString>() {
            let message = "strings must be encoded before they are hashed or stored";
            return Err(pyo3::exceptions::PyTypeError::new_err(message));
        }
        // Some exporters, such as ctypes, report a contiguous buffer only to a memoryview.
        let through_view = || PyUntypedBuffer::get(PyMemoryView::from(object)?.as_any());
        // A buffer without dimensions, such as a ctypes structure, has no shape.
        let as_bytes = || PyUntypedBuffer::get(&PyMemoryView::from(object)?.call_method1("cast", ("B",))?);
        let found = PyUntypedBuffer::get(object).or_else(|_| through_view()).or_else(|_| as_bytes());
        let buffer = found.map_err(|error| {
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
        Err(PyBufferError::new_err("buffer must be contiguous"))
    }

    /// Returns the bytes. As with hashlib, a concurrent change makes the hash one of neither state.
    pub(crate) fn as_slice(&self) -> &[u8] {
        let len = self.buffer.len_bytes();
        if len == 0 {
            return &[];
        }
        // SAFETY: the buffer is contiguous, and its exporter keeps it in place until it is released.
        unsafe { slice::from_raw_parts(self.buffer.buf_ptr().cast::<u8>(), len) }
    }
}
