//! A value that tasks wait upon: set under a lock, looked at under the same lock, so no change is
//! missed.
//!
//! A waiter holds a seat from the moment it joins until it is dropped. The seat keeps its waker;
//! `update` wakes every seat, and whoever wakes looks again. There is no polling and no thread.

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use slab::Slab;

use crate::sync::{Arc, Mutex, lock};

#[derive(Debug)]
pub(crate) struct Watched<T> {
    inner: Mutex<Inner<T>>,
}

#[derive(Debug)]
struct Inner<T> {
    value: T,
    seats: Slab<Option<Waker>>,
}

impl<T> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Watched { inner: Mutex::new(Inner { value, seats: Slab::new() }) }
    }

    /// Changes the value, then wakes everybody who waits for it.
    pub(crate) fn update(&self, value: T) {
        let woken: Vec<Waker> = {
            let mut inner = lock(&self.inner);
            inner.value = value;
            inner.seats.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Changes the value to one that nobody waits for.
    pub(crate) fn replace(&self, value: T) {
        lock(&self.inner).value = value;
    }

    /// What `look` makes of the value.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&lock(&self.inner).value)
    }

    /// Takes a seat, unless `limit` are taken.
    pub(crate) fn join(self: &Arc<Self>, limit: usize) -> Option<Seat<T>> {
        let mut inner = lock(&self.inner);
        let free = inner.seats.len() < limit;
        free.then(|| Seat { index: inner.seats.insert(None), watched: Arc::clone(self) })
    }
}

/// A waiter's place; given back when dropped.
#[derive(Debug)]
pub(crate) struct Seat<T> {
    watched: Arc<Watched<T>>,
    index: usize,
}

impl<T> Seat<T> {
    /// Waits until `look` finds in the value what it wants.
    pub(crate) async fn until<R>(&mut self, mut look: impl FnMut(&T) -> Option<R>) -> R {
        poll_fn(|context| self.poll(context, &mut look)).await
    }

    fn poll<R>(&self, context: &Context<'_>, look: &mut impl FnMut(&T) -> Option<R>) -> Poll<R> {
        let mut inner = lock(&self.watched.inner);
        match look(&inner.value) {
            Some(found) => Poll::Ready(found),
            None => {
                inner.seats[self.index] = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Seat<T> {
    fn drop(&mut self) {
        // The waker may be the last handle of a task: dropped outside the lock.
        let _waker = lock(&self.watched.inner).seats.remove(self.index);
    }
}
