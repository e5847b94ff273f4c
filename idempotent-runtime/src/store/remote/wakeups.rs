//! Wake-ups in this process for other nodes' changes: by notifications, and by looks where there
//! are none.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::{
    notify::{Notifier, Waiter},
    poller::{Poller, heard},
    subscription::{Subscription, keep_open},
    tasks::Tasks,
};
use crate::{request::Address, store::Claim};

/// The waiters of one store, and the tasks that wake them. Ends with the store.
pub(crate) struct Wakeups {
    notifier: Notifier,
    came: Arc<Notify>,
    looks: Arc<AtomicU64>,
    _tasks: Tasks,
}

impl Wakeups {
    /// Starts to hear notifications by `subscription`, and to look where there are none, on the
    /// present runtime. `look` says whether an address is still claimed, if that can be known now.
    pub(crate) async fn start<F>(
        store: &'static str,
        subscription: impl Subscription,
        look: impl Fn(Address) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        let (notifier, (up, is_up)) = (Notifier::default(), watch::channel(false));
        let hearing = tokio::spawn(keep_open(store, subscription, notifier.clone(), up));
        let wakeups = Self::of(notifier, Some(hearing), is_up.clone(), look);
        heard(is_up).await;
        wakeups
    }

    /// Starts to look, and hears nothing: there are no notifications.
    pub(crate) fn by_looks<F>(look: impl Fn(Address) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        Self::of(Notifier::default(), None, watch::channel(false).1, look)
    }

    fn of<F>(
        notifier: Notifier,
        hearing: Option<JoinHandle<()>>,
        is_up: watch::Receiver<bool>,
        look: impl Fn(Address) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        let (came, looks) = (Arc::<Notify>::default(), Arc::<AtomicU64>::default());
        let poller =
            Poller { notifier: notifier.clone(), came: Arc::clone(&came), looks: Arc::clone(&looks) };
        let polling = tokio::spawn(poller.poll(is_up, look));
        Wakeups { notifier, came, looks, _tasks: Tasks::new(hearing.into_iter().chain([polling])) }
    }

    /// A waiter at an address that is about to be claimed.
    pub(crate) fn listen(&self, address: Address) -> Waiter {
        self.notifier.listen(address)
    }

    /// Takes note of a claim's answer. `waiter` listened before the claim was sent.
    pub(crate) fn claimed(&self, waiter: Waiter, claim: &Claim) {
        match claim {
            Claim::InFlight { .. } => {
                self.notifier.keep(waiter);
                self.came.notify_one();
            }
            // An earlier claim at this address has ended, if there was one.
            Claim::Won { .. } | Claim::Abandoned => self.notifier.notify(waiter.address()),
            _ => {}
        }
    }

    /// Notifies the waiters at `address`: this process has changed something there.
    pub(crate) fn notify(&self, address: Address) {
        self.notifier.notify(address);
    }

    /// Waits until something happens at `address`, if it is claimed. `is_claimed` is asked where no
    /// claim has said so right before.
    pub(crate) async fn changed(&self, address: Address, is_claimed: impl Future<Output = bool>) {
        let kept = self.notifier.take(address);
        let has_claimed = kept.is_some();
        let mut waiter = kept.unwrap_or_else(|| self.notifier.listen(address));
        if has_claimed || is_claimed.await {
            if !has_claimed {
                self.came.notify_one();
            }
            waiter.notified().await;
        }
    }

    /// Number of looks so far.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Wakeups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakeups").field("notifier", &self.notifier).finish_non_exhaustive()
    }
}
