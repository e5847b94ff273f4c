//! Bounds on work beside the requests.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Greatest number of claims that wait to be released at a time, and of those that wait to be
/// released once more.
const WAITING: usize = 16 * 1024;
/// Greatest number of calls that release claims at a time: a store that comes back has others to
/// answer.
const ASKING: usize = 64;

/// Bound on the claims that are released in the background at a time. A store that is down must not
/// be met by ever more tasks.
pub(crate) struct PendingReleases {
    waiting: Arc<Semaphore>,
    once_more: Arc<Semaphore>,
    asking: Semaphore,
}

impl Default for PendingReleases {
    fn default() -> Self {
        PendingReleases {
            waiting: Arc::new(Semaphore::new(WAITING)),
            once_more: Arc::new(Semaphore::new(WAITING)),
            asking: Semaphore::new(ASKING),
        }
    }
}

impl PendingReleases {
    /// Permit to wait for one more claim. Beyond the bound the claim is left to its lease.
    pub(crate) fn wait(&self) -> Option<OwnedSemaphorePermit> {
        let permit = Arc::clone(&self.waiting).try_acquire_owned().ok();
        if permit.is_none() {
            tracing::warn!("too many keys wait to be released: one is left to its lease");
        }
        permit
    }

    /// Permit to wait until a claim is released once more, if there is one left.
    pub(crate) fn wait_for_another(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.once_more).try_acquire_owned().ok()
    }

    /// Waits for a permit to call the store.
    pub(crate) async fn call(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.acquire().await.ok()
    }
}

/// Bound on what operators ask of a store at a time: claims are to find the store as if nobody
/// looked into it.
#[cfg(feature = "admin")]
#[derive(Clone)]
pub(crate) struct OperatorCalls(Arc<Semaphore>);

#[cfg(feature = "admin")]
impl Default for OperatorCalls {
    fn default() -> Self {
        OperatorCalls(Arc::new(Semaphore::new(4)))
    }
}

#[cfg(feature = "admin")]
impl OperatorCalls {
    /// Permit for one more call, if there is one left.
    pub(crate) fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).try_acquire_owned().ok()
    }
}
