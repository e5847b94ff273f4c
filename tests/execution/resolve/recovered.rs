//! Executions that died are found without their clients, on every store.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{AbandonedExecution, EntryState, Resolution};
use tokio::sync::mpsc;

use super::{
    fixture::Fixture,
    process::{Died, EITHER_WAY, Process, dies_running, order},
};
use crate::gate::{Gate, within};

on_every_store!(what_died_is_asked_about_once_and_its_answer_is_replayed);

async fn what_died_is_asked_about_once_and_its_answer_is_replayed(fixture: &impl Fixture) {
    let key = |died: Died| format!("{died:?}");
    for died in EITHER_WAY {
        dies_running(fixture, &order(&key(died)).0, died).await;
    }
    let (tell, mut asked) = mpsc::unbounded_channel();
    let node = async || {
        let tell = tell.clone();
        let reconcile = async move |abandoned: &AbandonedExecution| {
            tell.send((abandoned.endpoint().to_owned(), abandoned.age())).unwrap();
            Resolution::Complete(HttpResponse::Created().body("it was paid"))
        };
        Process::with(fixture, Gate::open(), |builder| builder.reconcile(reconcile)).await
    };
    let nodes = [node().await, node().await];
    for node in &nodes {
        node.idempotency.reconcile_stuck(Duration::from_secs(3600)).unwrap();
    }
    for _ in EITHER_WAY {
        let (endpoint, age) = within(asked.recv()).await.unwrap();
        assert_eq!(endpoint, "POST /orders");
        assert!(age.is_some());
    }
    for died in EITHER_WAY {
        let (request, name) = order(&key(died));
        within(async {
            while !matches!(nodes[0].seen(&name).await.state, EntryState::Completed { .. }) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        for node in &nodes {
            let reply = node.ask(&request).await;
            assert_eq!(
                (reply.status, reply.text(), reply.is_replay()),
                (201, "it was paid", true),
                "{reply:?}"
            );
        }
    }
    assert!(asked.try_recv().is_err(), "one was asked about twice");
}
