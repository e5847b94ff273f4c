//! Keys that an operator makes free again, and what happens to whoever held them.

use std::{
    convert::Infallible,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

use actix_web::{HttpResponse, Responder, http::Method, post, web};
use futures_util::future::join_all;
use idempotent_runtime::{
    Address, Entry, EntryError, EntryName, EntryState, Forgotten, Idempotency, IdempotencyContext,
    ManualClock, MemoryStore, RequestFingerprint, Resolution, ResolveError, Resolved, Store, idempotent,
    store::{Claim, ClaimRequest, Hold, Token},
};
use idempotent_tests::{Http1, Reply, TestServer, requests::request};

use super::{
    fixture::Fixture,
    process::{Died, EITHER_WAY, LEASE, Process, dies_running, has_run, is_unknown, order, repeatable_order},
};
use crate::gate::{Gate, keyed, within};

on_every_store!(
    a_key_whose_request_has_its_outcome_runs_again_when_it_is_forgotten,
    a_key_that_was_remembered_as_expired_runs_again_when_it_is_forgotten,
    what_runs_is_not_forgotten_by_name_or_address,
    a_dead_execution_is_forgotten_and_its_key_begins_anew,
    an_owner_that_only_seemed_dead_changes_nothing_once_its_key_is_forgotten,
    an_unknown_outcome_is_listed_inspected_and_forgotten,
    steps_of_a_forgotten_key_run_again,
    what_is_forgotten_is_in_no_local_cache_of_its_process,
    of_many_forgettings_of_what_all_have_seen_one_lets_one_request_run,
    a_response_recorded_after_all_is_not_forgotten_by_who_saw_its_execution_dead,
    an_execution_begun_since_a_look_is_not_forgotten,
);

async fn a_key_whose_request_has_its_outcome_runs_again_when_it_is_forgotten(fixture: &impl Fixture) {
    let (process, another) = (Process::open(fixture).await, Process::open(fixture).await);
    let (request, entry) = order("k");
    assert_eq!(process.forget(&entry).await, Forgotten::NotFound);
    has_run(&process.ask(&request).await, false);
    let found = process.seen(&entry).await;
    match found.state {
        EntryState::Completed { status: Some(status), bytes, left } => {
            assert_eq!(status, 201);
            assert!(bytes > "effect 1, attempt 1".len() && left <= Duration::from_secs(24 * 3600));
            assert_eq!(left, found.kept_for);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(process.forget(&entry).await, Forgotten::Done);
    assert_eq!(another.idempotency.inspect(&entry).await.unwrap(), None);
    assert_eq!(another.forget(&entry).await, Forgotten::NotFound);
    // Another body: nothing of the request is left.
    has_run(&another.ask(&keyed("/orders", "k", "coffee")).await, false);
    assert_eq!(process.ask(&request).await.code(), "key_reused");
    assert_eq!((process.gate.effects(), another.gate.effects()), (1, 1));
}

async fn a_key_that_was_remembered_as_expired_runs_again_when_it_is_forgotten(fixture: &impl Fixture) {
    const HOUR: Duration = Duration::from_secs(3600);
    let process = Process::with(fixture, Gate::open(), |builder| builder.remember_expired_keys(HOUR)).await;
    let (request, entry) = order("k");
    has_run(&process.ask(&request).await, false);
    fixture.pass(HOUR * 24).await;
    assert_eq!(process.ask(&request).await.code(), "key_expired");
    assert_eq!(process.seen(&entry).await.state, EntryState::Expired);
    assert_eq!(process.forget(&entry).await, Forgotten::Done);
    assert_eq!(process.ask(&request).await.text(), "effect 2, attempt 1");
}

async fn what_runs_is_not_forgotten_by_name_or_address(fixture: &impl Fixture) {
    let (request, entry) = order("k");
    let (running, process) = (Process::on(fixture, Gate::shut()).await, Process::open(fixture).await);
    let mut connection = running.begun(&request).await;
    running.gate.began().await;
    fixture.pass(LEASE / 2).await;
    let found = process.seen(&entry).await;
    match found.state {
        EntryState::Running { lease_left } => assert!(lease_left <= LEASE / 2, "{lease_left:?}"),
        other => panic!("{other:?}"),
    }
    let by_address = process.forget(found.address).await;
    for told in [process.forget(&entry).await, running.forget(&entry).await, by_address] {
        match told {
            Forgotten::Running { lease_left } if !lease_left.is_zero() && lease_left <= LEASE / 2 => {}
            _ => panic!("{told:?}"),
        }
    }
    running.gate.let_one_through();
    has_run(&within(connection.reply()).await.unwrap(), false);
    has_run(&process.ask(&request).await, true);
}

async fn a_dead_execution_is_forgotten_and_its_key_begins_anew(fixture: &impl Fixture) {
    for died in EITHER_WAY {
        let (request, entry) = order(&format!("{died:?}"));
        dies_running(fixture, &request, died).await;
        let process = Process::open(fixture).await;
        match process.seen(&entry).await.state {
            EntryState::Abandoned { .. } => {}
            other => panic!("{other:?}"),
        }
        assert_eq!(process.forget(&entry).await, Forgotten::Done);
        has_run(&process.ask(&request).await, false);
        has_run(&process.ask(&request).await, true);
    }
}

async fn an_owner_that_only_seemed_dead_changes_nothing_once_its_key_is_forgotten(fixture: &impl Fixture) {
    let (request, entry) = repeatable_order("k");
    let zombie = Process::on(fixture, Gate::shut()).await;
    let mut connection = zombie.begun(&request).await;
    zombie.gate.began().await;
    fixture.pass(LEASE).await;
    let process = Process::on(fixture, Gate::shut()).await;
    assert_eq!(process.forget(&entry).await, Forgotten::Done);
    let mut next = process.begun(&request).await;
    process.gate.began().await;
    zombie.gate.let_one_through();
    let late = within(connection.reply()).await.unwrap();
    assert_eq!((late.status, late.header("idempotency-stored")), (201, Some("false")), "{late:?}");
    match process.seen(&entry).await.state {
        EntryState::Running { .. } => {}
        other => panic!("{other:?}"),
    }
    process.gate.let_one_through();
    has_run(&within(next.reply()).await.unwrap(), false);
    has_run(&zombie.ask(&request).await, true);
}

async fn an_unknown_outcome_is_listed_inspected_and_forgotten(fixture: &impl Fixture) {
    let process = Process::open(fixture).await;
    let (request, entry) = order("k");
    dies_running(fixture, &request, Died::Seen).await;
    assert_eq!(process.resolve(&entry, Resolution::Refuse).await, Resolved::Done);
    is_unknown(&process.ask(&request).await);
    let page = process.idempotency.stuck(None, 10).await.unwrap();
    assert_eq!((page.entries.len(), page.next), (1, None));
    let listed = &page.entries[0];
    assert!(matches!(listed.state, EntryState::Unknown { .. }), "{listed:?}");
    let by_name = process.seen(&entry).await;
    let by_address = process.seen(listed.address).await;
    for found in [by_name, by_address] {
        assert_eq!(found.address, listed.address);
        assert!(matches!(found.state, EntryState::Unknown { .. }), "{found:?}");
    }
    let address = listed.address.to_string().parse::<idempotent_runtime::Address>().unwrap();
    assert_eq!(process.forget(address).await, Forgotten::Done);
    assert_eq!(process.idempotency.stuck(None, 10).await.unwrap().entries, []);
    has_run(&process.ask(&request).await, false);
}

#[actix_web::test]
async fn a_step_is_neither_listed_nor_ended_nor_forgotten_but_with_its_key() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let idempotency = Idempotency::builder().store(store.clone()).clock(clock.clone()).build().unwrap();
    let address = |last: u8| {
        let mut bytes = [7; 32];
        bytes[31] = last;
        Address::from_bytes(bytes)
    };
    let (key, step) = (address(6), address(7));
    for address in [key, step] {
        let (token, fingerprint) = (Token::from_bytes([1; 16]), RequestFingerprint::from_bytes([1; 32]));
        let hold = Hold { address, token, fingerprint };
        let request = ClaimRequest { lease: LEASE, ..request(hold) };
        assert_eq!(store.claim(request).await.unwrap(), Claim::Won { attempt: 1 });
    }
    clock.advance(LEASE);
    let page = idempotency.stuck(None, 10).await.unwrap();
    assert_eq!(page.entries.iter().map(|entry| entry.address).collect::<Vec<_>>(), [key]);
    let seen = idempotency.inspect(step).await.unwrap().unwrap();
    assert!(matches!(idempotency.forget(step, seen.version).await, Err(EntryError::Key(_))));
    assert!(matches!(idempotency.resolve(step, Resolution::Rerun).await, Err(ResolveError::Key(_))));
    let seen = idempotency.inspect(key).await.unwrap().unwrap();
    assert_eq!(idempotency.forget(key, seen.version).await.unwrap(), Forgotten::Done);
    for address in [key, step] {
        assert_eq!(idempotency.inspect(address).await.unwrap(), None);
    }
}

#[post("/charges")]
#[idempotent(ttl = "24h", replay = "final")]
async fn charges(charged: web::Data<AtomicUsize>, context: IdempotencyContext) -> impl Responder {
    let charge = async { Ok::<_, Infallible>(charged.fetch_add(1, SeqCst) + 1) };
    let number = context.checkpoint("charge", charge).await.unwrap();
    // The first attempt fails after its charge, and the key is free for the next one, which finds
    // the charge.
    match number {
        1 if context.attempt() == 1 && charged.swap(10, SeqCst) == 1 => {
            HttpResponse::InternalServerError().body("charged, and failed")
        }
        _ => HttpResponse::Created().body(format!("charge {number}")),
    }
}

async fn steps_of_a_forgotten_key_run_again(fixture: &impl Fixture) {
    let idempotency = Idempotency::builder().store(fixture.store().await).build().unwrap();
    let (data, charged) = (idempotency.clone(), web::Data::new(AtomicUsize::new(0)));
    let server = TestServer::start(1, move |app| {
        app.app_data(data.clone()).app_data(charged.clone()).service(charges);
    });
    let request = keyed("/charges", "k", "tea");
    let ask = async || within(Http1::once(server.address(), &request)).await;
    let name = EntryName::endpoint(Method::POST, "/charges", "k");
    assert_eq!(ask().await.status, 500);
    // A key that is free already has nothing that could be forgotten.
    assert_eq!(idempotency.inspect(&name).await.unwrap(), None);
    assert_eq!(ask().await.text(), "charge 1");
    let seen = idempotency.inspect(&name).await.unwrap().unwrap();
    assert_eq!(idempotency.forget(&name, seen.version).await.unwrap(), Forgotten::Done);
    assert_eq!(idempotency.forget(&name, seen.version).await.unwrap(), Forgotten::NotFound);
    assert_eq!(ask().await.text(), "charge 11");
}

async fn what_is_forgotten_is_in_no_local_cache_of_its_process(fixture: &impl Fixture) {
    let cached = async || Process::with(fixture, Gate::open(), |builder| builder.local_cache(1 << 20)).await;
    let (process, another) = (cached().await, cached().await);
    let (request, entry) = order("k");
    has_run(&process.ask(&request).await, false);
    has_run(&another.ask(&request).await, true);
    assert_eq!(process.forget(&entry).await, Forgotten::Done);
    let again = process.ask(&request).await;
    assert_eq!((again.is_replay(), again.text()), (false, "effect 2, attempt 1"));
    has_run(&another.ask(&request).await, true);
    assert!(another.idempotency.inspect(&entry).await.unwrap().is_some());
    let replayed = another.ask(&request).await;
    assert_eq!((replayed.is_replay(), replayed.text()), (true, "effect 2, attempt 1"));
}

async fn of_many_forgettings_of_what_all_have_seen_one_lets_one_request_run(fixture: &impl Fixture) {
    let processes = Arc::new([Process::open(fixture).await, Process::open(fixture).await]);
    let effects = || processes.iter().map(|process| process.gate.effects()).sum::<usize>();
    for round in 0..4 {
        let (request, entry) = order(&format!("{round}"));
        assert!(!processes[0].ask(&request).await.is_replay());
        let (before, seen) = (effects(), processes[0].seen(&entry).await);
        let forgetting = join_all((0..16).map(|number| processes[number % 2].forget_seen(&seen)));
        let asking = join_all((0..16).map(|number| processes[number % 2].ask(&request)));
        let (forgotten, replies): (Vec<Forgotten>, Vec<Reply>) =
            within(async { tokio::join!(forgetting, asking) }).await;
        let done = forgotten.iter().filter(|told| **told == Forgotten::Done).count();
        let ran = replies.iter().filter(|reply| !reply.is_replay()).count();
        assert!(done == 1 && replies.iter().all(|reply| reply.status == 201), "{forgotten:?}");
        assert_eq!(effects() - before, ran, "{replies:?}");
        assert!(ran <= 1, "{ran} requests ran after one forgetting");
    }
}

/// That nothing was forgotten, since there is this now.
async fn has_changed(process: &Process, seen: &Entry) -> EntryState {
    match process.forget_seen(seen).await {
        Forgotten::Changed(now) if now.address == seen.address && now.version != seen.version => {
            assert_eq!(now.version, process.seen(seen.address).await.version);
            now.state
        }
        other => panic!("{other:?}"),
    }
}

async fn a_response_recorded_after_all_is_not_forgotten_by_who_saw_its_execution_dead(
    fixture: &impl Fixture,
) {
    let (request, entry) = order("k");
    let zombie = Process::on(fixture, Gate::shut()).await;
    let mut connection = zombie.begun(&request).await;
    zombie.gate.began().await;
    let process = Process::open(fixture).await;
    let running = process.seen(&entry).await;
    fixture.pass(LEASE).await;
    let dead = process.seen(&entry).await;
    assert!(matches!(has_changed(&process, &running).await, EntryState::Abandoned { .. }));
    zombie.gate.let_one_through();
    has_run(&within(connection.reply()).await.unwrap(), false);
    for seen in [running, dead] {
        assert!(matches!(has_changed(&process, &seen).await, EntryState::Completed { .. }));
    }
    has_run(&process.ask(&request).await, true);
    assert_eq!(process.forget(&entry).await, Forgotten::Done);
}

async fn an_execution_begun_since_a_look_is_not_forgotten(fixture: &impl Fixture) {
    let (request, entry) = repeatable_order("k");
    dies_running(fixture, &request, Died::Unseen).await;
    let process = Process::on(fixture, Gate::shut()).await;
    let dead = process.seen(&entry).await;
    let mut connection = process.begun(&request).await;
    process.gate.began().await;
    assert!(matches!(has_changed(&process, &dead).await, EntryState::Running { .. }));
    assert_eq!(process.seen(&entry).await.attempt, 2);
    process.gate.let_one_through();
    assert_eq!(within(connection.reply()).await.unwrap().text(), "effect 1, attempt 2");
    let first = process.seen(&entry).await;
    assert_eq!(first.attempt, 2);
    assert_eq!(process.forget_seen(&first).await, Forgotten::Done);
    process.gate.let_one_through();
    assert_eq!(process.ask(&request).await.text(), "effect 2, attempt 1");
    assert!(matches!(has_changed(&process, &first).await, EntryState::Completed { .. }));
    assert!(process.ask(&request).await.is_replay());
}
