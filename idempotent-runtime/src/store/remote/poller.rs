//! Looks for changes that no notification told of.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::join_all;
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use super::Bells;
use crate::{pace::Pace, request::Address};

/// Pauses between looks while nobody listens.
const POLL: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(500));
/// Pauses between looks while notifications come: a connection can be dead without either end knowing.
const SAFETY: Duration = Duration::from_secs(5);
/// How many addresses are looked at at a time.
const AT_ONCE: usize = 512;

/// How long a store that is set up waits for its notifications to come.
const FIRST: Duration = Duration::from_secs(1);

/// Waits until notifications come, so that they wake nobody for nothing when they begin to; not for long, since all works
/// without them too.
pub(super) async fn heard(mut up: watch::Receiver<bool>) {
    let _ = timeout(FIRST, up.wait_for(|up| *up)).await;
}

/// Looks at what is listened for, for as long as it is polled: every few seconds while notifications come, at a growing pace
/// from when they are lost.
///
/// `look` says whether an address is still claimed, if that can be known now. `looks` counts.
pub(super) async fn poll<F>(
    bells: Bells,
    mut up: watch::Receiver<bool>,
    looks: Arc<AtomicU64>,
    look: impl Fn(Address) -> F,
) where
    F: Future<Output = Option<bool>>,
{
    let mut pace = Pace::new(POLL.0, POLL.1);
    loop {
        if *up.borrow_and_update() {
            pace = Pace::new(POLL.0, POLL.1);
            // Ends early where notifications are lost.
            let _ = timeout(SAFETY, up.changed()).await;
        } else {
            sleep(pace.pause()).await;
            // Whoever listened when notifications came back has been rung for.
            if *up.borrow() {
                continue;
            }
        }
        for addresses in bells.listened().chunks(AT_ONCE) {
            looks.fetch_add(addresses.len() as u64, Ordering::Relaxed);
            let claimed = join_all(addresses.iter().map(|&address| look(address))).await;
            let ended = addresses.iter().zip(claimed).filter(|(_, claimed)| *claimed == Some(false));
            ended.for_each(|(&address, _)| bells.ring(address));
        }
    }
}
