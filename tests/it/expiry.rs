//! Expiry of a key, by a clock that the test sets.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::{Idempotency, IdempotencyBuilder, ManualClock, MemoryStore, WhenFull, idempotent};
use idempotent_tests::Reply;

use crate::fixture::{Effects, Served, assert_replayed, serve};

#[idempotent]
async fn day(body: web::Bytes, effects: Effects) -> impl Responder {
    let number = effects.fetch_add(1, SeqCst);
    HttpResponse::Created().insert_header(("X-Number", number.to_string())).body(body)
}

#[allow(deprecated)]
#[idempotent(ttl = "1h 30m")]
async fn short(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(replay = "final")]
async fn failing(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::InternalServerError()
}

fn start(builder: IdempotencyBuilder) -> Served {
    serve(&builder.build().unwrap(), |app| {
        app.route("/day", web::post().to(day))
            .route("/short", web::post().to(short))
            .route("/failing", web::post().to(failing));
    })
}

const KEY: &str = "Idempotency-Key: k";
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const TICK: Duration = Duration::from_millis(1);

#[test]
fn a_response_is_replayed_until_its_ttl_and_then_the_key_is_new() {
    for (path, ttl) in [("/day", DAY), ("/short", Duration::from_secs(90 * 60))] {
        let clock = ManualClock::new();
        let server = start(Idempotency::builder().clock(clock.clone()));
        let first = server.post(path, &[KEY], b"1");
        clock.advance(ttl - TICK);
        assert_replayed(&first, &server.post(path, &[KEY], b"1"));
        assert_eq!(server.post(path, &[KEY], b"2").code(), "key_reused");
        clock.advance(TICK);
        // With another body, too: what the key was used for is forgotten with it.
        let second = server.post(path, &[KEY], b"2");
        assert_eq!((second.status, second.text(), second.is_replay()), (201, "2", false));
        assert_eq!(server.effects(), 2);
        clock.advance(ttl - TICK);
        assert_replayed(&second, &server.post(path, &[KEY], b"2"));
    }
}

#[test]
fn a_replay_does_not_make_a_response_younger() {
    let clock = ManualClock::new();
    let server = start(Idempotency::builder().clock(clock.clone()));
    for hour in 0..24 {
        assert_eq!(server.post("/day", &[KEY], b"1").is_replay(), hour > 0);
        clock.advance(DAY / 24);
    }
    assert!(!server.post("/day", &[KEY], b"1").is_replay());
}

#[test]
fn expired_keys_are_remembered_for_as_long_as_the_application_says() {
    let clock = ManualClock::new();
    let server = start(Idempotency::builder().clock(clock.clone()).remember_expired_keys(DAY * 7));
    let first = server.post("/day", &[KEY], b"1");
    clock.advance(DAY - TICK);
    assert_replayed(&first, &server.post("/day", &[KEY], b"1"));
    clock.advance(TICK);
    for _ in 0..2 {
        let expired = server.post("/day", &[KEY], b"1");
        assert_eq!((expired.status, expired.code().as_str()), (409, "key_expired"));
        // That the key was used with another request is told before any other state.
        assert_eq!(server.post("/day", &[KEY], b"2").code(), "key_reused");
        clock.advance(DAY * 7 - TICK - TICK);
        assert_eq!(server.post("/day", &[KEY], b"1").code(), "key_expired");
        clock.advance(TICK + TICK);
        assert_eq!(server.post("/day", &[KEY], b"1").status, 201);
        clock.advance(DAY);
    }
    assert_eq!(server.effects(), 3);
}

#[test]
fn a_key_that_was_freed_is_not_remembered() {
    let clock = ManualClock::new();
    let server = start(Idempotency::builder().clock(clock.clone()).remember_expired_keys(DAY));
    for effects in 1..=3 {
        assert_eq!(server.post("/failing", &[KEY], b"").status, 500);
        assert_eq!(server.effects(), effects);
        clock.advance(DAY);
    }
}

/// Posts with new keys until one is refused. How many were not, and the refusal.
fn fill(server: &Served, name: &str, body: &[u8]) -> (usize, Reply) {
    for number in 0..10_000 {
        let reply = server.post("/day", &[&format!("Idempotency-Key: {name}-{number}")], body);
        if reply.status != 201 {
            return (number, reply);
        }
    }
    panic!("never full")
}

const SECONDS: Duration = Duration::from_secs(2);
const BUDGET: u64 = 100_000;

#[test]
fn a_full_store_refuses_new_keys_forgets_no_live_one_and_gives_expired_memory_back() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().budget(BUDGET).caller_share(100).clock(clock.clone()).build();
    let server = start(Idempotency::builder().store(store.clone()));
    let body = [b'x'; 5_000];
    let (count, refusal) = fill(&server, "a", &body);
    assert!((10..20).contains(&count), "{count} responses of {} bytes in {BUDGET}", body.len());
    assert_eq!((refusal.status, refusal.code().as_str()), (503, "store_full"));
    assert_eq!(
        refusal.header("retry-after"),
        Some("3600"),
        "something expires in a day, and nobody is told to wait longer than an hour"
    );
    assert!(store.used_bytes() <= BUDGET + 6_000, "{}", store.used_bytes());
    for number in 0..count {
        let replay = server.post("/day", &[&format!("Idempotency-Key: a-{number}")], &body);
        assert!(replay.is_replay() && replay.body == body, "{number}: {}", replay.status);
    }
    assert_eq!((server.effects(), store.evicted()), (count, 0));
    // In whole seconds: that often a full store looks for what has expired.
    clock.advance(DAY - SECONDS);
    let refusal = server.post("/day", &["Idempotency-Key: new"], &body);
    assert_eq!((refusal.code().as_str(), refusal.header("retry-after")), ("store_full", Some("2")));
    clock.advance(SECONDS);
    let (again, _) = fill(&server, "b", &body);
    assert_eq!(again, count);
    clock.advance(DAY);
    assert_eq!(server.post("/day", &["Idempotency-Key: new"], b"").status, 201);
    assert!(store.used_bytes() < 1_500, "{}", store.used_bytes());
}

#[test]
fn a_budget_for_nothing_refuses_every_key() {
    let store = MemoryStore::builder().budget(1).build();
    let server = start(Idempotency::builder().store(store.clone()));
    assert_eq!(server.post("/day", &[KEY], b"1").code(), "store_full");
    assert_eq!((server.effects(), store.used_bytes()), (0, 0));
}

#[test]
fn a_store_that_may_evict_forgets_the_oldest_and_counts_them() {
    let store =
        MemoryStore::builder().budget(BUDGET).caller_share(100).when_full(WhenFull::EvictOldest).build();
    let server = start(Idempotency::builder().store(store.clone()));
    let body = [b'x'; 5_000];
    let post = |number: usize| server.post("/day", &[&format!("Idempotency-Key: {number}")], &body);
    for number in 0..100 {
        assert_eq!((post(number).status, server.effects()), (201, number + 1));
        // The first is asked for again and again, and is none the younger for it.
        if number < 5 {
            assert!(post(0).is_replay());
        }
    }
    let evicted = store.evicted();
    assert!((75..95).contains(&evicted), "{evicted} of 100");
    assert!(store.used_bytes() <= BUDGET + 6_000, "{}", store.used_bytes());
    for number in 90..100 {
        assert!(post(number).is_replay(), "{number}");
    }
    assert_eq!(server.effects(), 100);
    assert!(!post(0).is_replay());
}
