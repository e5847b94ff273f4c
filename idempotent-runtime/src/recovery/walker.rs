//! The task that walks, and waits for the next walk.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use futures_util::future::{Either, select};
use std::pin::pin;
use tokio::time::sleep;

use super::{
    turn::{Turn, take},
    walk::walk,
};
use crate::{
    backoff::Backoff,
    engine::{Engine, Executions, Idempotency},
};

// The turn to walk is an entry of the library's own, at an address that no request, operation or
// step has. Who holds its claim walks:
//
//   vacant ─ a node claims it ─▶ ours, and the lease is kept
//          others find it in flight, and look again when its lease would be over
//   ours   ─ the walk has ended ──▶ recorded, for one interval: whoever claims it meanwhile is told
//                                   for how long nobody needs to walk
//          ─ the process drains ──▶ vacant: another node may walk at once
//          ─ the node dies ───────▶ vacant when the lease is over: it is not remembered after that
//          ─ the lease is lost ───▶ another node's: the walk stops before the next page
//   recorded ─ the interval is over ─▶ vacant
//
// Between two walks the task holds the handle weakly. It is dropped with the last handle, and ends
// when a drain begins.
pub(super) async fn run(app: Weak<Engine>, executions: Arc<Executions>, every: Duration) {
    while let Some(app) = app.upgrade().map(Idempotency) {
        if executions.is_draining() {
            return;
        }
        let pause = step(&app, every).await;
        drop(app);
        let (pause, drains) = (pin!(sleep(pause)), pin!(executions.drains()));
        if let Either::Right(_) = select(pause, drains).await {
            return;
        }
    }
}

/// Walks, if it is this node's turn. Gives the time after which to look again.
async fn step(app: &Idempotency, every: Duration) -> Duration {
    match take(app, every).await {
        Turn::Ours(turn) => {
            let ended = walk(app, turn.hold()).await;
            turn.end(ended, every).await;
            Backoff::new(every, every).next_delay()
        }
        Turn::NotNow(left) => left,
    }
}
