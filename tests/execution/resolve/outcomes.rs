//! Outcomes that an operator may give to a dead execution, and what its client gets then.

use std::time::Duration;

use actix_web::HttpResponse;
use idempotent_runtime::{Resolution, Resolved};
use idempotent_tests::scripted::Verb;

use super::{
    fixture::Fixture,
    process::{
        Died, EITHER_WAY, LEASE, Process, dies_running, has_run, is_paid, is_unknown, order, paid,
        repeatable_order,
    },
};
use crate::gate::{Gate, keyed, within};

on_every_store!(
    what_an_operator_says_was_answered_is_replayed_byte_for_byte,
    what_an_operator_says_had_no_effect_is_run_as_if_for_the_first_time,
    what_an_operator_knows_nothing_of_is_refused_until_somebody_does,
    of_two_operators_who_disagree_one_is_told_so,
    an_owner_that_only_seemed_dead_answers_what_the_operator_said,
    an_owner_that_only_seemed_dead_records_nothing_once_its_key_is_free,
    a_duplicate_that_waits_on_another_node_is_answered_when_an_operator_has_said,
    what_is_said_by_hand_is_kept_for_as_long_as_the_key_would_have_been,
);

async fn what_an_operator_says_was_answered_is_replayed_byte_for_byte(fixture: &impl Fixture) {
    let cases = [
        (order("seen"), Died::Seen),
        (order("unseen"), Died::Unseen),
        // Whoever sees this one runs it again.
        (repeatable_order("unseen"), Died::Unseen),
    ];
    for ((request, entry), died) in cases {
        dies_running(fixture, &request, died).await;
        let (process, another) = (Process::open(fixture).await, Process::open(fixture).await);
        assert_eq!(process.resolve(&entry, paid()).await, Resolved::Done);
        for process in [&process, &another, &process] {
            is_paid(&process.ask(&request).await);
        }
        assert_eq!((process.gate.effects(), another.gate.effects()), (0, 0));
    }
    let process = Process::open(fixture).await;
    assert_eq!(process.ask(&keyed("/orders", "seen", "coffee")).await.code(), "key_reused");
}

async fn what_an_operator_says_had_no_effect_is_run_as_if_for_the_first_time(fixture: &impl Fixture) {
    for died in EITHER_WAY {
        let (request, entry) = order(&format!("{died:?}"));
        dies_running(fixture, &request, died).await;
        let (process, another) = (Process::open(fixture).await, Process::open(fixture).await);
        assert_eq!(process.resolve(&entry, Resolution::Rerun).await, Resolved::Done);
        assert_eq!(another.resolve(&entry, Resolution::Rerun).await, Resolved::NotFound);
        has_run(&another.ask(&request).await, false);
        has_run(&process.ask(&request).await, true);
        assert_eq!((process.gate.effects(), another.gate.effects()), (0, 1));
    }
}

async fn what_an_operator_knows_nothing_of_is_refused_until_somebody_does(fixture: &impl Fixture) {
    let (request, entry) = repeatable_order("k");
    dies_running(fixture, &request, Died::Unseen).await;
    let (process, another) = (Process::open(fixture).await, Process::open(fixture).await);
    for _ in 0..2 {
        assert_eq!(process.resolve(&entry, Resolution::Refuse).await, Resolved::Done);
        for process in [&process, &another] {
            is_unknown(&process.ask(&request).await);
        }
    }
    assert_eq!(another.resolve(&entry, paid()).await, Resolved::Done);
    for process in [&process, &another] {
        is_paid(&process.ask(&request).await);
        assert_eq!(process.gate.effects(), 0);
    }
    assert_eq!(process.resolve(&entry, Resolution::Refuse).await, Resolved::Settled);
}

/// An operator's own answer.
fn numbered(number: usize) -> Resolution {
    Resolution::Complete(HttpResponse::Ok().body(format!("operator {number}")))
}

async fn of_two_operators_who_disagree_one_is_told_so(fixture: &impl Fixture) {
    let (process, another) = (Process::open(fixture).await, Process::open(fixture).await);
    for round in 0..4 {
        let (request, entry) = order(&format!("{round}"));
        dies_running(fixture, &request, EITHER_WAY[round % 2]).await;
        let operators =
            (0..16).map(|number| [&process, &another][number % 2].resolve(&entry, numbered(number)));
        let told = futures_util::future::join_all(operators).await;
        let done: Vec<_> = (0..16).filter(|&number| told[number] == Resolved::Done).collect();
        assert_eq!(done.len(), 1, "{told:?}");
        assert!(told.iter().all(|told| matches!(told, Resolved::Done | Resolved::Settled)), "{told:?}");
        let reply = another.ask(&request).await;
        assert_eq!((reply.is_replay(), reply.text()), (true, format!("operator {}", done[0]).as_str()));
    }
    let (request, entry) = order("completed-or-run");
    dies_running(fixture, &request, Died::Seen).await;
    let told = tokio::join!(process.resolve(&entry, paid()), another.resolve(&entry, Resolution::Rerun));
    match told {
        (Resolved::Done, Resolved::Settled) => is_paid(&process.ask(&request).await),
        (Resolved::NotFound, Resolved::Done) => has_run(&process.ask(&request).await, false),
        _ => panic!("{told:?}"),
    }
}

/// A process runs a request, and seems dead.
async fn seems_dead(fixture: &impl Fixture, request: &[u8]) -> (Process, idempotent_tests::Http1) {
    let zombie = Process::on(fixture, Gate::shut()).await;
    let connection = zombie.begun(request).await;
    zombie.gate.began().await;
    fixture.pass(LEASE).await;
    (zombie, connection)
}

async fn an_owner_that_only_seemed_dead_answers_what_the_operator_said(fixture: &impl Fixture) {
    let (request, entry) = order("k");
    let (zombie, mut connection) = seems_dead(fixture, &request).await;
    let process = Process::open(fixture).await;
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::Done);
    is_paid(&process.ask(&request).await);
    zombie.gate.let_one_through();
    is_paid(&within(connection.reply()).await.unwrap());
    for process in [&zombie, &process] {
        is_paid(&process.ask(&request).await);
    }
}

async fn an_owner_that_only_seemed_dead_records_nothing_once_its_key_is_free(fixture: &impl Fixture) {
    let (request, entry) = order("k");
    let (zombie, mut connection) = seems_dead(fixture, &request).await;
    let process = Process::on(fixture, Gate::shut()).await;
    assert_eq!(process.resolve(&entry, Resolution::Rerun).await, Resolved::Done);
    let mut next = process.begun(&request).await;
    process.gate.began().await;
    zombie.gate.let_one_through();
    let late = within(connection.reply()).await.unwrap();
    assert_eq!((late.status, late.header("idempotency-stored")), (201, Some("false")), "{late:?}");
    process.gate.let_one_through();
    has_run(&within(next.reply()).await.unwrap(), false);
    has_run(&zombie.ask(&request).await, true);
}

async fn a_duplicate_that_waits_on_another_node_is_answered_when_an_operator_has_said(
    fixture: &impl Fixture,
) {
    let (request, entry) = order("k");
    let dying = Process::on(fixture, Gate::shut()).await;
    let _connection = dying.begun(&request).await;
    dying.gate.began().await;
    let waiting = Process::open(fixture).await;
    let mut duplicate = waiting.begun(&request).await;
    waiting.store.called(Verb::Changed, 1).await;
    fixture.pass(LEASE).await;
    let process = Process::open(fixture).await;
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::Done);
    is_paid(&within(duplicate.reply()).await.unwrap());
}

async fn what_is_said_by_hand_is_kept_for_as_long_as_the_key_would_have_been(fixture: &impl Fixture) {
    const HOUR: Duration = Duration::from_secs(3600);
    let (request, entry) = order("k");
    dies_running(fixture, &request, Died::Seen).await;
    fixture.pass(HOUR * 12).await;
    let process = Process::open(fixture).await;
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::Done);
    fixture.pass(HOUR * 11).await;
    is_paid(&process.ask(&request).await);
    fixture.pass(HOUR).await;
    assert_eq!(process.resolve(&entry, paid()).await, Resolved::NotFound);
    has_run(&process.ask(&request).await, false);
}
