//! Executions that an application is asked about, and what becomes of their keys.

use std::{collections::BTreeSet, time::Duration};

use idempotent_runtime::{EntryName, EntryState, Idempotency, Resolution};
use idempotent_tests::scripted::{Fault, Verb};
use tokio::sync::mpsc::UnboundedReceiver;

use super::fixture::{Application, Asked, Cluster, EVERY, LEASE, next, order, paid, retry, settled};
use crate::gate::{Gate, keyed, within};

fn name(key: &str) -> EntryName {
    EntryName::endpoint(actix_web::http::Method::POST, "/impatient", key)
}

/// A node that walks, and what it asks of an application that says this. An execution has died.
async fn walks_after_a_death(say: fn() -> Resolution) -> (Cluster, Idempotency, UnboundedReceiver<Asked>) {
    let (cluster, (application, asked)) = (Cluster::new(), Application::says(say));
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    (cluster, node, asked)
}

#[tokio::test]
async fn what_died_is_completed_without_a_retry_and_replayed_to_whoever_asks_later() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    cluster.clock.advance(Duration::from_secs(7));
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    let told = next(&mut asked).await;
    assert_eq!((told.endpoint.as_str(), told.attempt, told.has_request), ("POST /impatient", 1, false));
    assert_eq!((told.age, told.key.len()), (Some(Duration::from_secs(7)), 36));
    settled(&node).await;
    let entry = node.inspect(&name("k")).await.unwrap().unwrap();
    assert!(matches!(entry.state, EntryState::Completed { .. }) && entry.endpoint() == "POST /impatient");
    // As long as it would have been remembered: a ttl after its lease.
    assert_eq!(entry.kept_for, Duration::from_secs(24 * 3600 - 7));
    let (reply, effects) = retry(&node, "k").await;
    assert_eq!((reply.status, reply.text(), reply.is_replay(), effects), (201, "it was paid", true, 0));
}

#[tokio::test]
async fn what_is_refused_is_left_to_people_and_nobody_is_asked_again() {
    let (cluster, node, mut asked) = walks_after_a_death(|| Resolution::Refuse).await;
    next(&mut asked).await;
    settled(&node).await;
    let (reply, effects) = retry(&node, "k").await;
    assert_eq!((reply.status, reply.code().as_str(), effects), (409, "outcome_unknown", 0));
    cluster.walks(3).await;
    assert!(asked.try_recv().is_err(), "it was asked about again");
    let stuck = node.stuck(None, 10).await.unwrap().entries;
    assert!(matches!(stuck[..], [ref one] if matches!(one.state, EntryState::Unknown { .. })), "{stuck:?}");
}

#[tokio::test]
async fn what_had_no_effect_is_free_and_the_next_request_runs_as_the_first() {
    let (_cluster, node, mut asked) = walks_after_a_death(|| Resolution::Rerun).await;
    next(&mut asked).await;
    settled(&node).await;
    assert_eq!(node.inspect(&name("k")).await.unwrap(), None);
    let (reply, effects) = retry(&node, "k").await;
    assert_eq!((reply.status, reply.is_replay(), effects), (201, false, 1));
}

#[tokio::test]
async fn what_was_seen_dead_while_nobody_was_to_be_asked_is_asked_about_too() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    let silent = cluster.builder().build().unwrap();
    assert_eq!(retry(&silent, "k").await.0.code(), "outcome_unknown");
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    assert_eq!(next(&mut asked).await.attempt, 1);
    settled(&node).await;
    assert!(retry(&node, "k").await.0.is_replay());
}

#[tokio::test]
async fn a_node_that_walks_for_others_asks_about_each_once() {
    const DEAD: usize = 40;
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    for number in 0..DEAD {
        cluster.dies_over(cluster.builder(), &format!("k{number}")).await;
    }
    cluster.lease_runs_out();
    let nodes = [(); 3].map(|()| cluster.node(&application));
    nodes.iter().for_each(|node| node.reconcile_stuck(EVERY).unwrap());
    let mut keys = BTreeSet::new();
    for _ in 0..DEAD {
        keys.insert(next(&mut asked).await.key);
    }
    assert_eq!(keys.len(), DEAD, "one was asked about twice");
    for node in &nodes {
        settled(node).await;
    }
    assert_eq!(cluster.script.calls(Verb::Stuck), 1, "several have walked");
    cluster.walks(2).await;
    assert!(asked.try_recv().is_err(), "one was asked about again");
}

#[tokio::test]
async fn another_namespaces_entries_are_nobodys_to_ask_about() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(|| Resolution::Rerun));
    cluster.dies_over(cluster.builder().namespace("billing"), "theirs").await;
    cluster.dies_over(cluster.builder(), "ours").await;
    cluster.lease_runs_out();
    let [node, billing] = ["", "billing"]
        .map(|namespace| application.set(cluster.builder()).namespace(namespace).build().unwrap());
    node.reconcile_stuck(EVERY).unwrap();
    next(&mut asked).await;
    settled(&node).await;
    cluster.walks(1).await;
    assert!(asked.try_recv().is_err(), "it was asked about another application's");
    let theirs = name("theirs").namespace("billing");
    let found = node.inspect(&theirs).await.unwrap().unwrap();
    assert_eq!((found.namespace(), found.endpoint()), ("billing", "POST /impatient"));
    billing.reconcile_stuck(EVERY).unwrap();
    next(&mut asked).await;
    settled(&billing).await;
    assert_eq!(node.inspect(&theirs).await.unwrap(), None);
}

#[tokio::test]
async fn a_retry_that_comes_while_the_application_is_asked_waits_for_what_it_says() {
    let (cluster, (application, gate, mut asked)) = (Cluster::new(), Application::says_later(paid));
    let dying = Gate::shut();
    let server = dying.server(&cluster.builder().build().unwrap());
    let request = keyed("/patient", "k", "tea");
    dying.dies_over(server, &request).await;
    cluster.lease_runs_out();
    let (node, other) = (cluster.node(&application), cluster.node(&application));
    node.reconcile_stuck(EVERY).unwrap();
    next(&mut asked).await;
    let servers = [&node, &other].map(|node| Gate::open().server(node));
    let mut here = idempotent_tests::Http1::begin(servers[0].address(), &request).await;
    let mut there = idempotent_tests::Http1::begin(servers[1].address(), &request).await;
    cluster.script.called(Verb::Changed, 1).await;
    gate.let_one_through();
    for connection in [&mut here, &mut there] {
        let reply = within(connection.reply()).await.unwrap();
        assert_eq!((reply.status, reply.text(), reply.is_replay()), (201, "it was paid", true));
    }
    assert!(asked.try_recv().is_err(), "a retry has asked again");
}

#[tokio::test]
async fn an_application_that_cannot_tell_or_panics_is_asked_again_about_the_next_attempt() {
    for say in [
        (|| Resolution::Later) as fn() -> Resolution,
        || panic!("a mistake of the application's"),
        || Resolution::Value(serde_json::json!("no response")),
    ] {
        let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(say));
        cluster.dies_over(cluster.builder(), "k").await;
        cluster.lease_runs_out();
        let node = cluster.node(&application);
        node.reconcile_stuck(EVERY).unwrap();
        for attempt in 1..=3 {
            assert_eq!(next(&mut asked).await.attempt, attempt);
            settled(&node).await;
            cluster.walks(1).await;
            assert!(asked.try_recv().is_err(), "its lease runs");
            // However often it is asked about, it is remembered no longer than it would have been.
            let kept_for = node.inspect(&name("k")).await.unwrap().unwrap().kept_for;
            assert!(kept_for <= Duration::from_secs(24 * 3600), "{kept_for:?}");
            cluster.lease_runs_out();
        }
    }
}

#[tokio::test]
async fn a_walk_that_the_store_fails_is_made_again() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    cluster.script.next(Verb::Stuck, 1, Fault::Fails);
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    next(&mut asked).await;
    settled(&node).await;
    assert!(retry(&node, "k").await.0.is_replay());
}

#[tokio::test]
async fn what_runs_and_what_is_done_is_not_asked_about() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    let gate = Gate::shut();
    let other = cluster.builder().build().unwrap();
    let server = gate.server(&other);
    let _running = idempotent_tests::Http1::begin(server.address(), &order("running")).await;
    gate.began().await;
    assert_eq!(retry(&other, "done").await.0.status, 201);
    cluster.clock.advance(LEASE / 2);
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    cluster.script.called(Verb::Stuck, 1).await;
    cluster.walks(2).await;
    assert!(asked.try_recv().is_err());
    assert_eq!(node.stuck(None, 10).await.unwrap().entries, [], "the turn is in the list");
}
