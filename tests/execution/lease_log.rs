//! Log of a lease that could not be renewed.

use std::{sync::Arc, time::Duration};

use idempotent_runtime::{Idempotency, MemoryStore, Store};
use idempotent_tests::{
    Http1, alone,
    scripted::{Fault, Scripted, Verb},
};
use tokio::sync::Semaphore;

use crate::gate::{Gate, keyed, within};

const LEASE: Duration = Duration::from_millis(300);

/// Log of `scenario`, which is played in a process of its own: leases are kept from a thread that
/// the whole process shares.
fn logged(test: &str, scenario: impl Future<Output = ()>) -> Option<String> {
    let logged = alone(&format!("lease_log::{test}"));
    if logged.is_none() {
        tracing_subscriber::fmt().with_ansi(false).with_writer(std::io::stdout).init();
        tokio::runtime::Runtime::new().unwrap().block_on(scenario);
    }
    logged
}

/// An execution, and another one beside it whose renewals show that leases are looked after.
struct Two {
    store: Scripted,
    gate: Gate,
    connections: [Http1; 2],
}

impl Two {
    async fn running() -> (Two, idempotent_tests::TestServer) {
        let (store, gate) = (Scripted::new(MemoryStore::new()), Gate::shut());
        let idempotency = Idempotency::builder().store(store.clone()).lease(LEASE).build().unwrap();
        let server = gate.server(&idempotency);
        let mut connections = [Http1::open(server.address()).await, Http1::open(server.address()).await];
        for (key, connection) in ["beside", "k"].iter().zip(&mut connections) {
            connection.send(&keyed("/patient", key, "")).await;
            gate.began().await;
        }
        (Two { store, gate, connections }, server)
    }

    /// Every lease has been looked after twice.
    async fn are_renewed(&self) {
        let before = self.store.calls(Verb::Renew);
        self.store.called(Verb::Renew, before + 5).await;
    }

    /// Lets what runs end.
    async fn end(mut self) {
        self.gate.let_one_through();
        for connection in &mut self.connections {
            assert_eq!(within(connection.reply()).await.unwrap().status, 201);
        }
    }
}

async fn the_claim_is_lost() {
    let (two, _server) = Two::running().await;
    two.store.release(two.store.claimed().unwrap()).await.unwrap();
    two.are_renewed().await;
    two.gate.let_one_through();
    two.end().await;
}

#[test]
fn a_running_execution_that_has_lost_its_claim_is_told_of_once() {
    let test = "a_running_execution_that_has_lost_its_claim_is_told_of_once";
    if let Some(log) = logged(test, the_claim_is_lost()) {
        assert_eq!(log.matches("a running execution has lost its claim").count(), 1, "{log}");
        assert_eq!(log.matches("an execution had lost its claim when it completed").count(), 1, "{log}");
    }
}

async fn the_completions_answer_is_late() {
    let (two, _server) = Two::running().await;
    let answers = Arc::new(Semaphore::new(0));
    two.store.next(Verb::Complete, usize::MAX, Fault::AnswersLate(Arc::clone(&answers)));
    two.gate.let_one_through();
    two.store.called(Verb::Complete, 1).await;
    two.are_renewed().await;
    two.store.heal(Verb::Complete);
    answers.add_permits(1 << 10);
    two.end().await;
}

#[test]
fn an_execution_whose_completion_is_stored_and_answered_late_has_lost_nothing() {
    let test = "an_execution_whose_completion_is_stored_and_answered_late_has_lost_nothing";
    if let Some(log) = logged(test, the_completions_answer_is_late()) {
        assert!(log.contains("an outcome could not be stored, trying again"), "{log}");
        assert!(!log.contains("lost its claim"), "{log}");
    }
}
