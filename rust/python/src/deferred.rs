//! Deferred drops of Python references on threads without the interpreter.
//!
//! Dropping a reference requires the interpreter, to which workers never attach. `PyO3` would defer the drop
//! in a list behind a lock. If the process forks while a worker holds that lock, every call of the extension
//! in the child waits for it forever: under load some children hung. The list here is lock-free. It is
//! emptied by calls that are attached to the interpreter.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use laboxide_core::is_worker;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

struct Deferred {
    _object: Py<PyBytes>,
    next: *mut Deferred,
}

thread_local! {
    /// Whether this thread is inside [`detach`].
    static IS_DETACHED: Cell<bool> = const { Cell::new(false) };
}

/// The head of the list: the reference deferred last.
static LAST: AtomicPtr<Deferred> = AtomicPtr::new(ptr::null_mut());

/// A reference that can be dropped on any thread.
pub(crate) struct Reference(ManuallyDrop<Py<PyBytes>>);

impl Reference {
    pub(crate) fn new(object: Py<PyBytes>) -> Self {
        Self(ManuallyDrop::new(object))
    }

    pub(crate) fn object(&self, py: Python<'_>) -> Py<PyBytes> {
        self.0.clone_ref(py)
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        // SAFETY: only `drop` takes the object, and `drop` runs once.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        if is_worker() || IS_DETACHED.get() {
            defer(object);
        }
    }
}

/// Runs `work` detached from the interpreter. References dropped by `work` are deferred.
pub(crate) fn detach<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(|| {
        IS_DETACHED.set(true);
        let result = work();
        IS_DETACHED.set(false);
        result
    })
}

fn defer(object: Py<PyBytes>) {
    let deferred = Box::into_raw(Box::new(Deferred { _object: object, next: ptr::null_mut() }));
    let mut last = LAST.load(Ordering::Relaxed);
    loop {
        // SAFETY: no other thread has the pointer until the exchange succeeds.
        unsafe { (*deferred).next = last };
        match LAST.compare_exchange_weak(last, deferred, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(current) => last = current,
        }
    }
}

/// Drops all deferred references.
pub(crate) fn drop_deferred(_: Python<'_>) {
    if LAST.load(Ordering::Relaxed).is_null() {
        return;
    }
    let mut last = LAST.swap(ptr::null_mut(), Ordering::Acquire);
    while !last.is_null() {
        // SAFETY: the pointer came from `Box::into_raw`, and the swap gave this thread the whole list.
        let deferred = unsafe { Box::from_raw(last) };
        last = deferred.next;
    }
}
