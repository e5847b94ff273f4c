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
    Bells, Tasks,
    bells::Bell,
    channel::{Channel, keep_open},
    poller::{Poller, heard},
};
use crate::{request::Address, store::Claim};

/// The bells of one store, and the tasks that ring them. Ends with the store.
pub(crate) struct Wakes {
    bells: Bells,
    came: Arc<Notify>,
    looks: Arc<AtomicU64>,
    _tasks: Tasks,
}

impl Wakes {
    /// Starts to hear notifications on `channel`, and to look where there are none, on the present
    /// runtime. `look` says whether an address is still claimed, if that can be known now.
    pub(crate) async fn start<F>(
        store: &'static str,
        channel: impl Channel,
        look: impl Fn(Address) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        let (bells, (up, is_up)) = (Bells::default(), watch::channel(false));
        let hearing = tokio::spawn(keep_open(store, channel, bells.clone(), up));
        let wakes = Self::of(bells, Some(hearing), is_up.clone(), look);
        heard(is_up).await;
        wakes
    }

    /// Starts to look, and hears nothing: there are no notifications.
    #[cfg(feature = "postgres")]
    pub(crate) fn by_looks<F>(look: impl Fn(Address) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        Self::of(Bells::default(), None, watch::channel(false).1, look)
    }

    fn of<F>(
        bells: Bells,
        hearing: Option<JoinHandle<()>>,
        is_up: watch::Receiver<bool>,
        look: impl Fn(Address) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Option<bool>> + Send + 'static,
    {
        let (came, looks) = (Arc::<Notify>::default(), Arc::<AtomicU64>::default());
        let poller = Poller { bells: bells.clone(), came: Arc::clone(&came), looks: Arc::clone(&looks) };
        let polling = tokio::spawn(poller.poll(is_up, look));
        Wakes { bells, came, looks, _tasks: Tasks::new(hearing.into_iter().chain([polling])) }
    }

    /// A bell for an address that is about to be claimed.
    pub(crate) fn listen(&self, address: Address) -> Bell {
        self.bells.listen(address)
    }

    /// Takes note of a claim's answer. `bell` was taken before the claim was sent.
    pub(crate) fn claimed(&self, bell: Bell, claim: &Claim) {
        match claim {
            Claim::InFlight { .. } => {
                self.bells.keep(bell);
                self.came.notify_one();
            }
            // An earlier claim at this address has ended, if there was one.
            Claim::Won { .. } | Claim::Abandoned => self.bells.ring(bell.address()),
            _ => {}
        }
    }

    /// Rings the bells of `address`: this process has changed something there.
    pub(crate) fn ring(&self, address: Address) {
        self.bells.ring(address);
    }

    /// Waits until something happens at `address`, if it is claimed. `is_claimed` is asked where no
    /// claim has said so right before.
    pub(crate) async fn changed(&self, address: Address, is_claimed: impl Future<Output = bool>) {
        let kept = self.bells.take(address);
        let has_claimed = kept.is_some();
        let mut bell = kept.unwrap_or_else(|| self.bells.listen(address));
        if has_claimed || is_claimed.await {
            if !has_claimed {
                self.came.notify_one();
            }
            bell.rung().await;
        }
    }

    /// Number of looks so far.
    pub(crate) fn looks(&self) -> u64 {
        self.looks.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Wakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wakes").field("bells", &self.bells).finish_non_exhaustive()
    }
}
