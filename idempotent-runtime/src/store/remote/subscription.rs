//! The subscription by which a store's server notifies of other nodes' changes, kept open.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::notify::Notifier;
use crate::backoff::Backoff;

/// Pauses between attempts to subscribe.
const RECONNECT: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// Time that a subscription has to stay open before it counts as back.
const STEADY: Duration = Duration::from_secs(5);

/// A way to hear notifications.
pub(crate) trait Subscription: Send + 'static {
    type Open: Send;

    /// Subscribes, in bounded time. Else says why that cannot be done.
    fn open(&mut self) -> impl Future<Output = Result<Self::Open, String>> + Send;

    /// True where no other try to subscribe will help.
    fn is_given_up(&self) -> bool {
        false
    }

    /// Passes each notification on, until the subscription is lost.
    fn hear(open: Self::Open, notifier: &Notifier) -> impl Future<Output = ()> + Send;
}

//   down ─ opened ─▶ up, notifies all waiters ─ lost ─▶ down, tries again at a growing pace
//        ─ given up ─▶ ends: changes are found by looks from then on
//
// A waiter listens before its claim is sent, and the claim marks the entry as waited for. So every
// change from then on is notified. A change that nobody listened to is found by a look (poller.rs),
// or when the subscription is back and all waiters are notified.
/// Keeps the subscription open, for as long as it is polled and not given up. Says in `up` whether
/// it is open. An operator is told once that it cannot be opened, and each time that it is lost.
pub(super) async fn keep_open<S: Subscription>(
    store: &'static str,
    mut subscription: S,
    notifier: Notifier,
    up: watch::Sender<bool>,
) {
    let (mut pace, mut is_known) = (Backoff::new(RECONNECT.0, RECONNECT.1), false);
    loop {
        match subscription.open().await {
            Ok(open) => {
                let since = Instant::now();
                up.send_replace(true);
                notifier.notify_all();
                S::hear(open, &notifier).await;
                up.send_replace(false);
                // A subscription that comes and goes would wake all waiters each time it comes.
                if since.elapsed() > STEADY {
                    pace = Backoff::new(RECONNECT.0, RECONNECT.1);
                }
                tracing::warn!(store, "notifications are lost; polling until they are back");
            }
            Err(why) if subscription.is_given_up() => {
                tracing::warn!(store, why, "notifications cannot be heard; polling");
                return;
            }
            Err(why) if is_known => tracing::debug!(store, why, "notifications are still down"),
            Err(why) => {
                tracing::warn!(store, why, "notifications cannot be heard; polling until they can");
            }
        }
        is_known = true;
        sleep(pace.next_delay()).await;
    }
}
