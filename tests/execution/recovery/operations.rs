//! Operations of `once` that died: the application is asked about them as about requests.

use std::{convert::Infallible, future::pending};

use futures_util::FutureExt;
use idempotent_runtime::{EntryName, EntryState, Idempotency, Once, OnceError, Resolution};
use serde_json::json;

use super::fixture::{Application, Cluster, EVERY, next, paid, settled};

fn settled_before() -> Resolution {
    Resolution::Value(json!(7))
}

/// Begins a step, and drops the call half-way.
fn dies(idempotency: &Idempotency) {
    let call = idempotency.once("settle", "k");
    let mut run = Box::pin(call.run(async |_| pending::<Result<u32, Infallible>>().await));
    assert!((&mut run).now_or_never().is_none());
}

async fn again(idempotency: &Idempotency) -> Result<Once<u32>, OnceError<Infallible>> {
    idempotency.once("settle", "k").run(async |context| Ok(100 + context.attempt())).await
}

/// A cluster in which an operation has died, whose claim nothing keeps.
fn after_a_death() -> Cluster {
    let cluster = Cluster::new();
    let dying = cluster.builder().build().unwrap();
    dies(&dying);
    drop(dying);
    cluster.lease_runs_out();
    cluster
}

#[tokio::test]
async fn an_operation_that_died_gets_its_value_without_another_call() {
    let (cluster, (application, mut asked)) = (after_a_death(), Application::says(settled_before));
    let node = cluster.node(&application);
    let derived =
        node.once("settle", "other").run(async |context| Ok::<_, Infallible>(context.derive_key("charge")));
    let Once::Ran(other) = derived.await.unwrap() else { panic!("it did not run") };
    node.reconcile_stuck(EVERY).unwrap();
    let told = next(&mut asked).await;
    assert_eq!((told.endpoint.as_str(), told.attempt, told.has_request), ("settle", 1, false));
    assert_ne!(told.key, other, "another key's derived key");
    settled(&node).await;
    assert_eq!(again(&node).await.unwrap(), Once::Replayed(7));
}

#[tokio::test]
async fn a_call_that_finds_an_operation_dead_asks_what_became_of_it() {
    for (say, expected) in [
        (settled_before as fn() -> Resolution, Once::Replayed(7)),
        (|| Resolution::Rerun, Once::Ran(102)),
        (|| Resolution::Refuse, Once::OutcomeUnknown),
    ] {
        let (cluster, (application, mut asked)) = (after_a_death(), Application::says(say));
        let node = cluster.node(&application);
        assert_eq!(again(&node).await.unwrap(), expected);
        let told = next(&mut asked).await;
        assert_eq!(
            (told.endpoint.as_str(), told.attempt, told.age, told.has_request),
            ("settle", 1, None, false)
        );
        let after = if expected == Once::Ran(102) { Once::Replayed(102) } else { expected };
        assert_eq!(again(&node).await.unwrap(), after);
        assert!(asked.try_recv().is_err(), "it was asked twice");
    }
}

#[tokio::test]
async fn a_response_is_no_value_of_an_operation_and_decides_nothing() {
    let (cluster, (application, mut asked)) = (after_a_death(), Application::says(paid));
    let node = cluster.node(&application);
    assert_eq!(again(&node).await.unwrap(), Once::OutcomeUnknown);
    next(&mut asked).await;
    cluster.lease_runs_out();
    let (other, mut told) = Application::says(settled_before);
    assert_eq!(again(&cluster.node(&other)).await.unwrap(), Once::Replayed(7), "the next call asks again");
    assert_eq!(next(&mut told).await.attempt, 2);
}

#[tokio::test]
async fn a_value_of_another_type_decides_nothing() {
    let text = || Resolution::Value(json!("seven"));
    let (cluster, (application, mut asked)) = (after_a_death(), Application::says(text));
    let node = cluster.node(&application);
    assert_eq!(again(&node).await.unwrap(), Once::OutcomeUnknown);
    next(&mut asked).await;
    cluster.lease_runs_out();
    let (other, _told) = Application::says(settled_before);
    assert_eq!(again(&cluster.node(&other)).await.unwrap(), Once::Replayed(7), "the next call asks again");
}

#[tokio::test]
async fn a_walk_is_told_nothing_by_a_response_for_an_operation_and_asks_again() {
    let (cluster, (application, mut asked)) = (after_a_death(), Application::says(paid));
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    for attempt in 1..=2 {
        assert_eq!(next(&mut asked).await.attempt, attempt);
        settled(&node).await;
        cluster.walks(1).await;
        cluster.lease_runs_out();
    }
}

#[tokio::test]
async fn a_call_that_asks_can_be_spawned_whatever_the_application_s_future_is() {
    let (cluster, (application, _asked)) = (after_a_death(), Application::says(settled_before));
    let node = cluster.node(&application);
    let spawned = node.once("settle", "k").spawn(async |_| Ok::<u32, Infallible>(1));
    assert_eq!(spawned.await.unwrap(), Once::Replayed(7));
}

#[tokio::test]
async fn an_operator_ends_an_operation_with_its_value() {
    let cluster = after_a_death();
    let node = cluster.builder().build().unwrap();
    let name = EntryName::operation("settle", "k");
    let resolved = node.resolve(&name, settled_before()).await.unwrap();
    assert_eq!(resolved, idempotent_runtime::Resolved::Done);
    let found = node.inspect(&name).await.unwrap().unwrap();
    assert!(matches!(found.state, EntryState::Completed { status: None, .. }), "{found:?}");
    assert_eq!(again(&node).await.unwrap(), Once::Replayed(7));
    let undecided = node.resolve(&name, Resolution::Later).await.unwrap_err();
    assert!(matches!(undecided, idempotent_runtime::ResolveError::Later), "{undecided}");
}
