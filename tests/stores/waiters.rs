//! Waiters on another node, and the time until they have a response.

use std::time::Duration;

use idempotent_runtime::{
    Store,
    store::{Claim, Hold},
};
use idempotent_tests::requests::{WON, claim, complete, hold, is_in_flight, is_replay, retry};
use tokio::time::{Instant, sleep, timeout};

use crate::times::median_of;

/// Waits, as often as it has to, for the response to `owner`'s request.
pub(crate) async fn response(store: impl Store, owner: Hold) {
    let duplicate = retry(owner);
    loop {
        match claim(&store, duplicate).await.unwrap() {
            Claim::InFlight { .. } => store.changed(duplicate.address).await,
            replay => return is_replay(&replay, owner),
        }
    }
}

/// Time from the request for the completion until a waiter on another node has its response.
pub(crate) async fn wake_up(owning: &impl Store, waiting: &(impl Store + Clone)) -> Duration {
    let owner = hold();
    assert_eq!(claim(owning, owner).await.unwrap(), WON);
    let waiter = waiting.clone();
    is_in_flight(&claim(waiting, retry(owner)).await.unwrap());
    let woken = tokio::spawn(async move {
        response(waiter, owner).await;
        Instant::now()
    });
    sleep(Duration::from_millis(30)).await;
    let began = Instant::now();
    complete(owning, owner).await.unwrap();
    timeout(Duration::from_secs(20), woken).await.expect("the waiter is woken").unwrap() - began
}

pub(crate) async fn median_wake_up(
    owning: &impl Store,
    waiting: &(impl Store + Clone),
    times: usize,
) -> Duration {
    median_of(times, async || wake_up(owning, waiting).await).await
}
