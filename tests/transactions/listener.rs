//! Events that a listener hears of handlers in a transaction.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use idempotent_runtime::{Event, Idempotency, Outcome, RefusalCode};

use crate::fixture::{Fixture, OnPostgres, Setup};

on_both! {
    every_end_of_a_transaction_is_heard_once,
}

type Heard = Arc<Mutex<Vec<(Outcome, Option<RefusalCode>)>>>;

async fn heard_by<P: Fixture>(fixture: &P, heard: &Heard) -> Setup<P> {
    let (pool, heard) = (fixture.pool(4), Arc::clone(heard));
    let listener = move |event: &Event<'_>| heard.lock().unwrap().push((event.outcome, event.code));
    let builder = Idempotency::builder().store(fixture.store(pool.clone()).await).listener(listener);
    Setup::with(fixture, pool, builder).await
}

async fn every_end_of_a_transaction_is_heard_once(fixture: &impl Fixture) {
    let heard = Heard::default();
    let it = heard_by(fixture, &heard).await;
    let script = [
        ("a", "insert 201", 201, Outcome::Executed),
        ("a", "insert 201", 201, Outcome::Replayed),
        ("b", "insert 422", 422, Outcome::Executed),
        ("b", "insert 422", 422, Outcome::Replayed),
        ("c", "insert 500", 500, Outcome::Executed),
        ("c", "insert 500", 500, Outcome::Executed),
        ("d", "insert panic 201", 500, Outcome::Panicked),
        ("a", "insert 202", 409, Outcome::KeyReused),
    ];
    for (number, (key, body, status, outcome)) in script.into_iter().enumerate() {
        assert_eq!(it.ask(key, body).await.status, status, "{key} {body}");
        let heard = heard.lock().unwrap();
        assert_eq!((heard.len(), heard[number].0), (number + 1, outcome), "{key} {body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_loses_its_connection_is_heard_of_as_the_stores_error() {
    let (fixture, heard) = (OnPostgres::new().await, Heard::default());
    let it = heard_by(&fixture, &heard).await;
    let kills_itself = "insert swallow:SELECT~pg_terminate_backend(pg_backend_pid()) 201";
    assert_eq!(it.ask("k", kills_itself).await.code(), "store_unavailable");
    assert_eq!(*heard.lock().unwrap(), [(Outcome::StoreError, Some(RefusalCode::StoreUnavailable))]);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_claim_was_taken_over_is_heard_of_as_fenced() {
    let (fixture, [lost, won]) = (OnPostgres::new().await, <[Heard; 2]>::default());
    let (zombie, winner) = (heard_by(&fixture, &lost).await, heard_by(&fixture, &won).await);
    let (reply, ()) = tokio::join!(zombie.ask("k", "insert wait 201"), async {
        zombie.handler.began().await;
        fixture.0.shift(Duration::from_secs(60)).await;
        let (_, ()) = tokio::join!(winner.ask("k", "insert wait 201"), async {
            winner.handler.began().await;
            winner.handler.let_one_through();
        });
        zombie.handler.let_one_through();
    });
    assert!(reply.is_replay(), "{reply:?}");
    assert_eq!(*lost.lock().unwrap(), [(Outcome::Fenced, None)]);
    assert_eq!(*won.lock().unwrap(), [(Outcome::Executed, None)]);
    fixture.clean().await;
}
