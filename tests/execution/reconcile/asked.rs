//! Calls to the application: for which executions it is asked, and when.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{Idempotency, MemoryStore, Resolution};
use idempotent_tests::{
    Http1,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use super::fixture::{Cluster, Fixture, LEASE, order};
use crate::gate::{Gate, keyed, within};

#[tokio::test]
async fn an_application_is_told_what_it_takes_to_find_out() {
    let cluster = Cluster::new();
    let (telling, mut told) = tokio::sync::mpsc::unbounded_channel();
    let process = cluster.process_with(Gate::open(), |builder| {
        builder.reconcile(async move |abandoned: &idempotent_runtime::AbandonedExecution| {
            let retry = abandoned.request().unwrap();
            let request = (retry.method().clone(), retry.path().to_owned(), retry.body().clone());
            let accept = retry.http().headers().get("accept").is_some();
            let execution = (retry.handler(), retry.key().to_owned(), abandoned.attempt());
            assert_eq!((abandoned.endpoint(), abandoned.age()), ("POST /rerun", None));
            let shown = format!("{abandoned:?}");
            telling.send((execution, request, accept, abandoned.derive_key("charge"), shown)).unwrap();
            Resolution::Rerun
        })
    });
    let key = r#""secret key""#;
    let derived = Cluster::new().silent(Gate::open()).derives(key).await;
    let request = keyed("/rerun", key, "secret body");
    cluster.dies_running(&request).await;
    process.ask(&request).await;
    let ((handler, key, attempt), (method, path, body), accept, charge, shown) = told.recv().await.unwrap();
    assert!(handler.ends_with("fixture::rerun"), "{handler}");
    assert_eq!((key.as_str(), attempt), ("secret key", 1));
    assert_eq!(
        (method.as_str(), path.as_str(), &body[..], accept),
        ("POST", "/rerun", &b"secret body"[..], false)
    );
    assert_eq!(charge, derived);
    assert!(shown.contains("fixture::rerun") && !shown.contains("secret"), "{shown}");
}

#[tokio::test]
async fn an_application_is_asked_again_when_the_next_attempt_dies_too() {
    let (cluster, fixture) = (
        Cluster::new(),
        Fixture::says(|abandoned| match abandoned.attempt() {
            1 | 2 => Resolution::Rerun,
            _ => Resolution::Refuse,
        }),
    );
    cluster.dies_running(&order("k")).await;
    let dying = cluster.process_with(Gate::shut(), |builder| fixture.set(builder));
    let _connection = dying.begun(&order("k")).await;
    dying.gate.began().await;
    drop(dying.server);
    dying.gate.ended().await;
    for asked in [2, 3] {
        cluster.clock.advance(LEASE);
        let process = cluster.process_with(Gate::shut(), |builder| fixture.set(builder));
        let mut connection = process.begun(&order("k")).await;
        match asked {
            2 => process.gate.began().await,
            _ => assert_eq!(within(connection.reply()).await.unwrap().code(), "outcome_unknown"),
        }
        assert_eq!(fixture.asked(), asked);
    }
}

#[tokio::test]
async fn nobody_is_asked_about_a_first_attempt_or_one_that_still_runs() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Refuse));
    let (process, another) =
        (cluster.process_with(Gate::shut(), |builder| fixture.set(builder)), cluster.process(&fixture));
    let mut first = process.begun(&order("k")).await;
    process.gate.began().await;
    let mut duplicate = another.begun(&order("k")).await;
    another.store.called(Verb::Changed, 1).await;
    process.gate.let_one_through();
    assert_eq!(within(first.reply()).await.unwrap().status, 201);
    assert!(within(duplicate.reply()).await.unwrap().is_replay());
    assert_eq!(fixture.asked(), 0);
}

#[tokio::test]
async fn what_was_seen_abandoned_before_anybody_was_to_be_asked_stays_of_unknown_outcome() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Rerun));
    cluster.dies_running(&order("k")).await;
    assert_eq!(cluster.silent(Gate::open()).ask(&order("k")).await.code(), "outcome_unknown");
    assert_eq!(cluster.process(&fixture).ask(&order("k")).await.code(), "outcome_unknown");
    assert_eq!(fixture.asked(), 0);
}

#[tokio::test]
async fn while_an_application_is_asked_the_lease_is_kept_and_duplicates_wait() {
    let (lease, memory) = (Duration::from_millis(300), MemoryStore::new());
    let process = |gate: &Gate, fixture: Option<&Fixture>| {
        let store = Scripted::new(memory.clone());
        let builder = Idempotency::builder().store(store.clone()).lease(lease);
        let builder = match fixture {
            Some(fixture) => fixture.set(builder),
            None => builder,
        };
        (gate.server(&builder.build().unwrap()), store)
    };
    let request = keyed("/patient", "k", "");
    let dying = Gate::shut();
    let (server, _) = process(&dying, None);
    dying.dies_over(server, &request).await;
    let (gate, fixture) = (Gate::open(), Fixture::says_later(|_| Resolution::Rerun));
    let ((server, store), (another, anothers)) =
        (process(&gate, Some(&fixture)), process(&gate, Some(&fixture)));
    let send = async |server: &idempotent_tests::TestServer| Http1::begin(server.address(), &request).await;
    // It waits until the lease of the dead one has run out.
    let mut first = send(&server).await;
    fixture.gate.began().await;
    let (mut here, mut there) = (send(&server).await, send(&another).await);
    store.called(Verb::Renew, store.calls(Verb::Renew) + 6).await;
    anothers.called(Verb::Changed, 1).await;
    fixture.gate.let_one_through();
    for connection in [&mut first, &mut here, &mut there] {
        assert_eq!(within(connection.reply()).await.unwrap().text(), "effect 1");
    }
    assert_eq!((fixture.asked(), gate.effects()), (1, 1));
}

#[tokio::test]
async fn an_application_is_asked_to_the_end_when_the_client_has_gone() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says_later(|_| Resolution::Rerun));
    cluster.dies_running(&order("k")).await;
    let process = cluster.process(&fixture);
    let connection = process.begun(&order("k")).await;
    fixture.gate.began().await;
    connection.reset();
    fixture.gate.let_one_through();
    let reply = process.ask(&order("k")).await;
    assert_eq!((reply.is_replay(), reply.text()), (true, "effect 1"));
}

#[tokio::test]
async fn a_process_that_is_leaving_leaves_the_question_to_others() {
    let (cluster, fixture) = (
        Cluster::new(),
        Fixture::says(|abandoned| match abandoned.attempt() {
            2 => Resolution::Refuse,
            _ => Resolution::Rerun,
        }),
    );
    cluster.dies_running(&order("k")).await;
    let (leaving, staying) = (cluster.process(&fixture), cluster.process(&fixture));
    let _ = leaving.idempotency.drain(Duration::ZERO).await;
    assert_eq!(leaving.ask(&order("k")).await.code(), "shutting_down");
    cluster.clock.advance(LEASE);
    assert_eq!(staying.ask(&order("k")).await.code(), "outcome_unknown");
    assert_eq!((fixture.asked(), staying.gate.effects()), (1, 0));
}

#[tokio::test]
async fn a_takeover_whose_reply_is_lost_leaves_the_question_to_the_next_one() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Refuse));
    cluster.dies_running(&order("k")).await;
    let process = cluster.process(&fixture);
    let late = Arc::new(Semaphore::new(0));
    process.store.next(Verb::Claim, 1, Fault::AnswersLate(Arc::clone(&late)));
    assert_eq!(process.ask(&order("k")).await.code(), "store_unavailable");
    late.add_permits(1);
    assert_eq!((fixture.asked(), process.store.calls(Verb::Release)), (0, 0));
    cluster.clock.advance(LEASE);
    assert_eq!(process.ask(&order("k")).await.code(), "outcome_unknown");
    assert_eq!((fixture.asked(), process.gate.effects()), (1, 0));
}
