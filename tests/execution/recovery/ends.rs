//! Begin and end of the walks.

use std::time::Duration;

use idempotent_runtime::{Drained, ReconcileStuckError, Resolution};
use idempotent_tests::{fresh, scripted::Verb};
use tokio::runtime::Handle;

use super::fixture::{Application, Cluster, EVERY, LEASE, next, paid, settled};
use crate::gate::within;

const LONG: Duration = Duration::from_secs(3600);

/// Waits until no more tasks live than then.
async fn no_more_tasks_than(tasks: usize) {
    within(async {
        while Handle::current().metrics().num_alive_tasks() > tasks {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_call_that_cannot_walk_says_why() {
    let (cluster, (application, _asked)) = (Cluster::new(), Application::says(paid));
    let nobody = fresh().build().unwrap();
    assert_eq!(nobody.reconcile_stuck(EVERY), Err(ReconcileStuckError::Nobody));
    let node = cluster.node(&application);
    assert_eq!(node.reconcile_stuck(Duration::ZERO), Err(ReconcileStuckError::Zero));
    assert_eq!(node.reconcile_stuck(EVERY), Ok(()));
    assert_eq!(node.clone().reconcile_stuck(EVERY), Err(ReconcileStuckError::Running));
}

#[test]
fn a_call_outside_of_a_runtime_says_so() {
    let (cluster, (application, _asked)) = (Cluster::new(), Application::says(paid));
    let node = cluster.node(&application);
    assert_eq!(node.reconcile_stuck(EVERY), Err(ReconcileStuckError::NoRuntime));
}

#[tokio::test]
async fn the_walks_end_with_the_last_handle() {
    let (cluster, (application, _asked)) = (Cluster::new(), Application::says(paid));
    let tasks = Handle::current().metrics().num_alive_tasks();
    let node = cluster.node(&application);
    node.reconcile_stuck(LONG).unwrap();
    cluster.script.called(Verb::Complete, 1).await;
    settled(&node).await;
    assert!(Handle::current().metrics().num_alive_tasks() > tasks, "it waits for the next walk");
    let last = node.clone();
    drop(node);
    drop(last);
    no_more_tasks_than(tasks).await;
}

#[tokio::test]
async fn the_walks_end_when_a_drain_begins() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    let tasks = Handle::current().metrics().num_alive_tasks();
    let node = cluster.node(&application);
    node.reconcile_stuck(LONG).unwrap();
    cluster.script.called(Verb::Complete, 1).await;
    settled(&node).await;
    assert_eq!(node.drain(LONG).await, Drained::Complete);
    no_more_tasks_than(tasks).await;
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    cluster.clock.advance(LONG);
    assert!(asked.try_recv().is_err());
}

#[tokio::test]
async fn a_node_may_walk_once_whatever_the_interval_is() {
    let (cluster, (application, mut asked)) = (Cluster::new(), Application::says(paid));
    let tasks = Handle::current().metrics().num_alive_tasks();
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    let node = cluster.node(&application);
    node.reconcile_stuck(Duration::MAX).unwrap();
    next(&mut asked).await;
    settled(&node).await;
    assert_eq!(node.clone().reconcile_stuck(EVERY), Err(ReconcileStuckError::Running), "it waits");
    drop(node);
    no_more_tasks_than(tasks).await;
}

#[tokio::test]
async fn a_drain_waits_for_the_question_that_is_asked_and_lets_no_other_be_asked() {
    let (cluster, (application, gate, mut asked)) =
        (Cluster::new(), Application::says_later(|| Resolution::Refuse));
    for key in 0..20 {
        cluster.dies_over(cluster.builder(), &format!("k{key}")).await;
    }
    cluster.lease_runs_out();
    let node = cluster.node(&application);
    node.reconcile_stuck(EVERY).unwrap();
    let mut under_way = 0;
    for _ in 0..4 {
        next(&mut asked).await;
        under_way += 1;
    }
    let draining = tokio::spawn({
        let node = node.clone();
        async move { node.drain(LONG).await }
    });
    tokio::task::yield_now().await;
    for _ in 0..under_way {
        gate.let_one_through();
    }
    assert_eq!(within(draining).await.unwrap(), Drained::Complete);
    assert!(asked.try_recv().is_err(), "another one was asked about");
    // What was not asked about is another node's, at once.
    let (other, mut told) = Application::says(|| Resolution::Refuse);
    let node = cluster.node(&other);
    node.reconcile_stuck(EVERY).unwrap();
    for _ in under_way..20 {
        next(&mut told).await;
    }
}

#[tokio::test]
async fn a_node_that_dies_over_a_walk_is_followed_by_another_one_after_a_lease() {
    let (cluster, (application, gate, mut asked)) = (Cluster::new(), Application::says_later(paid));
    cluster.dies_over(cluster.builder(), "k").await;
    cluster.lease_runs_out();
    let dying = cluster.node(&application);
    dying.reconcile_stuck(EVERY).unwrap();
    assert_eq!(next(&mut asked).await.attempt, 1);
    // It stands still: its leases run out.
    cluster.clock.advance(LEASE);
    let (other, mut told) = Application::says(paid);
    let node = cluster.node(&other);
    node.reconcile_stuck(EVERY).unwrap();
    assert_eq!(next(&mut told).await.attempt, 2);
    settled(&node).await;
    gate.let_one_through();
    settled(&dying).await;
    assert!(told.try_recv().is_err() && asked.try_recv().is_err(), "it was asked about again");
}
