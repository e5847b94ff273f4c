//! Steps that later attempts find.

use std::time::Duration;

use actix_web::http::Method;
use idempotent_runtime::{EntryName, Idempotency, Resolution, Resolved};
use idempotent_tests::scripted::Verb;

use super::fixture::{
    Cluster, Fixture, LEASE, ask, begun, charge_of, dies_behind_its_step, dies_in_its_step,
};
use crate::gate::{keyed, within};

#[tokio::test]
async fn a_step_that_has_run_is_not_run_by_the_attempt_after_a_crash() {
    let cluster = Cluster::new();
    dies_behind_its_step(&cluster, &charge_of("k")).await;
    let fixture = Fixture::open();
    let (server, _) = cluster.process(&fixture);
    cluster.clock.advance(LEASE);
    let retry = ask(&server, &charge_of("k")).await;
    assert_eq!((retry.status, retry.is_replay(), retry.text()), (201, false, "charge 1, attempt 2"));
    assert_eq!((fixture.step.effects(), fixture.rest.effects()), (0, 1));
}

#[tokio::test]
async fn racing_retries_after_a_crash_run_a_step_once() {
    let cluster = Cluster::new();
    dies_in_its_step(&cluster, &charge_of("k")).await;
    let fixture = Fixture::open();
    let servers = [cluster.process(&fixture).0, cluster.process(&fixture).0];
    cluster.clock.advance(LEASE);
    let request = charge_of("k");
    let retries = (0..64).map(|index| ask(&servers[index % 2], &request));
    let replies = futures_util::future::join_all(retries).await;
    let is_charged = |text: &str| text == "charge 1, attempt 2";
    assert!(replies.iter().all(|reply| reply.status == 201 && is_charged(reply.text())), "{replies:?}");
    assert_eq!((fixture.step.effects(), fixture.rest.effects()), (1, 1));
}

#[tokio::test]
async fn every_later_attempt_finds_the_step_of_the_first() {
    let cluster = Cluster::new();
    for _ in 0..3 {
        dies_behind_its_step(&cluster, &charge_of("k")).await;
        cluster.clock.advance(LEASE);
    }
    let fixture = Fixture::open();
    let (server, _) = cluster.process(&fixture);
    assert_eq!(ask(&server, &charge_of("k")).await.text(), "charge 1, attempt 4");
    assert_eq!(fixture.step.effects(), 0);
}

#[tokio::test]
async fn a_key_that_an_operator_has_freed_keeps_its_steps() {
    let cluster = Cluster::new();
    dies_behind_its_step(&cluster, &charge_of("k")).await;
    cluster.clock.advance(LEASE);
    let fixture = Fixture::open();
    let (server, store) = cluster.process(&fixture);
    let operator = Idempotency::builder().store(store).build().unwrap();
    let entry = EntryName::endpoint(Method::POST, "/charge", "k");
    assert_eq!(operator.resolve(&entry, Resolution::Rerun).await.unwrap(), Resolved::Done);
    assert_eq!(ask(&server, &charge_of("k")).await.text(), "charge 1, attempt 1");
    assert_eq!(fixture.step.effects(), 0);
}

#[tokio::test]
async fn a_key_that_an_answer_has_freed_keeps_its_steps() {
    let fixture = Fixture::open();
    let (server, _) = Cluster::new().process(&fixture);
    fixture.fails(2);
    assert_eq!(ask(&server, &charge_of("k")).await.status, 500);
    assert_eq!(ask(&server, &charge_of("k")).await.status, 500);
    assert_eq!(ask(&server, &charge_of("k")).await.text(), "charge 1, attempt 1");
    assert_eq!((fixture.step.effects(), fixture.rest.effects()), (1, 3));
}

#[tokio::test]
async fn another_request_with_a_freed_key_finds_no_step_of_the_first() {
    let fixture = Fixture::open();
    let (server, _) = Cluster::new().process(&fixture);
    fixture.fails(1);
    assert_eq!(ask(&server, &keyed("/charge", "k", "one")).await.status, 500);
    let other = ask(&server, &keyed("/charge", "k", "other")).await;
    assert_eq!(other.text(), "charge 2, attempt 1");
}

#[tokio::test]
async fn another_key_has_steps_of_its_own() {
    let fixture = Fixture::open();
    let (server, _) = Cluster::new().process(&fixture);
    for number in 1..=3 {
        let reply = ask(&server, &charge_of(&format!("k{number}"))).await;
        assert_eq!(reply.text(), format!("charge {number}, attempt 1"));
    }
}

#[tokio::test]
async fn a_step_whose_process_died_while_it_ran_is_run_again() {
    let cluster = Cluster::new();
    let dead = dies_in_its_step(&cluster, &charge_of("k")).await;
    cluster.clock.advance(LEASE);
    let fixture = Fixture::open();
    let (server, _) = cluster.process(&fixture);
    assert_eq!(ask(&server, &charge_of("k")).await.text(), "charge 1, attempt 2");
    assert_eq!((dead.step.effects(), fixture.step.effects()), (1, 1));
}

#[tokio::test]
async fn a_step_is_kept_for_twice_the_ttl_and_a_lease() {
    let (cluster, fixture) = (Cluster::new(), Fixture::open());
    let (server, _) = cluster.process(&fixture);
    let kept = Duration::from_secs(120) + LEASE;
    for (wait, number) in
        [(Duration::ZERO, 1), (kept - Duration::from_millis(1), 1), (Duration::from_millis(1), 2)]
    {
        cluster.clock.advance(wait);
        fixture.fails(1);
        assert_eq!(ask(&server, &keyed("/minute", "k", "")).await.status, 500);
        assert_eq!(fixture.step.effects(), number);
    }
}

#[tokio::test]
async fn an_attempt_on_another_node_waits_for_the_step_that_an_earlier_one_left_running() {
    let (cluster, first, second) = (Cluster::new(), Fixture::step_shut(), Fixture::open());
    let (server, _) = cluster.process(&first);
    let (another, store) = cluster.process(&second);
    let request = keyed("/left_behind", "k", "");
    first.fails(1);
    assert_eq!(ask(&server, &request).await.status, 500);
    let mut retry = begun(&another, &request).await;
    store.called(Verb::Changed, 1).await;
    first.step.let_one_through();
    assert_eq!(within(retry.reply()).await.unwrap().text(), "charge 1");
    assert_eq!(second.step.effects(), 0);
}

#[tokio::test]
async fn an_attempt_in_the_same_process_waits_for_the_step_that_an_earlier_one_left_running() {
    let fixture = Fixture::step_shut();
    let (server, store) = Cluster::new().process(&fixture);
    let request = keyed("/left_behind", "k", "");
    fixture.fails(1);
    assert_eq!(ask(&server, &request).await.status, 500);
    let mut retry = begun(&server, &request).await;
    // The claims of the first attempt, of its step, and of the second attempt.
    store.called(Verb::Claim, 3).await;
    fixture.step.let_one_through();
    assert_eq!(within(retry.reply()).await.unwrap().text(), "charge 1");
    assert_eq!((fixture.step.effects(), store.calls(Verb::Claim)), (1, 3));
}
