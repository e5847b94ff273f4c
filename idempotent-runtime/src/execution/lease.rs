//! Keeps a claim's lease running for as long as its work takes.

use std::{
    pin::{Pin, pin},
    time::Duration,
};

use futures_util::future::{Either, select};
use tokio::{sync::oneshot, time::sleep};
use tracing::Instrument;

use crate::store::{Hold, Renewal, StoreHandle};

/// Does `work`, renewing the lease of `hold` at a third of its length.
///
/// Work that is done before the first renewal costs a timer and nothing else. A renewal that has begun is never dropped:
/// renewing is a task of its own, which ends at its next step after the work has.
///
/// `work` is borrowed: an `async fn` that takes a future by value has room for it twice.
pub(crate) async fn kept<T>(
    store: StoreHandle,
    hold: Hold,
    lease: Duration,
    mut work: Pin<&mut impl Future<Output = T>>,
) -> T {
    if let Either::Left((done, _)) = select(work.as_mut(), pin!(sleep(lease / 3))).await {
        return done;
    }
    let (_working, done) = oneshot::channel::<()>();
    tokio::spawn(renew(store, hold, lease, done).in_current_span());
    work.await
}

async fn renew(store: StoreHandle, hold: Hold, lease: Duration, mut done: oneshot::Receiver<()>) {
    loop {
        let pause = match store.renew(hold, lease).await {
            Ok(Renewal::Renewed) => lease / 3,
            Ok(Renewal::Fenced) => {
                tracing::warn!(address = ?hold.address, "a running execution has lost its claim");
                return;
            }
            Err(error) => {
                tracing::warn!(%error, address = ?hold.address, "a lease could not be renewed, trying again");
                lease / 10
            }
        };
        if let Either::Left(_) = select(&mut done, pin!(sleep(pause))).await {
            return;
        }
    }
}
