//! Applications that are asked about abandoned executions, and handlers that leave none.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use idempotent_runtime::{AbandonedExecution, Idempotency, IdempotencyBuilder, Resolution};
use idempotent_tests::Http1;

use crate::fixture::{Fixture, Setup, keyed};

on_both!(nobody_is_asked_about_a_transaction_that_died);

/// Waited out once.
const LEASE: Duration = Duration::from_secs(2);

async fn builder(fixture: &impl Fixture, asked: &Arc<AtomicUsize>) -> IdempotencyBuilder {
    let asked = Arc::clone(asked);
    let refuse = async move |_: &AbandonedExecution| {
        asked.fetch_add(1, SeqCst);
        Resolution::Refuse
    };
    Idempotency::builder().store(fixture.store(fixture.pool(4)).await).lease(LEASE).reconcile(refuse)
}

async fn nobody_is_asked_about_a_transaction_that_died(fixture: &impl Fixture) {
    let asked = Arc::new(AtomicUsize::new(0));
    let dying = Setup::with(fixture, fixture.pool(4), builder(fixture, &asked).await).await;
    let _connection = Http1::begin(dying.server.address(), &keyed("k", "insert wait 201")).await;
    dying.handler.began().await;
    drop(dying);
    let living = Setup::with(fixture, fixture.pool(4), builder(fixture, &asked).await).await;
    let reply = living.ask("k", "insert wait 201");
    let (reply, ()) = tokio::join!(reply, async {
        living.handler.began().await;
        living.handler.let_one_through();
    });
    assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
    assert_eq!((fixture.count().await, asked.load(SeqCst)), (1, 0));
}
