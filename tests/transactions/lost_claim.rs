//! Executions whose claim has been taken over while they ran.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{EntryName, Idempotency, Resolution, Resolved};

use crate::fixture::{Fixture, OnPostgres, Setup};

const LONGER_THAN_A_LEASE: Duration = Duration::from_secs(60);

/// Two nodes that both run one request: the first has lost its claim to the second.
async fn two_runners(
    fixture: &OnPostgres,
    after: impl AsyncFnOnce(&Setup<OnPostgres>, &Setup<OnPostgres>),
) -> [idempotent_tests::Reply; 2] {
    let (zombie, winner) = (Setup::new(fixture).await, Setup::new(fixture).await);
    let (lost, won, ()) = tokio::join!(
        zombie.ask("k", "insert wait 201"),
        async {
            zombie.handler.began().await;
            fixture.0.shift(LONGER_THAN_A_LEASE).await;
            winner.ask("k", "insert wait 201").await
        },
        async {
            winner.handler.began().await;
            after(&zombie, &winner).await;
        },
    );
    [lost, won]
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_last_gets_what_the_other_has_committed() {
    let fixture = OnPostgres::new().await;
    let [lost, won] = two_runners(&fixture, async |zombie, winner| {
        winner.handler.let_one_through();
        while fixture.count().await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        zombie.handler.let_one_through();
    })
    .await;
    assert_eq!((won.status, won.is_replay()), (201, false), "{won:?}");
    assert_eq!((lost.status, lost.is_replay(), lost.text()), (201, true, won.text()), "{lost:?}");
    assert_eq!(fixture.count().await, 1);
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_ends_first_commits_nothing_and_is_told_that_another_runs() {
    let fixture = OnPostgres::new().await;
    let [lost, won] = two_runners(&fixture, async |zombie, winner| {
        let before = zombie.pool.num_idle();
        zombie.handler.let_one_through();
        while zombie.pool.num_idle() == before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert_eq!(fixture.count().await, 0);
        winner.handler.let_one_through();
    })
    .await;
    assert_eq!((lost.status, lost.code().as_str()), (409, "in_progress"), "{lost:?}");
    assert_eq!((won.status, won.is_replay()), (201, false), "{won:?}");
    assert_eq!(fixture.count().await, 1);
    fixture.clean().await;
}

/// A request that an operator ends so while its handler still runs.
async fn ended_by_hand(
    fixture: &OnPostgres,
    zombie: &Setup<OnPostgres>,
    resolution: Resolution,
) -> idempotent_tests::Reply {
    let operator = Idempotency::builder().store(fixture.store(fixture.pool(4)).await).build().unwrap();
    let (reply, ()) = tokio::join!(zombie.ask("k", "insert wait 201"), async {
        zombie.handler.began().await;
        fixture.0.shift(LONGER_THAN_A_LEASE).await;
        let resolved = operator.resolve(&EntryName::global("k"), resolution).await.unwrap();
        assert_eq!(resolved, Resolved::Done);
        zombie.handler.let_one_through();
    });
    assert_eq!(fixture.count().await, 0);
    reply
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_key_an_operator_has_completed_keeps_no_rows_and_answers_what_the_operator_said()
{
    let fixture = OnPostgres::new().await;
    let zombie = Setup::new(&fixture).await;
    let response = HttpResponse::Accepted().body("by hand");
    let reply = ended_by_hand(&fixture, &zombie, Resolution::Complete(response)).await;
    assert_eq!((reply.status, reply.is_replay(), reply.text()), (202, true, "by hand"), "{reply:?}");
    fixture.clean().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_whose_key_an_operator_has_freed_keeps_no_rows_and_the_next_one_does() {
    let fixture = OnPostgres::new().await;
    let zombie = Setup::new(&fixture).await;
    let reply = ended_by_hand(&fixture, &zombie, Resolution::Rerun).await;
    assert_eq!((reply.status, reply.code().as_str()), (409, "in_progress"), "{reply:?}");
    zombie.handler.let_one_through();
    let reply = zombie.ask("k", "insert wait 201").await;
    assert_eq!((reply.status, reply.is_replay(), fixture.count().await), (201, false, 1), "{reply:?}");
    fixture.clean().await;
}
