//! Locks that are taken also after a panic: whatever panicked has reported itself as failed by then, and
//! nothing that it left half-done is read again.

use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::mutant;

#[cfg_attr(laboxide_mutants, track_caller)]
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    let guard = mutex.lock().unwrap_or_else(PoisonError::into_inner);
    mutant::keep_lock();
    guard
}

#[cfg_attr(laboxide_mutants, track_caller)]
pub(crate) fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    let guard = lock.read().unwrap_or_else(PoisonError::into_inner);
    mutant::keep_lock();
    guard
}

#[cfg_attr(laboxide_mutants, track_caller)]
pub(crate) fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    let guard = lock.write().unwrap_or_else(PoisonError::into_inner);
    mutant::keep_lock();
    guard
}
