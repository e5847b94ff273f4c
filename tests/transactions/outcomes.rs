//! Fate of the rows, the response and the key, by what the handler answers.

use std::time::Duration;

use tokio::time::sleep;

use crate::fixture::{Fixture, Setup, within};

on_all! {
    rows_and_response_commit_together_and_are_replayed,
    a_rejection_is_stored_and_its_rows_are_taken_back,
    a_failure_takes_everything_back_and_the_next_attempt_runs,
    a_panic_takes_everything_back_and_the_next_attempt_runs,
}

async fn rows_and_response_commit_together_and_are_replayed(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    let first = it.ask("k", "insert 201").await;
    assert_eq!((first.status, first.is_replay(), first.text()), (201, false, "run 1 of k"), "{first:?}");
    assert_eq!(fixture.count().await, 1);
    let again = it.ask("k", "insert 201").await;
    assert_eq!((again.status, again.is_replay(), again.text()), (201, true, "run 1 of k"));
    let redirected = it.ask("l", "insert 303").await;
    assert_eq!((redirected.status, fixture.count().await), (303, 2));
    assert_eq!(it.ask("k", "insert 200").await.code(), "key_reused");
    assert_eq!((it.handler.runs(), fixture.count().await), (2, 2));
}

async fn a_rejection_is_stored_and_its_rows_are_taken_back(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    for replay in [false, true] {
        let reply = it.ask("k", "insert 422").await;
        assert_eq!((reply.status, reply.is_replay(), reply.text()), (422, replay, "run 1 of k"), "{reply:?}");
    }
    assert_eq!((it.handler.runs(), fixture.count().await), (1, 0));
}

/// Waits until every connection is back in the pool.
async fn all_are_back(it: &Setup<impl Fixture>) {
    within(async {
        while it.connections().0 < it.connections().1 {
            sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

async fn a_failure_takes_everything_back_and_the_next_attempt_runs(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    for (run, status) in [500, 503, 401, 407, 408, 421, 425, 429].into_iter().enumerate() {
        let key = format!("k{status}");
        for again in 1..=2 {
            let reply = it.ask(&key, &format!("insert {status}")).await;
            let text = format!("run {} of {key}", 2 * run + again);
            assert_eq!((reply.status, reply.is_replay(), reply.text()), (status, false, text.as_str()));
        }
    }
    assert_eq!(fixture.count().await, 0);
    all_are_back(&it).await;
}

async fn a_panic_takes_everything_back_and_the_next_attempt_runs(fixture: &impl Fixture) {
    let it = Setup::new(fixture).await;
    for run in 1..=2 {
        assert_eq!(it.ask("k", "insert panic 201").await.status, 500);
        assert_eq!((it.handler.runs(), fixture.count().await), (run, 0));
    }
    assert_eq!(it.ask("l", "insert 201").await.status, 201);
}
