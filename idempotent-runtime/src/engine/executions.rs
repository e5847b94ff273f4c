//! Counts of executions. Actix counts connections; this counts executions.

use std::{
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::sync::Notify;

/// Executions of this process.
///
/// One is counted from before its claim until its response is recorded, or its key given back. It
/// looks for a drain after it is counted, so a drain that has counted none misses none.
#[derive(Debug, Default)]
pub(crate) struct Executions {
    draining: AtomicBool,
    running: AtomicUsize,
    // Number of running executions that have won their claims. Of the others nothing has run, so a
    // stop loses nothing of them.
    begun: AtomicUsize,
    ended: Notify,
    drains: Notify,
}

impl Executions {
    /// Counts one execution.
    pub(crate) fn count(self: &Arc<Self>) -> Executing {
        self.running.fetch_add(1, SeqCst);
        Executing { executions: Arc::clone(self), stage: Stage::Claiming }
    }

    /// Lets nothing new run from now on.
    pub(crate) fn drain(&self) {
        self.draining.store(true, SeqCst);
        self.drains.notify_waiters();
    }

    /// Waits until a drain begins.
    pub(crate) async fn drains(&self) {
        let mut drains = pin!(self.drains.notified());
        // Listens before it looks, so that no drain begins in between.
        drains.as_mut().enable();
        if !self.is_draining() {
            drains.await;
        }
    }

    /// True where a drain has begun, so that nothing new may run.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(SeqCst)
    }

    /// Number of executions that run now.
    pub(crate) fn running(&self) -> usize {
        self.running.load(SeqCst)
    }

    /// Number of running executions whose handlers have begun.
    pub(crate) fn begun(&self) -> usize {
        self.begun.load(SeqCst)
    }

    /// Waits until nothing runs.
    pub(crate) async fn ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.running.load(SeqCst) == 0 {
                return;
            }
            ended.await;
        }
    }
}

/// One execution that counts.
#[derive(Debug)]
pub(crate) struct Executing {
    executions: Arc<Executions>,
    stage: Stage,
}

/// Progress of an execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Its claim is sent, or is to be released.
    Claiming,
    /// Its claim is won: its handler runs, or has run.
    Begun,
}

impl Executing {
    /// True where a drain has begun, so that nothing new may run.
    pub(crate) fn is_draining(&self) -> bool {
        self.executions.is_draining()
    }

    /// Notes that the handler of this execution is about to run.
    pub(crate) fn begins(&mut self) {
        if self.stage == Stage::Claiming {
            self.stage = Stage::Begun;
            self.executions.begun.fetch_add(1, SeqCst);
        }
    }
}

impl Drop for Executing {
    fn drop(&mut self) {
        if self.stage == Stage::Begun {
            self.executions.begun.fetch_sub(1, SeqCst);
        }
        if self.executions.running.fetch_sub(1, SeqCst) == 1 && self.executions.is_draining() {
            self.executions.ended.notify_waiters();
        }
    }
}
