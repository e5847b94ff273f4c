//! Answers that an application may give, and their effects.

use actix_web::HttpResponse;
use idempotent_runtime::Resolution;
use idempotent_tests::Reply;

use super::fixture::{Cluster, Fixture, LEASE, order};
use crate::gate::{keyed, within};

fn paid() -> Resolution {
    Resolution::Complete(HttpResponse::Accepted().insert_header(("X-Charge", "42")).body("paid before"))
}

#[track_caller]
fn is_paid(reply: &Reply, is_replay: bool) {
    assert_eq!((reply.status, reply.is_replay(), reply.text()), (202, is_replay, "paid before"), "{reply:?}");
    assert_eq!(reply.header("x-charge"), Some("42"));
}

#[track_caller]
fn is_unknown(reply: &Reply) {
    assert_eq!((reply.status, reply.code().as_str()), (409, "outcome_unknown"), "{reply:?}");
    assert_eq!(reply.json()["retryable"], false);
}

#[tokio::test]
async fn an_execution_without_effect_is_run_again() {
    for path in ["/refuse", "/rerun", "/success"] {
        let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Rerun));
        let request = keyed(path, "k", "");
        cluster.dies_running(&request).await;
        let process = cluster.process(&fixture);
        for is_replay in [false, true] {
            let reply = process.ask(&request).await;
            assert_eq!((reply.status, reply.is_replay(), reply.text()), (201, is_replay, "effect 1"));
        }
        assert_eq!((fixture.asked(), process.gate.effects()), (1, 1), "{path}");
    }
}

#[tokio::test]
async fn an_execution_with_effect_is_answered_as_the_application_says_and_replayed() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| paid()));
    cluster.dies_running(&order("k")).await;
    let (process, another) = (cluster.process(&fixture), cluster.process(&fixture));
    is_paid(&process.ask(&order("k")).await, false);
    is_paid(&process.ask(&order("k")).await, true);
    is_paid(&another.ask(&order("k")).await, true);
    assert_eq!((fixture.asked(), process.gate.effects(), another.gate.effects()), (1, 0, 0));
}

#[tokio::test]
async fn what_an_application_answers_is_recorded_whatever_its_status() {
    for status in [500, 404, 429] {
        let (cluster, fixture) =
            (Cluster::new(), Fixture::says(|abandoned| answer_of(abandoned.request().unwrap().body())));
        let request = keyed("/success", "k", &status.to_string());
        cluster.dies_running(&request).await;
        let process = cluster.process(&fixture);
        for is_replay in [false, true] {
            let reply = process.ask(&request).await;
            assert_eq!((reply.status, reply.is_replay(), reply.text()), (status, is_replay, "as it was"));
        }
        assert_eq!((fixture.asked(), process.gate.effects()), (1, 0));
    }
}

/// The response with the status that is written in the body.
fn answer_of(body: &[u8]) -> Resolution {
    let status = std::str::from_utf8(body).unwrap().parse().unwrap();
    let status = actix_web::http::StatusCode::from_u16(status).unwrap();
    Resolution::Complete(HttpResponse::build(status).body("as it was"))
}

#[tokio::test]
async fn an_answer_that_cannot_be_stored_is_sent_once() {
    let stream = |_: &_| {
        Resolution::Complete(HttpResponse::Ok().content_type("text/event-stream").body("data: 1\n\n"))
    };
    let (cluster, fixture) = (Cluster::new(), Fixture::says(stream));
    cluster.dies_running(&order("k")).await;
    let process = cluster.process(&fixture);
    let first = process.ask(&order("k")).await;
    assert_eq!((first.status, first.header("idempotency-stored")), (200, Some("false")));
    assert_eq!(process.ask(&order("k")).await.code(), "response_not_stored");
    assert_eq!((fixture.asked(), process.gate.effects()), (1, 0));
}

#[tokio::test]
async fn an_execution_of_which_the_application_knows_nothing_is_of_unknown_outcome_for_good() {
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Refuse));
    for path in ["/refuse", "/rerun"] {
        let request = keyed(path, "k", "tea");
        cluster.dies_running(&request).await;
        let (process, another, silent) =
            (cluster.process(&fixture), cluster.process(&fixture), cluster.silent(crate::gate::Gate::open()));
        for _ in 0..3 {
            for process in [&process, &another, &silent] {
                is_unknown(&process.ask(&request).await);
                assert_eq!(process.ask(&keyed(path, "k", "mug")).await.code(), "key_reused");
                assert_eq!(process.gate.effects(), 0);
            }
            cluster.clock.advance(LEASE);
        }
    }
    assert_eq!(fixture.asked(), 2);
}

#[tokio::test]
async fn an_unknown_outcome_is_remembered_for_as_long_as_an_expired_key_and_stays_unknown() {
    let hour = std::time::Duration::from_secs(3600);
    let (cluster, fixture) = (Cluster::new(), Fixture::says(|_| Resolution::Refuse));
    cluster.dies_running(&order("k")).await;
    let process = cluster
        .process_with(crate::gate::Gate::open(), |builder| fixture.set(builder).remember_expired_keys(hour));
    is_unknown(&process.ask(&order("k")).await);
    cluster.clock.advance(25 * hour - LEASE);
    is_unknown(&process.ask(&order("k")).await);
    cluster.clock.advance(LEASE);
    assert_eq!(process.ask(&order("k")).await.status, 201);
}

#[tokio::test]
async fn racing_retries_ask_once_and_are_all_answered() {
    for (say, text) in [
        (Fixture::says(|_| Resolution::Rerun), "effect 1"),
        (Fixture::says(|_| paid()), "paid before"),
        (Fixture::says(|_| Resolution::Refuse), "outcome_unknown"),
    ] {
        let cluster = Cluster::new();
        cluster.dies_running(&order("k")).await;
        let gate = crate::gate::Gate::open();
        let process = || cluster.process_with(gate.clone(), |builder| say.set(builder));
        let (processes, request) = ([process(), process()], order("k"));
        let retries = (0..64).map(|index| processes[index % 2].ask(&request));
        let replies = within(futures_util::future::join_all(retries)).await;
        assert!(replies.iter().all(|reply| reply.text().contains(text)), "{replies:?}");
        assert_eq!((say.asked(), gate.effects()), (1, usize::from(text == "effect 1")));
    }
}
