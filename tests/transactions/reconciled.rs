//! Applications that are asked about abandoned executions, and work that leaves none.

use std::{
    convert::Infallible,
    future::pending,
    sync::{Arc, Mutex},
    time::Duration,
};

use idempotent_runtime::{AbandonedExecution, Drained, Idempotency, IdempotencyBuilder, Resolution};
use idempotent_tests::Http1;
use tokio::{sync::oneshot, time::sleep};

use crate::fixture::{Fixture, Setup, keyed, within};

on_both! {
    nobody_is_asked_about_a_transaction_that_died,
    a_walk_asks_about_what_died_but_for_transactions,
}

/// Waited out once.
const LEASE: Duration = Duration::from_secs(2);

/// Endpoints of the executions that the application has been asked about.
type Asked = Arc<Mutex<Vec<String>>>;

async fn builder(fixture: &impl Fixture, asked: &Asked) -> IdempotencyBuilder {
    let asked = Arc::clone(asked);
    let refuse = async move |abandoned: &AbandonedExecution| {
        asked.lock().unwrap().push(abandoned.endpoint().to_owned());
        Resolution::Refuse
    };
    Idempotency::builder().store(fixture.store(fixture.pool(4)).await).lease(LEASE).reconcile(refuse)
}

async fn nobody_is_asked_about_a_transaction_that_died(fixture: &impl Fixture) {
    let asked = Asked::default();
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
    assert_eq!((fixture.count().await, asked.lock().unwrap().len()), (1, 0));
}

async fn a_walk_asks_about_what_died_but_for_transactions<P: Fixture>(fixture: &P) {
    let asked = Asked::default();
    let dying = Setup::with(fixture, fixture.pool(4), builder(fixture, &asked).await).await;
    let _connection = Http1::begin(dying.server.address(), &keyed("k", "insert wait 201")).await;
    dying.handler.began().await;
    drop(dying);
    let node = builder(fixture, &asked).await.build().unwrap();
    // A call that is dropped leaves its outcome to the lease, as a death does.
    let (begin, began) = oneshot::channel();
    let step = async |_| {
        begin.send(()).unwrap();
        pending::<Result<u32, Infallible>>().await
    };
    tokio::select! {
        told = node.once("settle", "k").run(step) => panic!("{told:?}"),
        told = within(began) => told.unwrap(),
    }
    let walking = builder(fixture, &asked).await.build().unwrap();
    walking.reconcile_stuck(Duration::from_millis(50)).unwrap();
    within(async {
        while asked.lock().unwrap().is_empty() {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(walking.drain(LEASE * 10).await, Drained::Complete);
    assert_eq!(*asked.lock().unwrap(), ["settle"]);
}
