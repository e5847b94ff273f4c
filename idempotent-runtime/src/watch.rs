//! A value that tasks wait upon: set under a lock, looked at under the same lock, so no change is
//! missed.
//!
//! A waiter is a [`Subscriber`] from the moment it joins until it is dropped. A subscriber keeps
//! its waker; `update` wakes all of them, and whoever wakes looks again. There is no polling and no
//! thread.

use std::{
    future::poll_fn,
    task::{Context, Poll, Waker},
};

use slab::Slab;

use crate::sync::{Arc, Mutex, lock};

#[derive(Debug)]
pub(crate) struct Watch<T> {
    inner: Mutex<Watched<T>>,
}

#[derive(Debug)]
struct Watched<T> {
    value: T,
    subscribers: Slab<Option<Waker>>,
}

impl<T> Watch<T> {
    pub(crate) fn new(value: T) -> Self {
        Watch { inner: Mutex::new(Watched { value, subscribers: Slab::new() }) }
    }

    /// Changes the value, then wakes everybody who waits for it.
    pub(crate) fn update(&self, value: T) {
        let woken: Vec<Waker> = {
            let mut inner = lock(&self.inner);
            inner.value = value;
            inner.subscribers.iter_mut().filter_map(|(_, waker)| waker.take()).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }

    /// Changes the value to one that nobody waits for.
    pub(crate) fn replace(&self, value: T) {
        lock(&self.inner).value = value;
    }

    /// Result of `look` at the value.
    pub(crate) fn look<R>(&self, look: impl FnOnce(&T) -> R) -> R {
        look(&lock(&self.inner).value)
    }

    /// Joins those who wait, unless there are `limit` of them.
    pub(crate) fn join(self: &Arc<Self>, limit: usize) -> Option<Subscriber<T>> {
        let mut inner = lock(&self.inner);
        let free = inner.subscribers.len() < limit;
        free.then(|| Subscriber { index: inner.subscribers.insert(None), watch: Arc::clone(self) })
    }
}

/// One who waits for the value, until it is dropped.
#[derive(Debug)]
pub(crate) struct Subscriber<T> {
    watch: Arc<Watch<T>>,
    index: usize,
}

impl<T> Subscriber<T> {
    /// Waits until `look` finds in the value what it wants.
    pub(crate) async fn until<R>(&mut self, mut look: impl FnMut(&T) -> Option<R>) -> R {
        poll_fn(|context| self.poll(context, &mut look)).await
    }

    fn poll<R>(&self, context: &Context<'_>, look: &mut impl FnMut(&T) -> Option<R>) -> Poll<R> {
        let mut inner = lock(&self.watch.inner);
        match look(&inner.value) {
            Some(found) => Poll::Ready(found),
            None => {
                inner.subscribers[self.index] = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl<T> Drop for Subscriber<T> {
    fn drop(&mut self) {
        // The waker may be the last handle of a task: dropped outside the lock.
        let _waker = lock(&self.watch.inner).subscribers.remove(self.index);
    }
}
