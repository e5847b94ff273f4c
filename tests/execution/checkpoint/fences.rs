//! Attempts that have lost their claim, and leases that are kept.

use std::time::Duration;

use idempotent_runtime::{Idempotency, MemoryStore};
use idempotent_tests::scripted::{Scripted, Verb};

use super::fixture::{Cluster, Fixture, LEASE, ask, begun, charge_of};
use crate::gate::{keyed, within};

#[tokio::test]
async fn an_attempt_that_has_lost_its_claim_begins_no_step() {
    let (cluster, zombie, winner) = (Cluster::new(), Fixture::before_shut(), Fixture::before_shut());
    let (zombies, _) = cluster.process(&zombie);
    let (winners, _) = cluster.process(&winner);
    let mut lost = begun(&zombies, &charge_of("k")).await;
    zombie.before.began().await;
    cluster.clock.advance(LEASE);
    let mut won = begun(&winners, &charge_of("k")).await;
    winner.before.began().await;
    zombie.before.let_one_through();
    let lost = within(lost.reply()).await.unwrap();
    assert_eq!((lost.status, lost.header("idempotency-stored")), (409, Some("false")), "{lost:?}");
    assert_eq!(lost.text(), "the execution has lost its claim: another attempt may run, or has ended");
    assert_eq!(lost.header("retry-after"), Some("1"));
    winner.before.let_one_through();
    assert_eq!(within(won.reply()).await.unwrap().text(), "charge 1, attempt 2");
    assert_eq!((zombie.step.effects(), winner.step.effects()), (0, 1));
}

#[tokio::test]
async fn who_waits_for_an_attempt_that_has_lost_its_claim_is_answered_by_the_winner() {
    let (cluster, zombie, winner) = (Cluster::new(), Fixture::before_shut(), Fixture::before_shut());
    let (zombies, _) = cluster.process(&zombie);
    let (winners, _) = cluster.process(&winner);
    let mut lost = begun(&zombies, &charge_of("k")).await;
    zombie.before.began().await;
    let mut waiter = begun(&zombies, &charge_of("k")).await;
    // The only worker takes connections in turn: the duplicate waits when this one is answered.
    assert_eq!(ask(&zombies, &keyed("/nowhere", "k", "")).await.status, 404);
    cluster.clock.advance(LEASE);
    let mut won = begun(&winners, &charge_of("k")).await;
    winner.before.began().await;
    zombie.before.let_one_through();
    assert_eq!(within(lost.reply()).await.unwrap().status, 409);
    winner.before.let_one_through();
    assert_eq!(within(won.reply()).await.unwrap().status, 201);
    let waited = within(waiter.reply()).await.unwrap();
    assert_eq!((waited.status, waited.text()), (201, "charge 1, attempt 2"));
    assert_eq!((zombie.step.effects(), winner.step.effects()), (0, 1));
}

#[tokio::test]
async fn an_attempt_that_has_lost_its_claim_to_one_that_is_done_gets_its_answer() {
    let (cluster, zombie, winner) = (Cluster::new(), Fixture::before_shut(), Fixture::open());
    let (zombies, _) = cluster.process(&zombie);
    let (winners, _) = cluster.process(&winner);
    let mut lost = begun(&zombies, &charge_of("k")).await;
    zombie.before.began().await;
    cluster.clock.advance(LEASE);
    assert_eq!(ask(&winners, &charge_of("k")).await.text(), "charge 1, attempt 2");
    zombie.before.let_one_through();
    let lost = within(lost.reply()).await.unwrap();
    assert_eq!((lost.status, lost.is_replay(), lost.text()), (201, true, "charge 1, attempt 2"));
    assert_eq!(zombie.step.effects(), 0);
}

#[tokio::test]
async fn a_step_that_lost_its_claim_gives_the_value_that_the_winner_has_recorded() {
    let (cluster, zombie, winner) = (Cluster::new(), Fixture::step_shut(), Fixture::rest_shut());
    let (zombies, _) = cluster.process(&zombie);
    let (winners, _) = cluster.process(&winner);
    // The winner's numbers are other than the zombie's.
    winner.rest.let_one_through();
    assert_eq!(ask(&winners, &charge_of("another")).await.text(), "charge 1, attempt 1");
    winner.rest.began().await;
    let mut lost = begun(&zombies, &charge_of("k")).await;
    zombie.step.began().await;
    cluster.clock.advance(LEASE);
    let mut won = begun(&winners, &charge_of("k")).await;
    winner.rest.began().await;
    zombie.step.let_one_through();
    let lost = within(lost.reply()).await.unwrap();
    assert_eq!((lost.status, lost.text()), (201, "charge 2, attempt 1"));
    assert_eq!(lost.header("idempotency-stored"), Some("false"));
    winner.rest.let_one_through();
    assert_eq!(within(won.reply()).await.unwrap().text(), "charge 2, attempt 2");
}

#[tokio::test]
async fn a_step_that_lost_its_claim_to_one_still_running_is_an_error() {
    let (cluster, zombie, winner) = (Cluster::new(), Fixture::step_shut(), Fixture::step_shut());
    let (zombies, _) = cluster.process(&zombie);
    let (winners, _) = cluster.process(&winner);
    let mut lost = begun(&zombies, &charge_of("k")).await;
    zombie.step.began().await;
    cluster.clock.advance(LEASE);
    let mut won = begun(&winners, &charge_of("k")).await;
    winner.step.began().await;
    zombie.step.let_one_through();
    let lost = within(lost.reply()).await.unwrap();
    assert_eq!((lost.status, lost.header("idempotency-stored")), (409, Some("false")), "{lost:?}");
    assert_eq!(zombie.rest.effects(), 0);
    winner.step.let_one_through();
    assert_eq!(within(won.reply()).await.unwrap().text(), "charge 1, attempt 2");
}

#[tokio::test]
async fn the_lease_of_a_step_is_kept_for_as_long_as_it_runs() {
    let lease = Duration::from_millis(300);
    let store = Scripted::new(MemoryStore::new());
    let process = || Idempotency::builder().store(store.clone()).lease(lease).build().unwrap();
    let (first, second) = (Fixture::step_shut(), Fixture::open());
    let (server, another) = (first.server(&process()), second.server(&process()));
    let request = keyed("/left_behind", "k", "");
    first.fails(1);
    assert_eq!(ask(&server, &request).await.status, 500);
    // Nothing else runs: these are renewals of the step, each a third of its lease after the one
    // before.
    let renewed = store.calls(Verb::Renew);
    store.called(Verb::Renew, renewed + 6).await;
    let mut retry = begun(&another, &request).await;
    store.called(Verb::Changed, 1).await;
    first.step.let_one_through();
    assert_eq!(within(retry.reply()).await.unwrap().text(), "charge 1");
    assert_eq!(second.step.effects(), 0);
}

#[tokio::test]
async fn what_an_execution_leaves_behind_begins_no_step() {
    let fixture = Fixture::before_shut();
    let (server, store) = Cluster::new().process(&fixture);
    assert_eq!(ask(&server, &keyed("/too_late", "k", "")).await.status, 201);
    fixture.before.let_one_through();
    fixture.rest.began().await;
    assert_eq!((fixture.step.effects(), store.calls(Verb::Release)), (0, 1));
}
