//! Steps that fail, and stores that do.

use std::sync::Arc;

use idempotent_tests::{
    Reply, TestServer,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use super::fixture::{Cluster, Fixture, ask, begun, charge_of};
use crate::gate::{keyed, within};

const FOREVER: usize = usize::MAX;

#[tokio::test]
async fn a_step_that_fails_keeps_the_status_of_its_error_and_is_run_again() {
    let fixture = Fixture::open();
    let (server, _) = Cluster::new().process(&fixture);
    fixture.fails(1);
    let request = keyed("/fallible", "k", "");
    let failed = ask(&server, &request).await;
    assert_eq!((failed.status, failed.text()), (502, "declined"));
    assert_eq!(ask(&server, &request).await.text(), "charge 2");
}

#[tokio::test]
async fn a_step_that_panics_is_run_again() {
    let fixture = Fixture::open();
    let (server, _) = Cluster::new().process(&fixture);
    fixture.fails(1);
    let request = keyed("/fallible", "k", "panic");
    assert_eq!(ask(&server, &request).await.status, 500);
    assert_eq!(ask(&server, &request).await.text(), "charge 2");
}

/// Sends a request whose handler comes to its step when something goes wrong, and gives the request
/// up when `until` has come.
async fn given_up(
    fixture: &Fixture,
    wrong: impl FnOnce(&Scripted),
    until: impl AsyncFnOnce(&Scripted),
) -> (TestServer, Scripted) {
    let (server, store) = Cluster::new().process(fixture);
    fixture.fails(1);
    let mut connection = begun(&server, &keyed("/given_up", "k", "")).await;
    fixture.before.began().await;
    wrong(&store);
    fixture.before.let_one_through();
    until(&store).await;
    fixture.rest.let_one_through();
    assert_eq!(within(connection.reply()).await.unwrap().status, 500);
    (server, store)
}

/// Answer of the next attempt.
async fn next_attempt(fixture: &Fixture, server: &TestServer) -> String {
    fixture.before.let_one_through();
    fixture.step.let_one_through();
    ask(server, &keyed("/given_up", "k", "")).await.text().to_owned()
}

#[tokio::test]
async fn a_step_that_is_given_up_half_way_is_run_again() {
    let fixture = Fixture::shut();
    let (server, _) = given_up(&fixture, |_| (), async |_| fixture.step.began().await).await;
    assert_eq!(next_attempt(&fixture, &server).await, "charge 2");
}

#[tokio::test]
async fn the_claim_of_a_step_that_is_given_up_before_it_has_begun_is_given_back() {
    let (fixture, late) = (Fixture::shut(), Arc::new(Semaphore::new(0)));
    let wrong = |store: &Scripted| store.next(Verb::Claim, 1, Fault::AnswersLate(Arc::clone(&late)));
    let (server, _) = given_up(&fixture, wrong, async |store| store.called(Verb::Claim, 2).await).await;
    late.add_permits(1);
    assert_eq!(next_attempt(&fixture, &server).await, "charge 1");
}

#[tokio::test]
async fn a_step_that_is_given_up_while_it_is_recorded_is_recorded() {
    let fixture = Fixture::shut();
    fixture.step.let_one_through();
    let wrong = |store: &Scripted| store.next(Verb::Complete, FOREVER, Fault::Fails);
    let (server, store) =
        given_up(&fixture, wrong, async |store| store.called(Verb::Complete, 2).await).await;
    store.heal(Verb::Complete);
    assert_eq!(next_attempt(&fixture, &server).await, "charge 1");
    assert_eq!(fixture.step.effects(), 1);
}

#[tokio::test]
async fn a_step_goes_on_when_its_client_has_gone() {
    let fixture = Fixture::step_shut();
    let (server, _) = Cluster::new().process(&fixture);
    let connection = begun(&server, &charge_of("k")).await;
    fixture.step.began().await;
    connection.reset();
    fixture.step.let_one_through();
    let retry = ask(&server, &charge_of("k")).await;
    assert_eq!((retry.is_replay(), retry.text()), (true, "charge 1, attempt 1"));
}

#[track_caller]
fn is_unavailable(reply: &Reply) {
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("1")), "{reply:?}");
    assert_eq!(reply.text(), "the idempotency store is unavailable: the step was not run");
}

/// A request that has come to its step when something goes wrong with the store.
async fn at_its_step(fixture: &Fixture, wrong: impl FnOnce(&Scripted)) -> (TestServer, Scripted, Reply) {
    let (server, store) = Cluster::new().process(fixture);
    let mut connection = begun(&server, &charge_of("k")).await;
    fixture.before.began().await;
    wrong(&store);
    fixture.before.let_one_through();
    let reply = within(connection.reply()).await.unwrap();
    (server, store, reply)
}

/// The next attempt finds nothing in its way, and runs the step.
async fn is_run_once(fixture: &Fixture, server: &TestServer) {
    fixture.before.let_one_through();
    assert_eq!(ask(server, &charge_of("k")).await.text(), "charge 1, attempt 1");
    assert_eq!(fixture.step.effects(), 1);
}

#[tokio::test]
async fn a_step_whose_claim_fails_is_not_run() {
    let fixture = Fixture::before_shut();
    let (server, _, reply) = at_its_step(&fixture, |store| store.next(Verb::Claim, 1, Fault::Fails)).await;
    is_unavailable(&reply);
    assert_eq!((fixture.step.effects(), fixture.rest.effects()), (0, 0));
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn a_claim_of_a_step_whose_reply_is_lost_is_given_back() {
    let fixture = Fixture::before_shut();
    let (server, _, reply) =
        at_its_step(&fixture, |store| store.next(Verb::Claim, 1, Fault::ReplyIsLost)).await;
    is_unavailable(&reply);
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn a_claim_of_a_step_that_answers_too_late_is_given_back() {
    let (fixture, until) = (Fixture::before_shut(), Arc::new(Semaphore::new(0)));
    let late = Fault::AnswersLate(Arc::clone(&until));
    let (server, _, reply) = at_its_step(&fixture, |store| store.next(Verb::Claim, 1, late)).await;
    is_unavailable(&reply);
    until.add_permits(1);
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn a_step_is_not_run_where_it_cannot_be_told_whether_the_execution_has_its_claim() {
    let fixture = Fixture::before_shut();
    let (server, store, reply) =
        at_its_step(&fixture, |store| store.next(Verb::Renew, 1, Fault::Fails)).await;
    is_unavailable(&reply);
    assert_eq!((fixture.step.effects(), store.calls(Verb::Renew)), (0, 1));
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn a_step_without_a_token_is_not_run() {
    let fixture = Fixture::before_shut();
    let (server, _, reply) = at_its_step(&fixture, |store| store.next(Verb::Token, 1, Fault::Fails)).await;
    is_unavailable(&reply);
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn recording_a_step_is_tried_again() {
    let fixture = Fixture::before_shut();
    fixture.fails(1);
    let (server, store, reply) =
        at_its_step(&fixture, |store| store.next(Verb::Complete, 3, Fault::Fails)).await;
    assert_eq!((reply.status, store.calls(Verb::Complete)), (500, 4));
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn recording_a_step_whose_reply_is_lost_records_it() {
    let fixture = Fixture::before_shut();
    fixture.fails(1);
    let (server, _, reply) =
        at_its_step(&fixture, |store| store.next(Verb::Complete, 1, Fault::ReplyIsLost)).await;
    assert_eq!(reply.status, 500);
    is_run_once(&fixture, &server).await;
}

#[tokio::test]
async fn a_step_that_cannot_be_recorded_has_run_all_the_same_and_is_recorded_later() {
    let fixture = Fixture::before_shut();
    fixture.fails(1);
    let (server, store, reply) =
        at_its_step(&fixture, |store| store.next(Verb::Complete, FOREVER, Fault::Fails)).await;
    assert_eq!((reply.status, fixture.rest.effects()), (500, 1), "the handler has gone on");
    let mut retry = begun(&server, &charge_of("k")).await;
    fixture.before.let_one_through();
    fixture.before.began().await;
    store.heal(Verb::Complete);
    assert_eq!(within(retry.reply()).await.unwrap().text(), "charge 1, attempt 1");
    assert_eq!(fixture.step.effects(), 1);
}

#[tokio::test]
async fn a_damaged_record_of_a_step_is_an_error_and_no_execution() {
    let fixture = Fixture::before_shut();
    fixture.fails(1);
    let damaged = Fault::Damages(|bytes| *bytes.last_mut().unwrap() ^= 1);
    let (server, _, _) = at_its_step(&fixture, |store| store.next(Verb::Complete, 1, damaged)).await;
    fixture.before.let_one_through();
    let retry = ask(&server, &charge_of("k")).await;
    assert_eq!((retry.status, retry.text()), (500, "what is recorded of the step cannot be read"));
    assert_eq!(fixture.step.effects(), 1);
}
