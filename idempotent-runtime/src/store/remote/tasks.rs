//! Tasks that end with the store.

use tokio::task::JoinHandle;

/// Ends its tasks when it is dropped.
#[derive(Debug)]
pub(crate) struct Tasks(Vec<JoinHandle<()>>);

impl Tasks {
    pub(crate) fn new(tasks: impl IntoIterator<Item = JoinHandle<()>>) -> Self {
        Tasks(tasks.into_iter().collect())
    }
}

impl Drop for Tasks {
    fn drop(&mut self) {
        self.0.iter().for_each(JoinHandle::abort);
    }
}
