//! The task that walks the stuck entries, if there is one.

use std::sync::{Mutex, PoisonError};

use tokio::task::JoinHandle;

/// A task that ends with its owner.
#[derive(Debug)]
pub(crate) struct OwnedTask(JoinHandle<()>);

impl OwnedTask {
    pub(crate) fn new(task: JoinHandle<()>) -> Self {
        OwnedTask(task)
    }
}

impl Drop for OwnedTask {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Place of the task that walks the stuck entries under a handle.
#[derive(Debug, Default)]
pub(crate) struct Recovery(Mutex<Option<OwnedTask>>);

impl Recovery {
    /// Starts the task, unless there is one that runs. True where it was started.
    pub(crate) fn start(&self, task: impl FnOnce() -> OwnedTask) -> bool {
        let mut place = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free = place.as_ref().is_none_or(|OwnedTask(task)| task.is_finished());
        if is_free {
            *place = Some(task());
        }
        is_free
    }
}
