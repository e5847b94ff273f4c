//! Defaults of an application for what its attributes leave out, and other settings for a scope.

use std::{sync::atomic::Ordering::SeqCst, time::Duration};

use actix_web::{HttpResponse, Responder, http::StatusCode, web};
use idempotent_runtime::{BuildError, Idempotency, ManualClock, MemoryStore, Once, Replay, idempotent};
use idempotent_tests::fresh;

use crate::fixture::{Effects, Served, assert_replayed, serve, serve_bare};

#[idempotent]
async fn leaves_out(status: web::Path<u16>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::build(StatusCode::from_u16(*status).unwrap())
}

#[allow(deprecated)]
#[idempotent(ttl = "2h", required = true, replay = "all", abandoned = "refuse", wait = "10s")]
async fn writes(status: web::Path<u16>, effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::build(StatusCode::from_u16(*status).unwrap())
}

#[idempotent(scope = "group:shared")]
async fn shared(effects: Effects) -> impl Responder {
    effects.fetch_add(1, SeqCst);
    HttpResponse::Created()
}

fn routes(app: &mut web::ServiceConfig) {
    app.route("/left/{status}", web::post().to(leaves_out))
        .route("/written/{status}", web::post().to(writes))
        .route("/shared", web::post().to(shared));
}

const KEY: &str = "Idempotency-Key: k";
const HOUR: Duration = Duration::from_secs(3600);
const TICK: Duration = Duration::from_millis(1);

/// Replays of `path` end after this time, and not before.
fn is_replayed_for(ttl: Duration, server: &Served, clock: &ManualClock, path: &str) {
    let first = server.post(path, &[KEY], b"");
    clock.advance(ttl - TICK);
    assert_replayed(&first, &server.post(path, &[KEY], b""));
    clock.advance(TICK);
    assert!(!server.post(path, &[KEY], b"").is_replay(), "{path}");
}

#[test]
fn the_ttl_of_an_application_is_for_attributes_that_write_none() {
    let clock = ManualClock::new();
    let idempotency = Idempotency::builder().clock(clock.clone()).ttl(HOUR).build().unwrap();
    let server = serve(&idempotency, routes);
    is_replayed_for(HOUR, &server, &clock, "/left/201");
    is_replayed_for(HOUR * 2, &server, &clock, "/written/201");
}

#[test]
fn a_key_is_optional_and_a_response_is_stored_as_the_application_says() {
    let idempotency = fresh().required(false).replay(Replay::Success).build().unwrap();
    let server = serve(&idempotency, routes);
    assert_eq!(server.post("/left/201", &[], b"").status, 201);
    assert_eq!(server.post("/written/201", &[], b"").code(), "key_missing");
    for path in ["/left/422", "/written/422"] {
        server.post(path, &[KEY], b"");
    }
    assert!(!server.post("/left/422", &[KEY], b"").is_replay());
    assert!(server.post("/written/422", &[KEY], b"").is_replay());
}

#[test]
fn a_ttl_that_cannot_work_is_an_error_that_names_it() {
    let century = HOUR * 24 * 36_500;
    for (ttl, expected) in [
        (Duration::ZERO, BuildError::Zero("ttl")),
        (Duration::from_millis(999), BuildError::Ttl(Duration::from_millis(999))),
        (century + TICK, BuildError::Ttl(century + TICK)),
        (Duration::MAX, BuildError::Ttl(Duration::MAX)),
    ] {
        let built = [
            Idempotency::builder().ttl(ttl).build(),
            fresh().build().unwrap().with(|settings| settings.ttl(ttl)),
        ];
        for error in built.map(Result::unwrap_err) {
            assert_eq!(error, expected);
            assert!(error.to_string().contains("`ttl`"), "{error}");
        }
    }
    for ttl in [Duration::from_secs(1), century] {
        assert!(Idempotency::builder().ttl(ttl).wait(Duration::MAX).build().is_ok(), "{ttl:?}");
    }
}

/// A shop with other settings for partners, in scopes and on a resource.
fn with_partners(idempotency: &Idempotency) -> Served {
    let partners =
        idempotency.with(|settings| settings.ttl(HOUR).header_name("X-Request-Id").required(false)).unwrap();
    let idempotency = idempotency.clone();
    serve_bare(move |app| {
        app.app_data(idempotency.clone())
            .service(web::scope("/partners").app_data(partners.clone()).configure(routes))
            .configure(routes);
    })
}

#[test]
fn a_scope_has_settings_of_its_own_on_the_same_keys() {
    let clock = ManualClock::new();
    let idempotency = Idempotency::builder().clock(clock.clone()).namespace("shop").build().unwrap();
    let server = with_partners(&idempotency);
    assert_eq!(server.post("/left/201", &[], b"").code(), "key_missing");
    assert_eq!(server.post("/partners/left/201", &[], b"").status, 201);

    let first = server.post("/shared", &[KEY], b"");
    assert_replayed(&first, &server.post("/partners/shared", &["X-Request-Id: k"], b""));
    // Whoever runs it says for how long it is replayed.
    clock.advance(HOUR);
    assert!(server.post("/partners/shared", &["X-Request-Id: k"], b"").is_replay());
    let theirs = server.post("/partners/shared", &["X-Request-Id: theirs"], b"");
    assert_replayed(&theirs, &server.post("/shared", &["Idempotency-Key: theirs"], b""));
    clock.advance(HOUR);
    assert!(!server.post("/shared", &["Idempotency-Key: theirs"], b"").is_replay());
}

#[test]
fn a_setting_that_is_left_alone_is_what_it_was() {
    let idempotency = fresh()
        .header_name("X-Once")
        .max_request_body(4)
        .reused_status(StatusCode::UNPROCESSABLE_ENTITY)
        .build()
        .unwrap();
    let other = idempotency.with(|settings| settings.max_response_body(1)).unwrap();
    let server = serve(&other, routes);
    assert_eq!(
        server.post("/shared", &[], b"").json()["detail"].as_str().unwrap().matches("X-Once").count(),
        1
    );
    assert_eq!(server.post("/shared", &["X-Once: k"], b"12345").code(), "body_too_large");
    server.post("/shared", &["X-Once: k"], b"1");
    assert_eq!(server.post("/shared", &["X-Once: k"], b"2").status, 422);
}

#[tokio::test]
async fn a_drain_ends_new_keys_under_each_handle_on_the_store() {
    let idempotency = fresh().build().unwrap();
    let server = with_partners(&idempotency);
    let _ = idempotency.drain(Duration::ZERO).await;
    for (path, key) in [("/shared", KEY), ("/partners/shared", "X-Request-Id: k")] {
        assert_eq!(server.post(path, &[key], b"").code(), "shutting_down");
    }
}

#[tokio::test]
async fn a_call_of_once_takes_the_ttl_that_it_does_not_name() {
    let clock = ManualClock::new();
    let store = MemoryStore::builder().clock(clock.clone()).build();
    let idempotency = Idempotency::builder().store(store).ttl(HOUR).build().unwrap();
    let run =
        async |number: u32| idempotency.once("settle", "k").run(async |_| Ok::<_, ()>(number)).await.unwrap();
    assert_eq!(run(1).await, Once::Ran(1));
    clock.advance(HOUR - TICK);
    assert_eq!(run(2).await, Once::Replayed(1));
    clock.advance(TICK);
    assert_eq!(run(3).await, Once::Ran(3));
}
