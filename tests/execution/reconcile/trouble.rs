//! Applications that do not answer, or too late.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{AbandonedExecution, Resolution};
use idempotent_tests::{
    Http1,
    scripted::{Fault, Verb},
};

use super::fixture::{Cluster, Fixture, LEASE, order};
use crate::gate::{Gate, within};

#[tokio::test]
async fn an_application_that_panics_decides_nothing_and_is_asked_at_the_next_takeover() {
    let (cluster, fixture) = (
        Cluster::new(),
        Fixture::says(|abandoned| match abandoned.attempt() {
            3 => Resolution::Rerun,
            _ => panic!("an application's mistake"),
        }),
    );
    cluster.dies_running(&order("k")).await;
    let (process, another) = (cluster.process(&fixture), cluster.process(&fixture));
    for asked in [1, 2] {
        let reply = process.ask(&order("k")).await;
        assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"));
        assert_eq!(fixture.asked(), asked);
        // Until the lease has run out the claim is somebody's.
        let mut waiting = another.begun(&order("k")).await;
        another.store.called(Verb::Changed, asked).await;
        drop(waiting.reply());
        drop(waiting);
        assert_eq!(fixture.asked(), asked);
        cluster.clock.advance(LEASE);
    }
    let reply = process.ask(&order("k")).await;
    assert_eq!((reply.status, reply.text()), (201, "effect 1"));
    assert_eq!((fixture.asked(), process.gate.effects()), (3, 1));
}

#[tokio::test]
async fn duplicates_of_what_is_not_decided_are_told_the_same() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says_later(|_| panic!("an application's mistake")));
    cluster.dies_running(&order("k")).await;
    let process = cluster.process(&fixture);
    let mut first = process.begun(&order("k")).await;
    fixture.gate.began().await;
    let mut duplicate = process.begun(&order("k")).await;
    // Served after the duplicate has been, since there is one worker.
    process.ask(&order("another")).await;
    fixture.gate.let_one_through();
    for connection in [&mut first, &mut duplicate] {
        assert_eq!(within(connection.reply()).await.unwrap().code(), "outcome_unknown");
    }
    assert_eq!(fixture.asked(), 1);
}

#[tokio::test]
async fn an_application_that_never_answers_has_half_a_minute() {
    let cluster = Cluster::new();
    cluster.dies_running(&order("k")).await;
    let process = cluster.process_with(Gate::open(), |builder| {
        builder.reconcile(async |_: &AbandonedExecution| std::future::pending::<Resolution>().await)
    });
    let request = order("k");
    let reply = Http1::once(process.server.address(), &request);
    let reply = tokio::time::timeout(Duration::from_secs(120), reply).await.unwrap();
    assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"));
    assert_eq!(process.gate.effects(), 0);
}

#[tokio::test]
async fn an_answer_that_is_no_response_decides_nothing() {
    fn no_response(attempt: u32) -> Resolution {
        match attempt {
            1 => Resolution::Complete(HttpResponse::Continue().finish()),
            2 => Resolution::Complete(HttpResponse::NoContent().body("some")),
            3 => Resolution::Value(serde_json::json!(1)),
            _ => Resolution::Rerun,
        }
    }
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|abandoned| no_response(abandoned.attempt())));
    cluster.dies_running(&order("k")).await;
    let process = cluster.process(&fixture);
    for asked in 1..=3 {
        let reply = process.ask(&order("k")).await;
        assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{asked}");
        cluster.clock.advance(LEASE);
    }
    assert_eq!(process.ask(&order("k")).await.text(), "effect 1");
    assert_eq!(fixture.asked(), 4);
}

fn says(text: &'static str) -> Resolution {
    Resolution::Complete(HttpResponse::Ok().body(text))
}

/// Answer of a process whose application takes so long to decide that another process takes the
/// claim over, and completes it.
async fn late(fixture: Fixture) -> (u16, bool, String) {
    let cluster = Cluster::new();
    cluster.dies_running(&order("k")).await;
    let (slow, quick) = (cluster.process(&fixture), cluster.process(&Fixture::says(|_| says("quick"))));
    let mut connection = slow.begun(&order("k")).await;
    fixture.gate.began().await;
    cluster.clock.advance(LEASE);
    assert_eq!(quick.ask(&order("k")).await.text(), "quick");
    fixture.gate.let_one_through();
    let reply = within(connection.reply()).await.unwrap();
    assert_eq!(slow.ask(&order("k")).await.text(), "quick");
    (reply.status, reply.is_replay(), reply.text().to_owned())
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_not_recorded_and_the_winners_is_given() {
    for fixture in [Fixture::says_later(|_| says("slow")), Fixture::says_later(|_| Resolution::Refuse)] {
        assert_eq!(late(fixture).await, (200, true, "quick".to_owned()));
    }
}

#[tokio::test]
async fn what_is_to_be_run_again_is_not_run_by_who_has_lost_its_claim_while_it_asked() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says_later(|_| Resolution::Rerun));
    cluster.dies_running(&order("k")).await;
    let (slow, quick) = (cluster.process(&fixture), cluster.process(&Fixture::says(|_| Resolution::Rerun)));
    let mut connection = slow.begun(&order("k")).await;
    fixture.gate.began().await;
    cluster.clock.advance(LEASE);
    assert_eq!(quick.ask(&order("k")).await.text(), "effect 1");
    fixture.gate.let_one_through();
    let told = within(connection.reply()).await.unwrap();
    assert_eq!((told.status, told.code().as_str()), (409, "in_progress"), "{told:?}");
    assert_eq!(slow.ask(&order("k")).await.text(), "effect 1");
    assert_eq!((slow.gate.effects(), quick.gate.effects()), (0, 1));
}

#[tokio::test]
async fn what_is_to_be_run_again_is_not_run_where_the_store_cannot_say_whose_it_is() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Rerun));
    cluster.dies_running(&order("k")).await;
    let process = cluster.process(&fixture);
    process.store.next(Verb::Renew, 1, Fault::Fails);
    let told = process.ask(&order("k")).await;
    assert_eq!((told.status, told.code().as_str(), process.gate.effects()), (503, "store_unavailable", 0));
    cluster.clock.advance(LEASE);
    assert_eq!(process.ask(&order("k")).await.text(), "effect 1");
    assert_eq!(fixture.asked(), 2);
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_at_once_is_tried_again() {
    let cluster = Cluster::new();
    for say in [Fixture::says(|_| says("paid")), Fixture::says(|_| Resolution::Refuse)] {
        let key = format!("{}", say.asked());
        cluster.dies_running(&order(&key)).await;
        let process = cluster.process(&say);
        process.store.next(Verb::Complete, 3, Fault::Fails);
        let first = process.ask(&order(&key)).await;
        assert_eq!(process.store.calls(Verb::Complete), 4);
        let again = process.ask(&order(&key)).await;
        assert_eq!((first.status, say.asked()), (again.status, 1));
        cluster.clock.advance(Duration::from_secs(48 * 3600));
    }
}
