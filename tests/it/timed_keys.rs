//! Keys that tell their time: a late one is refused although nothing is remembered of it.

use std::{
    sync::atomic::Ordering::SeqCst,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use actix_web::{HttpResponse, Responder, web};
use idempotent_runtime::{BuildError, Clock, Idempotency, KeyFormat, ManualClock, MemoryStore, idempotent};
use idempotent_tests::{Reply, fresh, scripted::Scripted};

use crate::{
    fixture::{Calls, Effects, Served, assert_replayed, serve},
    log,
};

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const MINUTES: Duration = Duration::from_secs(5 * 60);
const TICK: Duration = Duration::from_millis(1);
const FORMAT: KeyFormat = KeyFormat::UuidV7 { max_age: DAY };

#[idempotent]
async fn ordered(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

#[idempotent(required = false)]
async fn maybe_ordered(body: web::Bytes, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created().body(body)
}

/// A server, its store, and the clock of both.
struct Timed {
    server: Served,
    store: Scripted,
    clock: ManualClock,
}

fn timed() -> Timed {
    let clock = ManualClock::new();
    let store = Scripted::new(MemoryStore::builder().clock(clock.clone()).build());
    let builder = Idempotency::builder().store(store.clone()).clock(clock.clone()).key_format(FORMAT);
    let server = serve(&builder.build().unwrap(), |app| {
        app.route("/", web::post().to(ordered)).route("/maybe", web::post().to(maybe_ordered));
    });
    Timed { server, store, clock }
}

impl Timed {
    fn now(&self) -> Duration {
        Duration::from_millis(self.clock.now().as_millis())
    }

    fn send(&self, path: &str, key: &str) -> Reply {
        self.server.post(path, &[&format!("Idempotency-Key: {key}")], b"order")
    }

    fn calls(&self) -> Calls {
        Calls::to(&self.store)
    }
}

/// The UUID of version 7 that was made so long after 1970.
fn made(at: Duration) -> String {
    let millis = format!("{:012x}", at.as_millis());
    format!("{}-{}-7cc3-98c4-dc0c0c07398f", &millis[..8], &millis[8..])
}

#[test]
fn a_key_in_time_runs_once_and_is_replayed() {
    let timed = timed();
    let now = timed.now();
    for (number, key) in [made(now), made(now - DAY), made(now + MINUTES)].iter().enumerate() {
        let first = timed.send("/", key);
        assert_eq!(first.status, 201, "{first:?}");
        assert_replayed(&first, &timed.send("/", key));
        assert_eq!(timed.server.effects(), number + 1);
    }
}

#[test]
fn a_late_key_is_expired_and_nothing_is_asked_of_the_store() {
    let timed = timed();
    for path in ["/", "/maybe"] {
        let key = made(timed.now() - DAY - TICK);
        let late = timed.send(path, &key);
        assert_eq!((late.status, &*late.code()), (409, "key_expired"));
        let problem = late.json();
        assert_eq!((&problem["retryable"], &problem["idempotency_key"]), (&false.into(), &key.into()));
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("more than 1 day ago") && detail.contains("`max_age`"), "{detail}");
    }
    assert_eq!((timed.server.effects(), timed.calls()), (0, Calls::default()));
}

#[test]
fn a_retry_that_comes_too_late_is_refused_although_its_response_is_forgotten() {
    let timed = timed();
    let key = made(timed.now());
    assert_eq!(timed.send("/", &key).status, 201);
    timed.clock.advance(DAY + TICK);
    let before = timed.calls();
    assert_eq!(timed.send("/", &key).code(), "key_expired");
    assert_eq!((timed.server.effects(), timed.calls()), (1, before));
}

#[test]
fn an_early_or_a_foreign_key_is_invalid_and_nothing_is_asked_of_the_store() {
    let timed = timed();
    let now = timed.now();
    let version_4 = "8e03978e-40d5-43dd-bc93-6894a57f9324";
    let without_hyphens = made(now).replace('-', "");
    let foreign = "version 7";
    for path in ["/", "/maybe"] {
        for (key, detail) in [
            (&*made(now + MINUTES + TICK), "five minutes ahead"),
            (version_4, foreign),
            (&*made(now).replace("-7cc3-", "-8cc3-"), foreign),
            (&*without_hyphens, foreign),
            ("order-1", foreign),
        ] {
            let refused = timed.send(path, key);
            assert_eq!((refused.status, &*refused.code()), (400, "key_invalid"), "{key}");
            assert!(refused.json()["detail"].as_str().unwrap().contains(detail), "{key}: {refused:?}");
        }
    }
    assert_eq!((timed.server.effects(), timed.calls()), (0, Calls::default()));
}

#[test]
fn capitals_and_small_letters_are_one_key() {
    let timed = timed();
    let key = made(timed.now());
    let first = timed.send("/", &key.to_uppercase());
    for spelling in [key.clone(), format!("\"{}\"", key.to_uppercase())] {
        assert_replayed(&first, &timed.send("/", &spelling));
    }
}

#[test]
fn without_a_clock_of_the_tests_the_wall_clock_judges() {
    let idempotency = fresh().key_format(FORMAT).build().unwrap();
    let server = serve(&idempotency, |app| {
        app.route("/", web::post().to(ordered));
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let code = |key: String| server.post("/", &[&format!("Idempotency-Key: {key}")], b"").code();
    assert_eq!(code(made(now)), "");
    assert_eq!(code(made(now - DAY - HOUR)), "key_expired");
    assert_eq!(code(made(now + HOUR)), "key_invalid");
}

#[test]
fn a_max_age_that_is_shorter_than_a_ttl_is_warned_of_at_start() {
    log::listen();
    let warnings = || {
        let lines = log::lines().into_iter().filter(|line| line.contains("is shorter than the ttl"));
        lines.filter(|line| line.contains("timed_keys::ordered")).count()
    };
    let build = |max_age| fresh().key_format(KeyFormat::UuidV7 { max_age }).build();
    let before = warnings();
    build(DAY).unwrap();
    assert_eq!(warnings(), before);
    build(DAY - TICK).unwrap();
    assert_eq!(warnings(), before + 1);
    assert_eq!(build(Duration::ZERO).unwrap_err(), BuildError::Zero("max_age"));
}
