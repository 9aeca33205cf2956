//! References that workers let go of.
//!
//! A reference can be dropped only with the interpreter, which workers never have. `PyO3` would keep it
//! for later, in a list behind a lock. If the process is forked while a worker has that lock, every
//! call of the extension waits for it in the child, for ever: under load some of the children hung. The list
//! here has no lock.

use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use laboxide_core::is_worker;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

struct Left {
    _object: Py<PyBytes>,
    next: *mut Left,
}

thread_local! {
    /// Whether this thread has let go of the interpreter for a while.
    static IS_DETACHED: Cell<bool> = const { Cell::new(false) };
}

/// The last that was left.
static LAST: AtomicPtr<Left> = AtomicPtr::new(ptr::null_mut());

/// A reference that any thread may drop.
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
        // SAFETY: this is the only place that takes it, and runs once.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        if is_worker() || IS_DETACHED.get() {
            leave(object);
        }
    }
}

/// Works without the interpreter, on a thread that has it. What is dropped meanwhile is left.
pub(crate) fn detach<T: Send>(py: Python<'_>, work: impl FnOnce() -> T + Send) -> T {
    py.detach(|| {
        IS_DETACHED.set(true);
        let result = work();
        IS_DETACHED.set(false);
        result
    })
}

fn leave(object: Py<PyBytes>) {
    let left = Box::into_raw(Box::new(Left { _object: object, next: ptr::null_mut() }));
    let mut last = LAST.load(Ordering::Relaxed);
    loop {
        // SAFETY: nobody else has the pointer before it is the last.
        unsafe { (*left).next = last };
        match LAST.compare_exchange_weak(last, left, Ordering::Release, Ordering::Relaxed) {
            Ok(_) => return,
            Err(now) => last = now,
        }
    }
}

/// Drops everything that was left until now.
pub(crate) fn drop_left(_: Python<'_>) {
    if LAST.load(Ordering::Relaxed).is_null() {
        return;
    }
    let mut last = LAST.swap(ptr::null_mut(), Ordering::Acquire);
    while !last.is_null() {
        // SAFETY: it came from `Box::into_raw`, and whoever swaps it out is the only one to have it.
        let left = unsafe { Box::from_raw(last) };
        last = left.next;
    }
}
