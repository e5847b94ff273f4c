//! The locks of the parts that are model-checked: the standard library's, and shuttle's in this
//! crate's unit tests.
//!
//! A unit test that touches a flight or the memory store therefore runs inside `shuttle::check_*`.

#[cfg(test)]
pub(crate) use shuttle::sync::{
    Arc, Mutex, MutexGuard, Weak,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};
#[cfg(not(test))]
pub(crate) use std::sync::{
    Arc, Mutex, MutexGuard, Weak,
    atomic::{AtomicU64, AtomicUsize, Ordering},
};

/// Locks, also after a panic elsewhere: every critical section here leaves its data whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
